//! Sealing and proving: the log has one tree, no matter which process seals it, or in which parts.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chem_runtime::event::FlowId;
use chem_runtime::evidence::{
    EvidenceError, Finding, Frontier, Hashed, Tiles, Walk, Witness, audit, evidence_of, inclusion_proof, leaf_hash,
    prove_run, seal, verify_inclusion, write_tiles,
};
use chem_runtime::store::{Attestation, Cursor, EventStore, NewEvent, append_time};
use chem_tests::events::{artifact, finished, numbered, signal};
use chem_tests::stores::{Backend, Tampering};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use tempfile::TempDir;

/// Returns the store, if it keeps attestations.
pub(super) fn sealable(backend: &dyn Backend) -> Option<Arc<dyn EventStore>> {
    let store = backend.store();
    if store.attestations().is_none() {
        assert!(matches!(seal(store.as_ref(), None, None), Err(EvidenceError::Unsupported)));
        assert!(matches!(audit(store.as_ref(), None, None), Err(EvidenceError::Unsupported)));
        return None;
    }
    Some(store)
}

/// Appends two events with an artifact to a run.
pub(super) fn append(store: &dyn EventStore, run: FlowId, number: u64) {
    let position = store.next_position(run).unwrap();
    let artifact = artifact(number).with_metadata(serde_json::json!({ "from": "here" }));
    store.append(run, position, &[numbered(number), finished([artifact])]).unwrap();
}

/// Appends events of three runs in turn, and seals the log now and then.
pub(super) fn sealed_log(store: &dyn EventStore, witness: &Witness) -> [FlowId; 3] {
    let runs = [FlowId::new(), FlowId::new(), FlowId::new()];
    for number in 0..12 {
        append(store, runs[number as usize % 3], number);
        if number % 4 == 3 {
            assert!(seal(store, Some(witness), None).unwrap().is_new);
        }
    }
    runs
}

pub(super) fn witness() -> (TempDir, Witness) {
    let directory = tempfile::tempdir().unwrap();
    let witness = Witness::new(directory.path());
    (directory, witness)
}

#[track_caller]
pub(super) fn sound(store: &dyn EventStore, witness: &Witness) {
    let audit = audit(store, Some(witness), None).unwrap();
    assert_eq!(audit.findings, []);
    assert!(audit.witnessed.is_some());
}

pub(super) fn attestations_are_numbered_without_gaps_and_come_back(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let attestations = store.attestations().unwrap();
    let of = |number, kind: &str, run| Attestation {
        number,
        kind: kind.to_owned(),
        flow_id: run,
        statement: format!("statement {number} ü\n"),
        signature: run.map(|_| "signature\n".to_owned()),
        ts: append_time(),
    };
    let all = [of(0, "checkpoint", None), of(1, "statement", Some(FlowId::new())), of(2, "checkpoint", None)];
    assert_eq!(attestations.next_attestation().unwrap(), 0);
    assert!(!attestations.append_attestations(&all[1..]).unwrap());
    assert!(!attestations.append_attestations(&[all[0].clone(), all[2].clone()]).unwrap());
    assert_eq!(attestations.read_attestations(0, 9).unwrap(), []);
    assert!(attestations.append_attestations(&all[..2]).unwrap());
    assert!(!attestations.append_attestations(&all[1..]).unwrap());
    assert!(attestations.append_attestations(&all[2..]).unwrap());
    assert_eq!(attestations.next_attestation().unwrap(), 3);
    let store = backend.reopen().unwrap_or(store);
    let attestations = store.attestations().unwrap();
    assert_eq!(attestations.read_attestations(0, 9).unwrap(), all);
    assert_eq!(attestations.read_attestations(1, 1).unwrap(), all[1..2]);
    assert_eq!(attestations.newest_attestation("checkpoint").unwrap().as_ref(), Some(&all[2]));
    assert_eq!(attestations.newest_attestation("nothing").unwrap(), None);
    for (from, first) in [(0, Some(&all[0])), (1, Some(&all[2])), (2, Some(&all[2])), (3, None), (u64::MAX, None)] {
        assert_eq!(attestations.first_attestation("checkpoint", from).unwrap().as_ref(), first, "{from}");
    }
    assert_eq!(attestations.first_signed("checkpoint", 0).unwrap(), None);
    assert_eq!(attestations.first_signed("statement", 0).unwrap().as_ref(), Some(&all[1]));
    assert_eq!(attestations.first_signed("statement", 2).unwrap(), None);
    let run = all[1].flow_id.unwrap();
    assert_eq!(attestations.attestations_about("statement", run).unwrap(), all[1..2]);
    assert_eq!(attestations.attestations_about("checkpoint", run).unwrap(), []);
    assert_eq!(attestations.attestations_about("statement", FlowId::new()).unwrap(), []);
}

pub(super) fn the_seal_of_a_run_is_the_first_that_covers_all_that_is_sealed_of_it(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (run, other) = (FlowId::new(), FlowId::new());
    let of = |run| evidence_of(store.as_ref(), run).unwrap().unwrap();
    let sealed = |run| of(run).seal.map(|seal| (seal.events, seal.checkpoint.size, seal.is_as_sealed));
    append(store.as_ref(), run, 0);
    assert_eq!((of(run).events, of(run).seal), (2, None));
    // The log has had 2 events of the run at the first seal, and then two of each run at each.
    let mut expected = Vec::new();
    for number in 1..=9 {
        seal(store.as_ref(), None, None).unwrap();
        expected.push(sealed(run));
        append(store.as_ref(), other, number);
        append(store.as_ref(), run, number + 100);
        assert_eq!(of(run).unsealed(), 2);
    }
    let whole = (1..=9).map(|seal| Some((2 * seal, 4 * seal - 2, true)));
    assert_eq!(expected, whole.collect::<Vec<_>>());
    assert_eq!(sealed(run), Some((18, 34, true)));
    seal(store.as_ref(), None, None).unwrap();
    assert_eq!(sealed(other), Some((18, 38, true)));
    // A run that has ended keeps its seal, however many come later.
    let third = FlowId::new();
    append(store.as_ref(), third, 50);
    seal(store.as_ref(), None, None).unwrap();
    append(store.as_ref(), FlowId::new(), 51);
    seal(store.as_ref(), None, None).unwrap();
    assert_eq!((sealed(run), sealed(third)), (Some((20, 38, true)), Some((2, 40, true))));
    assert_eq!((of(FlowId::new()).events, sealed(FlowId::new())), (0, None));
    // Events are where the log has them.
    let (mut cursor, mut positions) = (Cursor::START, HashMap::new());
    loop {
        let page = store.read_log(cursor, 7).unwrap();
        for (event, after) in page.events.iter().zip(&page.cursors) {
            assert_eq!(store.cursor_after(event.flow_id, event.position).unwrap(), Some(*after));
            *positions.entry(event.flow_id).or_insert(0) += 1;
        }
        cursor = page.cursor;
        if page.events.is_empty() {
            break;
        }
    }
    assert_eq!(positions.get(&run), Some(&20));
    assert_eq!(store.cursor_after(run, 20).unwrap(), None);
}

pub(super) fn a_log_sealed_in_parts_has_the_tree_of_the_whole(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    assert_eq!(seal(store.as_ref(), None, None).unwrap().checkpoint, None);
    let (_directory, witness) = witness();
    let runs = sealed_log(store.as_ref(), &witness);
    let (mut walk, mut tree) = (Walk::after(store.as_ref(), Cursor::START), Frontier::default());
    while let Some(page) = Some(walk.next_page().unwrap()).filter(|page| !page.is_empty()) {
        page.iter().for_each(|hashed| tree.push(hashed.leaf));
    }
    let again = seal(store.as_ref(), Some(&witness), None).unwrap();
    assert!(!again.is_new);
    let checkpoint = again.checkpoint.unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (24, tree.root()));
    assert_eq!(checkpoint.origin, format!("chem/{}", runs[0]));

    let audited = audit(store.as_ref(), Some(&witness), None).unwrap();
    assert_eq!((audited.events, audited.artifacts, audited.checkpoints, audited.unsealed()), (24, 12, 3, 0));
    assert_eq!(audited.witnessed.map(|kept| kept.checkpoint).as_ref(), Some(&checkpoint));
    // What is not sealed yet is no finding.
    append(store.as_ref(), runs[0], 99);
    let audited = audit(store.as_ref(), Some(&witness), None).unwrap();
    assert_eq!((audited.events, audited.unsealed(), audited.is_sound()), (26, 2, true));
    assert_eq!(seal(store.as_ref(), None, None).unwrap().events, 2);
    sound(store.as_ref(), &witness);

    let proof = prove_run(store.as_ref(), runs[1]).unwrap().unwrap();
    let hashed = walk_to(store.as_ref(), proof.index);
    assert_eq!((hashed.event.flow_id.as_str(), hashed.head), (runs[1].to_string().as_str(), proof.head));
    let (size, root) = (proof.checkpoint.size, proof.checkpoint.root);
    assert!(verify_inclusion(&proof.hashes, proof.index, size, &hashed.leaf, &root));
    assert!(proof.to_string().len() <= 2048);
    assert_eq!(prove_run(store.as_ref(), FlowId::new()).unwrap(), None);
}

pub(super) fn a_walk_ends_although_others_append_faster_than_it_reads(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let more = |count: usize| {
        let events: Vec<NewEvent> = (0..count).map(|_| signal("more").into()).collect();
        store.append(FlowId::new(), 0, &events).unwrap();
    };
    more(1_500);
    let (mut walk, mut read) = (Walk::after(store.as_ref(), Cursor::START), 0);
    loop {
        let page = walk.next_page().unwrap();
        if page.is_empty() {
            break;
        }
        read += page.len();
        assert!(read < 5_000, "the walk follows those who append");
        more(1_500);
    }
    assert!(read >= 1_500, "{read} events were read");
    // Another walk begins where this one ended, and misses nothing.
    let mut rest = Walk::after(store.as_ref(), walk.cursor());
    let left = std::iter::from_fn(|| Some(rest.next_page().unwrap().len()).filter(|len| *len > 0)).sum::<usize>();
    assert_eq!((read + left) % 1_500, 0);
    assert_eq!(seal(store.as_ref(), None, None).unwrap().events, (read + left) as u64);
}

pub(super) fn walk_to(store: &dyn EventStore, index: u64) -> chem_runtime::evidence::Hashed {
    let page = Walk::after(store, Cursor::START).next_page().unwrap();
    page.into_iter().nth(usize::try_from(index).unwrap()).unwrap()
}

pub(super) fn sealers_at_once_and_writers_give_no_false_alarm(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let ((_directory, witness), over) = (witness(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let sealers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        match seal(store.as_ref(), Some(&witness), None) {
                            Ok(_) | Err(EvidenceError::Busy) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let store = store.clone();
                scope.spawn(move || {
                    let run = FlowId::new();
                    (0..20).for_each(|number| append(store.as_ref(), run, writer * 100 + number));
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        over.store(true, Ordering::Relaxed);
        sealers.into_iter().for_each(|sealer| sealer.join().unwrap());
    });
    seal(store.as_ref(), Some(&witness), None).unwrap();
    let audited = audit(store.as_ref(), Some(&witness), None).unwrap();
    assert_eq!((audited.events, audited.unsealed(), audited.findings), (160, 0, vec![]));
}

pub(super) fn an_event_of_an_unknown_kind_is_sealed_too(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let run = FlowId::new();
    store.append(run, 0, &[numbered(1), numbered(2), signal("end").into()]).unwrap();
    // What a later release adds to the kinds, this one has not: the table refuses it only with its triggers.
    let statement =
        format!("UPDATE event_log SET event_type = 'steppondered' WHERE flow_id = '{run}' AND position = 1");
    if !backend.by_force(Tampering::Sql { table: "event_log", statement: &statement }) {
        return;
    }
    assert!(store.read_run(run, 0).is_err());
    let (_directory, witness) = witness();
    assert_eq!(seal(store.as_ref(), Some(&witness), None).unwrap().events, 3);
    sound(store.as_ref(), &witness);
}

/// Returns the entries in a file of them: each has its length before it, in two bytes.
fn entries(file: &Path) -> Vec<Vec<u8>> {
    let (bytes, mut entries) = (std::fs::read(file).unwrap(), Vec::new());
    let mut rest = bytes.as_slice();
    while let [high, low, left @ ..] = rest {
        let (entry, left) = left.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        entries.push(entry.to_vec());
        rest = left;
    }
    entries
}

pub(super) fn tiles_lead_to_the_root_and_a_changed_one_is_found(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (run, directory) = (FlowId::new(), tempfile::tempdir().unwrap());
    let grow = |count| {
        let events: Vec<NewEvent> = (0..count).map(numbered).collect();
        store.append(run, store.next_position(run).unwrap(), &events).unwrap();
    };
    let write = || write_tiles(store.as_ref(), directory.path());
    let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
    grow(600);
    assert_eq!(write().unwrap(), Tiles { checkpoint: None, written: 0 });
    let checkpoint = seal(store.as_ref(), None, None).unwrap().checkpoint.unwrap();
    // Three files of entries, three tiles of leaves, one of the level above, and the checkpoint.
    assert_eq!(write().unwrap(), Tiles { checkpoint: Some(checkpoint.clone()), written: 8 });
    assert_eq!(read("checkpoint"), checkpoint.to_string().into_bytes());
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let (mut leaves, mut above) = (Vec::new(), Vec::new());
    for name in ["000", "001", "002.p/88"] {
        entries(&directory.path().join("tile/entries").join(name)).into_iter().for_each(|entry| tree.push(entry));
        let tile = read(&format!("tile/0/{name}"));
        if tile.len() == 256 * 32 {
            let mut part = MemoryBackedTree::<Sha256, Vec<u8>>::new();
            tree.items()[leaves.len() / 32..].iter().for_each(|entry| part.push(entry.clone()));
            above.extend_from_slice(part.root().as_bytes());
        }
        leaves.extend(tile);
    }
    assert_eq!(tree.root().as_bytes().as_slice(), checkpoint.root.bytes());
    let hashes: Vec<u8> = tree.items().iter().flat_map(|entry| *leaf_hash(entry).bytes()).collect();
    assert!(hashes == leaves && above == read("tile/1/000.p/2"));

    grow(500);
    seal(store.as_ref(), None, None).unwrap();
    // The full tiles are there: two new ones of each kind, what is left, the level above, and the checkpoint.
    assert_eq!(write().unwrap().written, 8);
    assert_eq!(read("tile/1/000.p/4")[..64], above);
    let tile = directory.path().join("tile/0/001");
    let mut changed = std::fs::read(&tile).unwrap();
    changed[77] ^= 1;
    std::fs::write(&tile, changed).unwrap();
    let Err(EvidenceError::NotAsSealed(finding)) = write() else { panic!("the tile is another one") };
    assert_eq!(*finding, Finding::Tile { path: tile });
}

pub(super) fn a_run_is_proved_by_the_sealed_leaves_as_by_the_log(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (_directory, witness) = witness();
    let runs = sealed_log(store.as_ref(), &witness);
    // A seal that finds nothing new but a statement writes no leaves.
    let attestations = store.attestations().unwrap();
    let number = attestations.next_attestation().unwrap();
    let (kind, statement) = ("note".to_owned(), String::new());
    let note = Attestation { number, kind, flow_id: None, statement, signature: None, ts: append_time() };
    assert!(attestations.append_attestations(&[note]).unwrap());
    assert!(seal(store.as_ref(), Some(&witness), None).unwrap().is_new);
    append(store.as_ref(), runs[1], 99);
    let mut hashed = Vec::new();
    let mut walk = Walk::after(store.as_ref(), Cursor::START);
    while let Some(page) = Some(walk.next_page().unwrap()).filter(|page| !page.is_empty()) {
        hashed.extend(page);
    }
    let leaves: Vec<_> = hashed.iter().map(|hashed| hashed.leaf).collect();
    for run in runs {
        let proof = prove_run(store.as_ref(), run).unwrap().unwrap();
        let of_run = |hashed: &&Hashed| hashed.event.flow_id == run.to_string();
        let last = hashed[..24].iter().rfind(of_run).unwrap();
        assert_eq!((proof.position, proof.head), (last.event.position, last.head));
        assert_eq!(Some(proof.hashes.clone()), inclusion_proof(&leaves[..24], proof.index as usize));
        let (index, size, root) = (proof.index, proof.checkpoint.size, proof.checkpoint.root);
        assert!(verify_inclusion(&proof.hashes, index, size, &last.leaf, &root));
    }
}

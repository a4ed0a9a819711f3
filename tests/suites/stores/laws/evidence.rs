//! What is sealed stays as it was, or an audit names what does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chem_runtime::event::FlowId;
use chem_runtime::evidence::{
    EvidenceError, Finding, Frontier, Walk, Witness, audit, prove_run, seal, verify_inclusion,
};
use chem_runtime::store::{Attestation, Cursor, EventStore, append_time};
use chem_tests::events::{artifact, finished, numbered, signal};
use chem_tests::stores::{Backend, Tampering};
use tempfile::TempDir;

/// Returns the store, if it keeps attestations.
fn sealable(backend: &dyn Backend) -> Option<Arc<dyn EventStore>> {
    let store = backend.store();
    if store.attestations().is_none() {
        assert!(matches!(seal(store.as_ref(), None, None), Err(EvidenceError::Unsupported)));
        assert!(matches!(audit(store.as_ref(), None, None), Err(EvidenceError::Unsupported)));
        return None;
    }
    Some(store)
}

/// Appends two events with an artifact to a run.
fn append(store: &dyn EventStore, run: FlowId, number: u64) {
    let position = store.next_position(run).unwrap();
    let artifact = artifact(number).with_metadata(serde_json::json!({ "from": "here" }));
    store.append(run, position, &[numbered(number), finished([artifact])]).unwrap();
}

/// Appends events of three runs in turn, and seals the log now and then.
fn sealed_log(store: &dyn EventStore, witness: &Witness) -> [FlowId; 3] {
    let runs = [FlowId::new(), FlowId::new(), FlowId::new()];
    for number in 0..12 {
        append(store, runs[number as usize % 3], number);
        if number % 4 == 3 {
            assert!(seal(store, Some(witness), None).unwrap().is_new);
        }
    }
    runs
}

fn witness() -> (TempDir, Witness) {
    let directory = tempfile::tempdir().unwrap();
    let witness = Witness::new(directory.path());
    (directory, witness)
}

#[track_caller]
fn sound(store: &dyn EventStore, witness: &Witness) {
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

fn walk_to(store: &dyn EventStore, index: u64) -> chem_runtime::evidence::Hashed {
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

/// The tables that a mutation can change.
const TABLES: [&str; 3] = ["event_log", "attestations", "workflow_step_artifacts"];

/// Copies the tables, to put them back later.
fn keep(backend: &dyn Backend, name: &str) -> bool {
    TABLES.iter().all(|table| {
        let statement = format!("CREATE TABLE {name}_{table} AS SELECT * FROM {table}");
        backend.by_force(Tampering::Sql { table, statement: &statement })
    })
}

fn put_back(backend: &dyn Backend, name: &str, table: &'static str) {
    let statement = format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM {name}_{table}");
    assert!(backend.by_force(Tampering::Sql { table, statement: &statement }));
}

/// A source of numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// Returns a change to a sealed store: the table, and the SQL.
fn mutation(store: &dyn EventStore, dice: &mut Dice) -> (&'static str, String) {
    let events = store.read_stored(Cursor::START, 1000).unwrap();
    let (event, _) = &events[dice.below(events.len())];
    let (other, _) = &events[dice.below(events.len())];
    let attestations = store.attestations().unwrap().read_attestations(0, 1000).unwrap();
    let attestation = &attestations[dice.below(attestations.len())];
    let hashes = store.find_artifact_hashes("", usize::MAX).unwrap();
    let hash = hashes[dice.below(hashes.len())];
    let of_event = |change: String| ("event_log", format!("UPDATE event_log SET {change} WHERE seq = {}", event.seq));
    let of_attestation = |change: String| {
        ("attestations", format!("UPDATE attestations SET {change} WHERE number = {}", attestation.number))
    };
    let of_artifact = |change: String| {
        let (table, key) = ("workflow_step_artifacts", "artifact_hash");
        (table, format!("UPDATE {table} SET {change} WHERE {key} = '{hash}'"))
    };
    match dice.below(17) {
        0 => of_event(format!("flow_id = '{}'", FlowId::new())),
        1 => of_event(format!("position = position + {}", 100 + dice.below(9))),
        2 => of_event(format!("ts = '2020-01-01T00:00:00.{:06}Z'", dice.below(999_999))),
        3 => {
            let is_signal = event.event_type == "stepsignal";
            of_event(format!("event_type = '{}'", if is_signal { "stepfinished" } else { "stepsignal" }))
        }
        4..=6 => {
            // One letter or digit becomes another one.
            let mut payload = event.payload.clone();
            let plain: Vec<usize> = (0..payload.len()).filter(|at| payload[*at].is_ascii_digit()).collect();
            let at = plain[dice.below(plain.len())];
            payload[at] = if payload[at] == b'9' { b'1' } else { b'9' };
            of_event(format!("payload = '{}'", String::from_utf8(payload).unwrap()))
        }
        7 => ("event_log", format!("DELETE FROM event_log WHERE seq = {}", event.seq)),
        8 if (event.flow_id != other.flow_id || event.position != other.position) => {
            // The runs of two events are exchanged, by way of a run that does not exist.
            let to = |seq, run: &str, position| {
                format!("UPDATE event_log SET flow_id = '{run}', position = {position} WHERE seq = {seq}")
            };
            let nowhere = FlowId::new().to_string();
            let first = to(event.seq, &nowhere, event.position);
            let second = to(other.seq, &event.flow_id, event.position);
            ("event_log", format!("{first}; {second}; {}", to(event.seq, &other.flow_id, other.position)))
        }
        8 | 9 => of_attestation("statement = statement || ' '".into()),
        10 => of_attestation("signature = 'signed'".into()),
        11 => of_attestation("kind = 'other'".into()),
        12 => of_attestation("attested_at = '2020-01-01T00:00:00.000000Z'".into()),
        13 => ("attestations", format!("DELETE FROM attestations WHERE number = {}", attestation.number)),
        14 => of_artifact(format!("payload = '{{\"number\":{}}}'", 500 + dice.below(9))),
        15 => of_artifact("kind = 'other'".into()),
        _ => {
            let table = "workflow_step_artifacts";
            (table, format!("DELETE FROM {table} WHERE artifact_hash = '{hash}'"))
        }
    }
}

pub(super) fn a_change_to_what_was_sealed_is_found_and_named(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (_directory, witness) = witness();
    sealed_log(store.as_ref(), &witness);
    if !keep(backend, "kept") {
        return;
    }
    let mut dice = Dice(7);
    for round in 0..chem_tests::effort::rounds(40) {
        let (table, statement) = mutation(store.as_ref(), &mut dice);
        assert!(backend.by_force(Tampering::Sql { table, statement: &statement }));
        let findings = audit(store.as_ref(), Some(&witness), None).unwrap().findings;
        let subject = match table {
            "event_log" => "event",
            "attestations" => "attestation",
            _ => "artifact",
        };
        // A missing attestation may leave nothing but the checkpoint outside the store to show it.
        let is_named = |finding: &Finding| {
            finding.subject() == subject || (subject == "attestation" && finding.subject() == "store")
        };
        assert!(findings.iter().any(is_named), "round {round}: {statement}: {findings:?}");
        put_back(backend, "kept", table);
        if round % 10 == 0 {
            sound(store.as_ref(), &witness);
        }
    }
    sound(store.as_ref(), &witness);
}

pub(super) fn the_first_event_that_differs_is_named(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (_directory, witness) = witness();
    let runs = sealed_log(store.as_ref(), &witness);
    let tampering = Tampering::Event { flow_id: runs[1], position: 4, payload: "{\"data\":1}" };
    if !backend.by_force(tampering) {
        return;
    }
    let findings = audit(store.as_ref(), Some(&witness), None).unwrap().findings;
    let [Finding::Event { index, found }] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!((found.flow_id.as_str(), found.position), (runs[1].to_string().as_str(), 4));
    assert_eq!(walk_to(store.as_ref(), *index).event.seq, found.seq);
}

pub(super) fn a_store_that_was_set_back_or_went_another_way_is_found(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (_directory, witness) = witness();
    let runs = sealed_log(store.as_ref(), &witness);
    if !keep(backend, "earlier") {
        return;
    }
    append(store.as_ref(), runs[2], 77);
    seal(store.as_ref(), Some(&witness), None).unwrap();
    TABLES.iter().for_each(|table| put_back(backend, "earlier", table));
    let set_back = |findings: &[Finding]| matches!(findings, [Finding::SetBack { sealed: 26, found: 24, .. }]);
    let audited = audit(store.as_ref(), Some(&witness), None).unwrap();
    assert!(set_back(&audited.findings), "{:?}", audited.findings);
    let sealed = seal(store.as_ref(), Some(&witness), None);
    let Err(EvidenceError::NotAsSealed(finding)) = sealed else { panic!("{sealed:?}") };
    assert!(set_back(std::slice::from_ref(&finding)), "{finding:?}");

    // It goes on from there, another way.
    append(store.as_ref(), runs[0], 78);
    append(store.as_ref(), runs[0], 79);
    seal(store.as_ref(), None, None).unwrap();
    let audited = audit(store.as_ref(), Some(&witness), None).unwrap();
    assert!(matches!(audited.findings[..], [Finding::Rewritten { sealed: 26, .. }]), "{:?}", audited.findings);
    let sealed = seal(store.as_ref(), Some(&witness), None);
    let Err(EvidenceError::NotAsSealed(finding)) = sealed else { panic!("{sealed:?}") };
    assert!(matches!(*finding, Finding::Rewritten { .. }), "{finding:?}");
}

pub(super) fn the_end_of_the_log_that_is_missing_is_told_from_the_end_that_is_not_sealed(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (_directory, witness) = witness();
    let runs = sealed_log(store.as_ref(), &witness);
    let table = "event_log";
    let statement = format!("DELETE FROM event_log WHERE flow_id = '{}' AND position >= 7", runs[2]);
    if !backend.by_force(Tampering::Sql { table, statement: &statement }) {
        return;
    }
    let findings = audit(store.as_ref(), None, None).unwrap().findings;
    assert!(matches!(findings[..], [Finding::EventsMissing { found: 23, sealed: 24 }, ..]), "{findings:?}");
    assert_eq!(findings.len(), 1, "{findings:?}");
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

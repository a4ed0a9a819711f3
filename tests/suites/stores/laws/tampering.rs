//! What is sealed stays as it was, or an audit names what does not.

use std::collections::BTreeSet;

use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::evidence::{EvidenceError, Finding, audit, audit_run, seal};
use chem_runtime::store::{Cursor, EventStore, Holder, Takeover};
use chem_tests::events::{finished, long_artifact, numbered};
use chem_tests::stores::{Backend, Tampering};

use super::everything;
use super::evidence::{append, sealable, sealed_log, sound, walk_to, witness};

/// Returns the names of the tables; empty if the store has none.
fn tables(backend: &dyn Backend) -> BTreeSet<String> {
    backend.columns().into_iter().map(|(table, _)| table).collect()
}

/// Copies the tables, to put them back later. Returns `false` if the store has none.
fn keep(backend: &dyn Backend, name: &str) -> bool {
    let tables = tables(backend);
    for table in &tables {
        let statement = format!("CREATE TABLE {name}_{table} AS SELECT * FROM {table}");
        assert!(backend.by_force(Tampering::Sql { table, statement: &statement }));
    }
    !tables.is_empty()
}

fn put_back(backend: &dyn Backend, name: &str, table: &str) {
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
    match dice.below(22) {
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
        16 => of_artifact(format!("metadata = '{{\"from\":\"there {}\"}}'", dice.below(99))),
        17 => of_artifact("metadata = NULL".into()),
        18 => of_artifact(format!("produced_in_seq = produced_in_seq + {}", 1 + dice.below(9))),
        19 => {
            // An artifact that no step produced, with a sealed event.
            let table = "workflow_step_artifacts";
            let values = format!("'{:064x}', 'note', '{{}}', {}", dice.below(99_999), event.seq);
            (table, format!("INSERT INTO {table} (artifact_hash, kind, payload, produced_in_seq) VALUES ({values})"))
        }
        20 => {
            // An event that no step reported, in the middle of the log.
            let (seq, run) = (-1 - dice.below(99) as i64, &event.flow_id);
            let values = format!("{seq}, '{run}', 900, '2020-01-01T00:00:00.000001Z', 'stepsignal', '{{}}'");
            (
                "event_log",
                format!("INSERT INTO event_log (seq, flow_id, position, ts, event_type, payload) VALUES ({values})"),
            )
        }
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
    let tables = tables(backend);
    if !keep(backend, "earlier") {
        return;
    }
    append(store.as_ref(), runs[2], 77);
    seal(store.as_ref(), Some(&witness), None).unwrap();
    tables.iter().for_each(|table| put_back(backend, "earlier", table));
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

/// What changes when a column does.
enum Kept {
    /// An audit finds something about an `event`, an `artifact` or an `attestation`.
    Sealed(&'static str),
    /// Nothing that a reader of the store gets, for the reason given.
    Aside(&'static str),
}
use Kept::{Aside, Sealed};

/// Every column of every store, with a change to it.
const COLUMNS: &[(&str, &str, &str, Kept)] = &[
    ("event_log", "seq", "seq + 1000 WHERE seq = 3", Sealed("event")),
    ("event_log", "xact", "(SELECT xact FROM event_log ORDER BY xact DESC LIMIT 1) WHERE seq = 3", Sealed("event")),
    ("event_log", "flow_id", "'019b0000-0000-7000-8000-000000000001' WHERE seq = 3", Sealed("event")),
    ("event_log", "position", "position + 900 WHERE seq = 3", Sealed("event")),
    ("event_log", "ts", "'2020-01-01T00:00:00.000001Z' WHERE seq = 3", Sealed("event")),
    ("event_log", "event_type", "'stepfailed' WHERE seq = 3", Sealed("event")),
    ("event_log", "payload", "'{}' WHERE seq = 3", Sealed("event")),
    ("delivery_eras", "era", "7", Aside("one era has the order of its events, whatever its number")),
    ("delivery_eras", "first_seq", "3", Sealed("event")),
    ("delivery_eras", "begun_at", "'2020-01-01T00:00:00Z'", Aside("no statement depends on it")),
    ("workflow_step_artifacts", "artifact_hash", "replace(artifact_hash, 'a', 'b')", Sealed("artifact")),
    ("workflow_step_artifacts", "kind", "'other'", Sealed("artifact")),
    ("workflow_step_artifacts", "payload", "'{}' WHERE packed IS NULL", Sealed("artifact")),
    ("workflow_step_artifacts", "metadata", "'{}'", Sealed("artifact")),
    ("workflow_step_artifacts", "produced_in_seq", "26 - produced_in_seq WHERE packed IS NULL", Sealed("artifact")),
    ("workflow_step_artifacts", "codec", "'other' WHERE packed IS NOT NULL", Aside("the further copy is sound")),
    (
        "workflow_step_artifacts",
        "packed",
        "substr(packed, 1, 20) WHERE packed IS NOT NULL",
        Aside("the further copy is sound"),
    ),
    ("artifact_repairs", "repair", "repair + 9", Aside("the first copy is sound")),
    ("artifact_repairs", "artifact_hash", "replace(artifact_hash, 'a', 'b')", Aside("the first copy is sound")),
    ("artifact_repairs", "kind", "'other'", Aside("the first copy is sound")),
    ("artifact_repairs", "payload", "'{}', codec = NULL, packed = NULL", Aside("the first copy is sound")),
    ("artifact_repairs", "metadata", "'{}'", Aside("the first copy is sound")),
    ("artifact_repairs", "codec", "'other'", Aside("the first copy is sound")),
    ("artifact_repairs", "packed", "substr(packed, 1, 20)", Aside("the first copy is sound")),
    ("artifact_repairs", "repaired_at", "'2020-01-01T00:00:00.000001Z'", Aside("no statement depends on it")),
    ("attestations", "number", "99 WHERE number = 1", Sealed("attestation")),
    ("attestations", "kind", "'other' WHERE number = 1", Sealed("attestation")),
    ("attestations", "flow_id", "'019b0000-0000-7000-8000-000000000001' WHERE number = 1", Sealed("attestation")),
    ("attestations", "statement", "statement || ' ' WHERE number = 1", Sealed("attestation")),
    ("attestations", "signature", "'signed' WHERE number = 0", Sealed("attestation")),
    ("attestations", "attested_at", "'2020-01-01T00:00:00.000001Z' WHERE number = 1", Sealed("attestation")),
    ("flow_leases", "flow_id", "'019b0000-0000-7000-8000-000000000001'", Aside(LEASE)),
    ("flow_leases", "epoch", "epoch + 9", Aside(LEASE)),
    ("flow_leases", "holder", "'{}'", Aside(LEASE)),
    ("flow_leases", "released", "1 - released", Aside(LEASE)),
    ("flow_leases", "taken_at", "'2020-01-01T00:00:00Z'", Aside(LEASE)),
    ("flow_leases", "renewed_at", "NULL", Aside(LEASE)),
    ("flow_leases", "taken_by", "'postgres2'", Aside(LEASE)),
    ("refinery_schema_history", "version", "", Aside(HISTORY)),
    ("refinery_schema_history", "name", "", Aside(HISTORY)),
    ("refinery_schema_history", "applied_on", "", Aside(HISTORY)),
    ("refinery_schema_history", "checksum", "", Aside(HISTORY)),
];
/// An append is an event, no matter which process held the lease.
const LEASE: &str = "a lease decides who appends next, and says nothing about what was appended";
/// Opening the store compares them.
const HISTORY: &str = "it is about the schema";

pub(super) fn a_change_to_any_column_is_found_or_changes_nothing_that_is_read(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (_directory, witness) = witness();
    let runs = sealed_log(store.as_ref(), &witness);
    store.append(FlowId::new(), 0, &[finished([long_artifact(1)])]).unwrap();
    assert!(seal(store.as_ref(), Some(&witness), None).unwrap().is_new);
    store.acquire_lease(runs[0], &Holder::this_process(), Takeover::IfFree).unwrap();
    let columns = backend.columns();
    if columns.is_empty() {
        return;
    }
    let copy = "INSERT INTO artifact_repairs (artifact_hash, kind, metadata, repaired_at, codec, packed)
                SELECT artifact_hash, kind, metadata, '2026-11-23T21:20:00.123456Z', codec, packed
                FROM workflow_step_artifacts WHERE packed IS NOT NULL";
    assert!(backend.by_force(Tampering::Sql { table: "artifact_repairs", statement: copy }));
    sound(store.as_ref(), &witness);
    let before = (everything(store.as_ref()), store.attestations().unwrap().read_all(0).unwrap());
    assert!(keep(backend, "whole"));
    for (table, column) in columns {
        let known = COLUMNS.iter().find(|known| (known.0, known.1) == (table.as_str(), column.as_str()));
        let (.., change, kept) = known.unwrap_or_else(|| panic!("say what a change of `{column}` in `{table}` does"));
        if change.is_empty() {
            continue;
        }
        let statement = format!("UPDATE {table} SET {column} = {change}");
        assert!(backend.by_force(Tampering::Sql { table: &table, statement: &statement }));
        let findings = audit(store.as_ref(), Some(&witness), None).unwrap().findings;
        match kept {
            Sealed(subject) => {
                assert!(findings.iter().any(|finding| finding.subject() == *subject), "{statement}: {findings:?}");
            }
            Aside(reason) => {
                assert_eq!(findings, [], "{statement}, although {reason}");
                let after = (everything(store.as_ref()), store.attestations().unwrap().read_all(0).unwrap());
                assert_eq!(after, before, "{statement}, although {reason}");
            }
        }
        put_back(backend, "whole", &table);
    }
    sound(store.as_ref(), &witness);
}

pub(super) fn a_copy_that_replaces_a_damaged_artifact_has_its_metadata(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (_directory, witness) = witness();
    sealed_log(store.as_ref(), &witness);
    let hash = store.find_artifact_hashes("", 1).unwrap()[0];
    let sound_copy = store.read_artifact(hash).unwrap().unwrap();
    if !backend.by_force(Tampering::Payload { hash, payload: "{}" }) {
        return;
    }
    assert_eq!(store.repair_artifacts(&[sound_copy]).unwrap(), 1);
    sound(store.as_ref(), &witness);
    let statement = "UPDATE artifact_repairs SET metadata = '{\"from\":\"there\"}'";
    assert!(backend.by_force(Tampering::Sql { table: "artifact_repairs", statement }));
    let findings = audit(store.as_ref(), Some(&witness), None).unwrap().findings;
    let [Finding::Artifact { hash: named, reason }] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!((named, reason.as_str()), (&hash.to_string(), "its metadata are not as they were sealed"));
}

pub(super) fn an_event_that_no_reader_of_the_log_gets_is_named(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (_directory, witness) = witness();
    let runs = sealed_log(store.as_ref(), &witness);
    let events = store.list(runs[0]).unwrap();
    let next = events.len() as u64;
    let payload = numbered(666).kind.payload().unwrap();
    for seq in [-5, 0] {
        let columns = "seq, flow_id, position, ts, event_type, payload";
        let values = format!("{seq}, '{}', {next}, '2020-01-01T00:00:00.000001Z', 'stepsignal', '{payload}'", runs[0]);
        let statement = format!("INSERT INTO event_log ({columns}) VALUES ({values})");
        if !backend.by_force(Tampering::Sql { table: "event_log", statement: &statement }) {
            return;
        }
        let audited = audit(store.as_ref(), Some(&witness), None).unwrap();
        match audited.findings.as_slice() {
            [finding @ Finding::Hidden { event }] => {
                assert_eq!(finding.subject(), "event");
                assert_eq!(*event, format!("`stepsignal` at position {next} of run {}, seq {seq}", runs[0]));
            }
            // The end of a log may have any number in a store whose order is another one.
            findings => assert_eq!((seq, audited.unsealed(), findings), (0, 1, [].as_slice())),
        }
        let statement = "DELETE FROM event_log WHERE seq < 1";
        assert!(backend.by_force(Tampering::Sql { table: "event_log", statement }));
    }
    sound(store.as_ref(), &witness);
}

pub(super) fn an_audit_of_a_run_finds_what_is_wrong_with_it_and_nothing_else(backend: &dyn Backend) {
    let Some(store) = sealable(backend) else { return };
    let (_directory, witness) = witness();
    let runs = sealed_log(store.as_ref(), &witness);
    let of = |run| audit_run(store.as_ref(), run, Some(&witness), None).unwrap();
    let whole = of(runs[0]);
    assert!(whole.is_sound() && whole.is_witnessed, "{:?}", whole.findings);
    assert_eq!((whole.events, whole.unsealed(), whole.artifacts, whole.elsewhere), (8, 0, 4, 0));
    append(store.as_ref(), runs[0], 77);
    assert_eq!((of(runs[0]).events, of(runs[0]).unsealed(), of(runs[0]).is_sound()), (10, 2, true));
    if !keep(backend, "whole") {
        return;
    }
    let changed = |table: &str, statement: &str| {
        assert!(backend.by_force(Tampering::Sql { table, statement }));
        let found = [of(runs[0]), of(runs[1])];
        put_back(backend, "whole", table);
        found
    };
    let of_run = |what: &str| format!("{what} WHERE flow_id = '{}'", runs[0]);
    // An event that differs may be in the place of one of any run.
    let update = of_run("UPDATE event_log SET payload = '{\"data\":1}'") + " AND position = 2";
    for run in changed("event_log", &update) {
        let [Finding::Event { found, .. }] = run.findings.as_slice() else { panic!("{:?}", run.findings) };
        assert_eq!((found.flow_id.as_str(), found.position), (runs[0].to_string().as_str(), 2));
    }
    // The time of an event that is not the last of its run is in no head, and the last one that is sealed is the end.
    for change in [
        "UPDATE event_log SET ts = '2020-01-01T00:00:00.000001Z' WHERE seq = 2",
        "DELETE FROM event_log WHERE seq = 24",
    ] {
        for run in changed("event_log", change) {
            assert!(!run.is_sound(), "{change}");
        }
    }
    // Its artifacts.
    let hash = store.list(runs[0]).unwrap().iter().find_map(|event| match &event.kind {
        FlowEventKind::StepFinished(finished) => Some(finished.outputs[0].hash),
        _ => None,
    });
    let update = format!("UPDATE workflow_step_artifacts SET kind = 'other' WHERE artifact_hash = '{}'", hash.unwrap());
    let [mine, other] = changed("workflow_step_artifacts", &update);
    assert!(matches!(mine.findings.as_slice(), [Finding::Artifact { .. }]), "{:?}", mine.findings);
    assert_eq!((other.findings, other.elsewhere), (vec![], 1));
    // What the proof rests on.
    for run in changed("attestations", "UPDATE attestations SET statement = statement || ' ' WHERE number = 0") {
        assert!(!run.is_sound());
    }
    assert!(of(runs[0]).is_sound());
}

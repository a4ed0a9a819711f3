//! Flows as regression tests: the whole record of a run, with only what differs from run to run masked.
//!
//! One line pins a flow of one's own crate. It runs the manifest (a path relative to the crate), writes what its sinks
//! write to a temporary directory, and compares the record with `snapshots/flows/NAME.snap` beside the directory that
//! the manifest is in:
//!
//! ```no_run
//! #[test]
//! fn oral_leads() {
//!     chem_runtime::assert_flow_snapshot!("flows/oral-leads.yaml");
//! }
//! ```
//!
//! A changed fingerprint fails the test and says which step moved first. `cargo insta review` accepts a change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use insta;
use serde_json::{Value, json};

use crate::engine::FlowEngine;
use crate::event::{FlowEvent, event_variants};
use crate::flow::{FlowStatus, replay};
use crate::manifest;
use crate::report::RunReport;
use crate::step::Registry;
use crate::store::{EventStore, InMemoryEventStore, InMemoryFlowRepository};

/// Runs the manifest and compares its record with the snapshot: see [`testing`](crate::testing).
#[macro_export]
macro_rules! assert_flow_snapshot {
    ($manifest:expr) => {
        $crate::assert_flow_snapshot!($manifest, $crate::store::InMemoryEventStore::new())
    };
    ($manifest:expr, $store:expr) => {{
        let manifest = ::std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join($manifest);
        let record = $crate::testing::FlowRecord::of_manifest_on(&manifest, ::std::sync::Arc::new($store));
        record.print_first_move();
        let mut settings = $crate::testing::insta::Settings::clone_current();
        settings.set_snapshot_path(record.snapshot_directory());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| $crate::testing::insta::assert_snapshot!(record.name(), record.text()));
    }};
}

/// The record of a run, ready to be compared.
#[derive(Debug, Clone)]
pub struct FlowRecord {
    manifest: PathBuf,
    record: Value,
}

impl FlowRecord {
    /// Runs the manifest with its log in memory.
    ///
    /// # Panics
    /// If the manifest has errors, as a test should; a run that fails is a record like any other.
    pub fn of_manifest(manifest: &Path) -> Self {
        Self::of_manifest_on(manifest, Arc::new(InMemoryEventStore::new()))
    }

    /// Runs the manifest with its log in `store`.
    ///
    /// # Panics
    /// If the manifest has errors or the store fails.
    #[allow(clippy::panic, clippy::expect_used, reason = "this is the body of a test")]
    pub fn of_manifest_on(manifest: &Path, store: Arc<dyn EventStore>) -> Self {
        let registry = Registry::linked().expect("step types have names of their own");
        let loaded = manifest::load(manifest, &[], registry);
        let Some(definition) = loaded.definition else {
            panic!("{}", manifest::render(&loaded.diagnostics, manifest::Style::Plain));
        };
        let outputs = tempfile::tempdir().expect("a temporary directory can be made");
        let engine = FlowEngine::builder(store.clone(), InMemoryFlowRepository::new())
            .directory(manifest.parent().unwrap_or(Path::new(".")))
            .output_directory(outputs.path())
            .definition(definition);
        let flow_id = engine.default_flow();
        let result = engine.run(flow_id);
        let events = store.list(flow_id).expect("the store can be read");
        let instance = replay(flow_id, &events).expect("the log replays");
        if let (Err(error), FlowStatus::Interrupted) = (result, instance.status()) {
            panic!("{} did not run to its end: {error}", manifest.display());
        }
        let report = RunReport::of(flow_id, &events).expect("the log replays");
        Self { manifest: manifest.to_owned(), record: masked(&report, &events) }
    }

    /// The name of the snapshot: that of the manifest, without its extension.
    pub fn name(&self) -> String {
        self.manifest.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Where the snapshot lies: `snapshots/flows` beside the manifest's directory.
    pub fn snapshot_directory(&self) -> PathBuf {
        let flows = self.manifest.parent().unwrap_or(Path::new("."));
        flows.parent().unwrap_or(Path::new("..")).join("snapshots/flows")
    }

    /// The record as text.
    pub fn text(&self) -> String {
        format!("{:#}", self.record)
    }

    /// The record as JSON.
    pub fn record(&self) -> &Value {
        &self.record
    }

    /// Says on stderr which step moved first, if the snapshot has another fingerprint for one.
    pub fn print_first_move(&self) {
        let path = self.snapshot_directory().join(format!("{}.snap", self.name()));
        let Ok(snapshot) = std::fs::read_to_string(path) else {
            return;
        };
        // A snapshot is a header between `---` lines, then what was pinned.
        let pinned = snapshot.splitn(3, "---\n").nth(2).and_then(|text| serde_json::from_str(text).ok());
        if let Some(moved) = pinned.and_then(|pinned| self.first_move(&pinned)) {
            eprintln!("{}: {moved}", self.manifest.display());
        }
    }

    /// Which step moved first against `pinned`, and by which component of its fingerprint.
    pub fn first_move(&self, pinned: &Value) -> Option<String> {
        let (before, now) = (started(pinned), started(&self.record));
        let (before, now) =
            before.iter().zip(&now).find(|(before, now)| before["fingerprint"] != now["fingerprint"])?;
        let changed: Vec<String> = ["step_id", "uses", "version", "inputs", "params"]
            .iter()
            .filter(|component| before[**component] != now[**component])
            .map(|component| format!("{component} {} → {}", before[*component], now[*component]))
            .collect();
        let what = if changed.is_empty() { "the flow around it".to_owned() } else { changed.join("; ") };
        Some(format!("the first step whose fingerprint moved is {}: {what}", now["step_id"]))
    }
}

/// The payloads of the `StepStarted` events of a record: each has every component of its step's fingerprint.
fn started(record: &Value) -> Vec<&Value> {
    let events = record["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().filter(|event| event["event_type"] == "stepstarted").map(|event| &event["payload"]).collect()
}

/// The record of a run without `seq`, `ts` and `flow_id`, and without what ran it and where.
fn masked(report: &RunReport, events: &[FlowEvent]) -> Value {
    let fingerprints = report.steps.iter().map(|step| json!({"id": step.id, "fingerprint": step.fingerprint}));
    let told = events.iter().map(|event| {
        let mut payload = event.kind.payload().unwrap_or_default();
        if let Some(environment) = payload.get_mut("environment") {
            *environment = "[environment]".into();
        }
        json!({"position": event.position, "event_type": event.kind.event_type(), "payload": payload})
    });
    json!({
        "flow": report.flow,
        "status": report.status.name(),
        "event_variants": event_variants(events),
        "definition_hash": report.definition_hash,
        "flow_fingerprint": report.flow_fingerprint,
        "steps": fingerprints.collect::<Value>(),
        "events": told.collect::<Value>(),
    })
}

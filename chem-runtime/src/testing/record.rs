//! Records a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::format::{Pinned, PinnedEvent, PinnedStep};
use super::output::{Content, PinnedOutput};
use super::place::{SnapshotPlace, directory_of};
use crate::artifact::ArtifactError;
use crate::engine::{CoreEngineError, FlowEngine};
use crate::event::{Environment, FlowEvent, FlowEventKind, FlowId, event_variants};
use crate::fingerprint::CanonicalError;
use crate::flow::{FlowInstance, FlowStatus, ReplayError, replay};
use crate::manifest::{self, Checked, Diagnostic, Origins, is_of_the_machine};
use crate::step::{CancelToken, Confinement, DuplicateStepType, Files, Registry};
use crate::store::{EventStore, InMemoryEventStore, IntoEventStore, PersistenceError, StoredArtifacts};

/// The record of a run, for comparison with a snapshot.
#[derive(Debug, Clone)]
pub struct FlowRecord {
    place: SnapshotPlace,
    pub(super) pinned: Pinned,
    text: String,
}

/// Why there is no record of a run.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// The manifest has these problems, at least one of which is an error.
    #[error("the manifest has errors")]
    Manifest(Vec<Diagnostic>),
    /// Two step types of the program have the same name.
    #[error(transparent)]
    Registry(#[from] DuplicateStepType),
    /// The run did not come to its end.
    #[error("the flow did not run to its end: {0}")]
    Unfinished(Box<CoreEngineError>),
    /// The log of the run is not that of a run.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PersistenceError),
    /// A result cannot be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// An event cannot be written as text.
    #[error(transparent)]
    Event(#[from] CanonicalError),
    /// The record cannot be written as text.
    #[error(transparent)]
    Text(#[from] serde_json::Error),
    /// There is no directory for the files that the flow writes.
    #[error("cannot make a directory for the files of the flow: {0}")]
    Directory(#[from] std::io::Error),
}

impl FlowRecord {
    /// Runs the manifest with its log in memory.
    ///
    /// # Panics
    /// If the manifest has errors. A run that fails is a record, too.
    pub fn of_manifest(manifest: &Path) -> Self {
        Self::of_manifest_on(manifest, InMemoryEventStore::new())
    }

    /// Runs the manifest with its log in `store`.
    ///
    /// # Panics
    /// If the manifest has errors or the store fails.
    #[allow(clippy::expect_used, reason = "this is the body of a test")]
    pub fn of_manifest_on(manifest: &Path, store: impl IntoEventStore) -> Self {
        Self::of_manifest_with(manifest, Registry::linked().expect("step types have names of their own"), store)
    }

    /// Runs the manifest with the step types of `registry` and its log in `store`.
    ///
    /// # Panics
    /// If the manifest has errors or the store fails.
    #[allow(clippy::panic, reason = "this is the body of a test")]
    pub fn of_manifest_with(manifest: &Path, registry: &Registry, store: impl IntoEventStore) -> Self {
        match Self::try_of_manifest(manifest, registry, store, None, CancelToken::default()) {
            Ok(record) => record,
            Err(NotRecorded::Manifest(diagnostics)) => {
                panic!("{}", manifest::render(&diagnostics, manifest::Style::Plain))
            }
            Err(error) => panic!("{}: {error}", manifest.display()),
        }
    }

    /// Runs the manifest with the step types of `registry` and its log in `store`, within `confinement` and until `cancel`.
    ///
    /// # Errors
    /// Fails if the manifest has errors, the store fails, or the run is cancelled. A run that fails is a record, too.
    pub fn try_of_manifest(
        manifest: &Path,
        registry: &Registry,
        store: impl IntoEventStore,
        confinement: Option<Confinement>,
        cancel: CancelToken,
    ) -> Result<Self, NotRecorded> {
        let store = store.into_event_store();
        let Checked { definition, origins, diagnostics } = manifest::load(manifest, &[], registry);
        let definition = definition.ok_or(NotRecorded::Manifest(diagnostics))?;
        let (directory, outputs) = (directory_of(manifest), tempfile::tempdir()?);
        let engine = FlowEngine::on(store.clone())
            .directory(directory)
            .output_directory(outputs.path())
            .confinement(confinement)
            .cancel_token(cancel)
            .definition(definition);
        let flow_id = engine.default_flow();
        let result = engine.run(flow_id);
        let files = Files::relative_to(directory).writing_to(outputs.path());
        let (record, status) = Self::recorded(manifest, &origins, &*store, flow_id, &files)?;
        match (result, status) {
            (Err(error), FlowStatus::Interrupted) => Err(NotRecorded::Unfinished(Box::new(error))),
            _ => Ok(record),
        }
    }

    /// Reads the record of an existing run of the manifest from `store`. The programs and files that the manifest needs may
    /// be missing here.
    ///
    /// # Panics
    /// If the manifest has errors, the store fails, or there is no such run.
    #[allow(clippy::panic, clippy::expect_used, reason = "this is the body of a test")]
    pub fn of_run(manifest: &Path, store: &dyn EventStore, flow_id: FlowId) -> Self {
        let registry = Registry::linked().expect("step types have names of their own");
        let mut checked = manifest::load(manifest, &[], registry);
        checked.diagnostics.retain(|found| found.is_error() && !is_of_the_machine(found.rule));
        if !checked.diagnostics.is_empty() {
            panic!("{}", manifest::render(&checked.diagnostics, manifest::Style::Plain));
        }
        let first = store.read_event(flow_id, 0).expect("the store can be read").expect("the run has begun");
        let directory = match first.kind {
            FlowEventKind::FlowInitialized(begun) => begun.environment.directory,
            _ => None,
        };
        let files = Files::relative_to(directory.unwrap_or_default());
        Self::recorded(manifest, &checked.origins, store, flow_id, &files).expect("the run can be read").0
    }

    fn recorded(
        manifest: &Path,
        origins: &Origins,
        store: &dyn EventStore,
        flow_id: FlowId,
        files: &Files,
    ) -> Result<(Self, FlowStatus), NotRecorded> {
        let events = store.list(flow_id)?;
        let instance = replay(flow_id, &events)?;
        let mut pinned = Pinned::new(
            instance.initialized().map(|it| it.flow.clone()).unwrap_or_default(),
            instance.status().name(),
            event_variants(events.iter().filter(|event| !is_progress(event))),
        );
        pinned.definition_hash = instance.initialized().map(|it| it.definition_hash);
        pinned.flow_fingerprint = instance.flow_fingerprint();
        pinned.steps = steps(&instance, origins, store, files)?;
        let environment = instance.initialized().map(|it| &it.environment);
        pinned.libraries = environment.map(|it| libraries(it, &pinned.steps)).unwrap_or_default();
        let pinned_events = events.iter().filter(|event| !is_progress(event)).zip(0..).map(masked);
        pinned.events = pinned_events.collect::<Result<_, _>>()?;
        let text = pinned.text()?;
        Ok((Self { place: SnapshotPlace::of(manifest), pinned, text }, instance.status()))
    }

    /// Returns the name of the snapshot: the file name of the manifest without its extension.
    pub fn name(&self) -> &str {
        &self.place.name
    }

    /// Returns the directory of the snapshot: for a manifest in a directory `flows`, or in a folder within it, that folder
    /// within the sibling directory `snapshots/flows`.
    pub fn snapshot_directory(&self) -> &Path {
        &self.place.directory
    }

    /// Returns the path of the snapshot.
    pub fn snapshot_file(&self) -> PathBuf {
        self.place.file()
    }

    /// Returns the text of a snapshot of this record.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the status of the run, such as `completed` or `failed`.
    pub fn status(&self) -> &str {
        &self.pinned.status
    }

    pub(super) fn place(&self) -> &SnapshotPlace {
        &self.place
    }
}

fn steps(
    instance: &FlowInstance,
    origins: &Origins,
    store: &dyn EventStore,
    files: &Files,
) -> Result<Vec<PinnedStep>, ArtifactError> {
    let pinned = |(index, step): (usize, &crate::flow::StepState)| {
        let outputs = step.outputs.iter().map(|output| PinnedOutput::of(output, &StoredArtifacts(store), files));
        Ok(PinnedStep {
            id: step.id.clone(),
            fingerprint: step.fingerprint(),
            given: origins.written.get(index).map(|given| given.keys().cloned().collect()).unwrap_or_default(),
            outputs: outputs.collect::<Result<_, ArtifactError>>()?,
        })
    };
    instance.steps().iter().enumerate().map(pinned).collect()
}

/// Returns the libraries that computed a column of a table. The log records all linked libraries, which depend on the
/// features of the build.
fn libraries(environment: &Environment, steps: &[PinnedStep]) -> BTreeMap<String, String> {
    let tables = steps.iter().flat_map(|step| &step.outputs).filter_map(|output| match &output.content {
        Content::Table(table) => Some(table),
        _ => None,
    });
    let providers = tables.flat_map(|table| &table.columns).filter_map(|column| column.column.provider.as_deref());
    let named = providers.filter_map(|provider| provider.split('@').next());
    named
        .filter_map(|name| environment.libraries.get_key_value(name))
        .map(|(name, it)| (name.clone(), it.clone()))
        .collect()
}

/// Returns whether the event says how far a step has got, which depends on the time that it took.
fn is_progress(event: &FlowEvent) -> bool {
    matches!(event.kind, FlowEventKind::StepProgressed(_))
}

/// Masks the environment of an event, and drops its sequence number, timestamp and run id, who caused it, and what a step
/// used. `position` counts the events that the snapshot has.
fn masked((event, position): (&FlowEvent, u64)) -> Result<PinnedEvent, CanonicalError> {
    let mut payload = event.kind.payload()?;
    match (&event.kind, payload.as_object_mut()) {
        (FlowEventKind::FlowInitialized(_), Some(payload)) => {
            payload.insert("environment".into(), "[environment]".into());
        }
        // Drop the hash of the code: where other code matters, the result differs. Drop what later runs take over rows by.
        (FlowEventKind::StepFinished(_), Some(payload)) => {
            payload.remove("code");
            payload.remove("rows");
            payload.remove("usage");
        }
        (FlowEventKind::StepFailed(_), Some(payload)) => {
            payload.remove("usage");
        }
        (FlowEventKind::UserInteractionProvided(_) | FlowEventKind::RetryScheduled(_), Some(payload)) => {
            payload.remove("by");
        }
        _ => {}
    }
    Ok(PinnedEvent { position, event_type: event.kind.event_type().to_owned(), payload })
}

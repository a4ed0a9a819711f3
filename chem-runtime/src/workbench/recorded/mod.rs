//! The recorded beginning of a run: how its manifest compares with it now (`compare`), and which flow a branch with other
//! parameter values has (`values`).

mod compare;
mod values;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub use compare::{ManifestComparison, branch_point};
pub use values::BranchValues;

use crate::event::{FlowId, FlowInitialized, RecordedDefinition};
use crate::fingerprint::{CanonicalError, canonical_json};
use crate::flow::{Change, FlowDefinition, FlowDefinitionError, FlowInstance, ReplayError, replay, step_types_in};
use crate::manifest::{self, Checked, Diagnostic, Override};
use crate::step::Registry;
use crate::store::{EventStore, PersistenceError};

/// The recorded beginning of a run: the flow that it runs, and where its manifest was.
///
/// ```
/// use std::sync::Arc;
///
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::manifest;
/// use chem_runtime::step::Registry;
/// use chem_runtime::store::InMemoryEventStore;
/// use chem_runtime::workbench::{ManifestComparison, RecordedRun};
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("flow.yaml");
/// let manifest = "flow: greeting\nparams: { name: Ada }\n\
///                 steps:\n  - { id: seed, uses: demo.seed, with: { text: \"hello ${params.name}\" } }\n";
/// std::fs::write(&path, manifest)?;
/// let registry = Registry::linked()?;
/// let definition = manifest::load(&path, &[], registry).definition.unwrap();
/// let store = Arc::new(InMemoryEventStore::new());
/// let engine = FlowEngine::on(store.clone())
///     .directory(directory.path())
///     .manifest("flow.yaml")
///     .definition(definition);
/// let instance = engine.run_to_end()?;
///
/// let run = RecordedRun::of(&*store, &instance)?;
/// assert!(matches!(run.compare_manifest(None, registry)?, ManifestComparison::Same));
/// let branch = run.with_values(&["name=Grace".to_owned()], registry)?;
/// assert_eq!(branch.set["name"], "Grace");
///
/// std::fs::write(&path, manifest.replace("hello", "bye"))?;
/// let ManifestComparison::Changed { changes, .. } = run.compare_manifest(None, registry)? else { panic!() };
/// assert_eq!(changes[0].to_string(), "step `seed`: parameter text \"hello Ada\" → \"bye Ada\"");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RecordedRun<'a> {
    recorded: &'a FlowInitialized,
    /// The step parameters that this run or a run it branches from has set, by `STEP.PARAMETER`. No manifest contains them.
    set: Map<String, Value>,
}

/// Why a run cannot be compared with its manifest, or cannot get other parameter values.
#[derive(Debug, thiserror::Error)]
pub enum RecordedRunError {
    /// The run has no first event.
    #[error("run {flow_id} has not begun")]
    NotBegun {
        /// The id of the run.
        flow_id: FlowId,
    },
    /// An assignment has no `=`.
    #[error("expected `NAME=VALUE` or `STEP.PARAMETER=VALUE`, found `{assignment}`")]
    NoAssignment {
        /// The text.
        assignment: String,
    },
    /// An assignment names a step that the flow does not have.
    #[error("the flow has no step `{step}`")]
    UnknownStep {
        /// The id in the assignment.
        step: String,
        /// The ids of the steps in the flow.
        known: Vec<String>,
    },
    /// The value of an assignment cannot be read as its parameter's type.
    #[error("`{assignment}` has no value that can be read")]
    InvalidValue {
        /// The assignment.
        assignment: String,
        /// The problems of the value.
        diagnostics: Vec<Diagnostic>,
    },
    /// A flow parameter is assigned, and the run's manifest is missing.
    #[error("the manifest of the run is missing, which alone says which steps use a flow parameter")]
    ManifestMissing,
    /// A flow parameter is assigned, and the run's manifest has changed.
    #[error("`{}` has changed since the run began{}", .path.display(), lines(.changes))]
    ManifestChanged {
        /// The path of the manifest.
        path: PathBuf,
        /// The changes that alter a fingerprint.
        changes: Vec<Change>,
    },
    /// The manifest has errors.
    #[error("`{}` has errors", .path.display())]
    ManifestInvalid {
        /// The path of the manifest.
        path: PathBuf,
        /// The errors and warnings.
        diagnostics: Vec<Diagnostic>,
    },
    /// The manifest has errors only with the new parameter values.
    #[error("`{}` has errors with these values", .path.display())]
    InvalidValues {
        /// The path of the manifest.
        path: PathBuf,
        /// The errors and warnings.
        diagnostics: Vec<Diagnostic>,
    },
    /// The steps do not form a flow that this program can run.
    #[error(transparent)]
    Definition(#[from] FlowDefinitionError),
    /// A recorded value has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The log of a run is broken.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PersistenceError),
}

/// Adds a run's parent to those `seen` on the way up, which a log that was not written by an engine could repeat for ever.
pub(in crate::workbench) fn expect_unseen(seen: &mut BTreeSet<FlowId>, parent: FlowId) -> Result<(), PersistenceError> {
    if seen.insert(parent) {
        return Ok(());
    }
    Err(PersistenceError::Corrupt { reason: format!("run {parent} is a branch of a branch of itself") })
}

/// Formats changes, each on a line of its own after the first line of a message.
pub(crate) fn lines(changes: &[Change]) -> String {
    changes.iter().map(|change| format!("\n  {change}")).collect()
}

impl RecordedRunError {
    /// Returns the diagnostics that explain the error; empty if it is not about a manifest or a value.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::InvalidValue { diagnostics, .. }
            | Self::ManifestInvalid { diagnostics, .. }
            | Self::InvalidValues { diagnostics, .. } => diagnostics,
            _ => &[],
        }
    }
}

impl<'a> RecordedRun<'a> {
    /// Returns the recorded beginning of the run with the state `instance`. For a branch, reads the runs from which it
    /// descends from `store`.
    ///
    /// # Errors
    /// Fails if the run has no first event, or if a run from which it descends cannot be read.
    pub fn of(store: &dyn EventStore, instance: &'a FlowInstance) -> Result<Self, RecordedRunError> {
        let flow_id = instance.flow_id();
        let recorded = instance.initialized().ok_or(RecordedRunError::NotBegun { flow_id })?;
        let mut sets = Vec::new();
        let mut branch = instance.branch().cloned();
        let mut seen = BTreeSet::from([flow_id]);
        while let Some(created) = branch {
            expect_unseen(&mut seen, created.parent)?;
            branch = replay(created.parent, &store.list(created.parent)?)?.branch().cloned();
            sets.push(created.set);
        }
        // A later branch overrides what an earlier one set.
        let set = sets.into_iter().rev().flatten().filter(|(name, _)| name.contains('.')).collect();
        Ok(Self { recorded, set })
    }

    /// Returns the path of the run's manifest when the run began; `None` if the flow was built in Rust.
    pub fn manifest_path(&self) -> Option<PathBuf> {
        let environment = &self.recorded.environment;
        Some(Path::new(environment.directory.as_ref()?).join(environment.manifest.as_ref()?))
    }

    /// Returns [`Self::manifest_path`] if there is a file.
    fn existing_manifest(&self) -> Option<PathBuf> {
        self.manifest_path().filter(|path| path.exists())
    }

    /// Checks the manifest at `path` with the flow parameters that were set when the run began, then with `set`.
    fn check(&self, path: &Path, set: &[String], registry: &Registry) -> Result<Checked, RecordedRunError> {
        let RecordedDefinition { overridden, params, spelled, .. } = &self.recorded.definition;
        let mut overrides = Vec::new();
        for name in overridden {
            match params.get(name) {
                // Text is set verbatim, without quotes.
                Some(Value::String(text)) => overrides.push(Override::new(format!("{name}={text}"))),
                Some(value) => {
                    let spelled = spelled.get(name).cloned();
                    let value = spelled.map_or_else(|| canonical_json(value), Ok)?;
                    overrides.push(Override::new(format!("{name}={value}")));
                }
                None => {}
            }
        }
        overrides.extend(set.iter().map(Override::new));
        Ok(manifest::load(path, &overrides, registry))
    }

    /// Applies the step parameters that branches have set to a definition that the manifest at `path` gives.
    fn with_own_values(
        &self,
        path: &Path,
        definition: FlowDefinition,
        registry: &Registry,
    ) -> Result<FlowDefinition, FlowDefinitionError> {
        if self.set.is_empty() {
            return Ok(definition);
        }
        let mut recorded = definition.recorded()?;
        for (name, value) in &self.set {
            let Some((step_id, param)) = name.split_once('.') else { continue };
            if let Some(step) = recorded.steps.iter_mut().find(|step| step.id == step_id) {
                step.params.insert(param.to_owned(), value.clone());
            }
        }
        let registry = step_types_in(path.parent(), self.recorded, registry)?;
        FlowDefinition::from_recorded(definition.name().unwrap_or(&self.recorded.flow), &recorded, &registry)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::engine::FlowEngine;
    use crate::event::{BranchCreated, FlowEventKind};
    use crate::fingerprint::DivergenceHash;
    use crate::store::InMemoryEventStore;

    const FLOW: &str = "flow: letters\nparams: { text: CCO }\nsteps:\n  \
                        - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }\n  \
                        - { id: characters, uses: demo.characters }\n";

    /// A finished run of [`FLOW`], whose manifest a test may change.
    struct Run {
        directory: tempfile::TempDir,
        store: Arc<InMemoryEventStore>,
        instance: FlowInstance,
    }

    fn registry() -> &'static Registry {
        Registry::linked().unwrap()
    }

    impl Run {
        fn new(set: &[&str]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("flow.yaml"), FLOW).unwrap();
            let overrides: Vec<Override> = set.iter().copied().map(Override::new).collect();
            let definition = manifest::load(&directory.path().join("flow.yaml"), &overrides, registry()).definition;
            let store = Arc::new(InMemoryEventStore::new());
            let engine = FlowEngine::on(store.clone())
                .directory(directory.path())
                .manifest("flow.yaml")
                .definition(definition.unwrap());
            let instance = engine.run_to_end().unwrap();
            Self { directory, store, instance }
        }

        fn recorded(&self) -> RecordedRun<'_> {
            RecordedRun::of(self.store.as_ref(), &self.instance).unwrap()
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("flow.yaml")
        }

        fn compare(&self, manifest: &str) -> ManifestComparison {
            std::fs::write(self.path(), manifest).unwrap();
            self.recorded().compare_manifest(None, registry()).unwrap()
        }

        fn with_values(&self, assignments: &[&str]) -> Result<BranchValues, RecordedRunError> {
            let assignments: Vec<String> = assignments.iter().map(ToString::to_string).collect();
            self.recorded().with_values(&assignments, registry())
        }
    }

    #[test]
    fn a_manifest_is_compared_by_the_flow_that_it_gives() {
        let run = Run::new(&["text=CCN"]);
        assert_eq!(run.recorded().manifest_path(), Some(run.path()));
        assert!(matches!(run.compare(&format!("# a comment\n{FLOW}")), ManifestComparison::Same));
        // The run has set this parameter, so its default does not count.
        assert!(matches!(run.compare(&FLOW.replace("CCO", "CCC")), ManifestComparison::Same));
        assert!(matches!(run.compare("flow: [\n"), ManifestComparison::Invalid { .. }));

        let retried = FLOW.replace("demo.characters", "demo.characters, retry: { attempts: 2 }");
        let ManifestComparison::Changed { changes, policies, .. } = run.compare(&retried) else { panic!() };
        assert_eq!((changes.len(), policies.len()), (0, 1));

        let longer = format!("{FLOW}  - {{ id: count, uses: demo.count }}\n");
        let ManifestComparison::Changed { definition, changes, .. } = run.compare(&longer) else { panic!() };
        assert_eq!(changes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["step `count` is new"]);
        assert_eq!(branch_point(&run.instance, &definition, &changes), "count");
        let other = FLOW.replace("${params.text}", "x ${params.text}");
        let ManifestComparison::Changed { definition, changes, .. } = run.compare(&other) else { panic!() };
        assert_eq!(branch_point(&run.instance, &definition, &changes), "seed");

        std::fs::remove_file(run.path()).unwrap();
        let absent = run.recorded().compare_manifest(None, registry()).unwrap();
        assert!(matches!(absent, ManifestComparison::Unavailable));
        // A path that the caller gives has to be right.
        let absent = run.recorded().compare_manifest(Some(&run.path()), registry()).unwrap();
        assert!(matches!(absent, ManifestComparison::Invalid { .. }));
    }

    #[test]
    fn a_run_that_descends_from_itself_is_corrupt() {
        let run = Run::new(&[]);
        let (flow_id, events) = (run.instance.flow_id(), run.store.list(run.instance.flow_id()).unwrap());
        let divergence = DivergenceHash::from_bytes([0; 32]);
        let (set, step_id) = (Map::new(), "seed".to_owned());
        let own = BranchCreated { divergence, parent: flow_id, root: flow_id, set, step_id, step_index: 0 };
        let store = InMemoryEventStore::new();
        for kind in [events[0].kind.clone(), FlowEventKind::BranchCreated(own)] {
            store.append_kind(flow_id, kind).unwrap();
        }
        let instance = replay(flow_id, &store.list(flow_id).unwrap()).unwrap();
        let error = RecordedRun::of(&store, &instance).unwrap_err().to_string();
        assert!(error.contains("is a branch of a branch of itself"), "{error}");
    }

    #[test]
    fn values_are_set_through_the_manifest_or_for_a_step() {
        let run = Run::new(&[]);
        for (assignment, name) in [("text=42", "text"), ("seed.text=42", "seed.text")] {
            let branch = run.with_values(&[assignment]).unwrap();
            assert_eq!(branch.set, json!({ name: "42" }).as_object().unwrap().clone());
            assert_eq!(branch.definition.recorded().unwrap().steps[0].params["text"], "42");
        }
        let branch = run.with_values(&["seed.text=a", "seed.text=b"]).unwrap();
        assert_eq!(branch.set["seed.text"], "b");
    }

    #[test]
    fn each_reason_against_a_value_has_its_error() {
        use RecordedRunError as Error;

        let run = Run::new(&[]);
        let error = |assignment: &str| run.with_values(&[assignment]).unwrap_err();
        assert!(matches!(error("text"), Error::NoAssignment { .. }));
        assert!(matches!(error("count.text=x"), Error::UnknownStep { known, .. } if known == ["seed", "characters"]));
        assert!(matches!(error("seed.txt=x"), Error::Definition(_)));
        assert!(matches!(error("nothing.txt=[1"), Error::UnknownStep { .. }));
        let invalid = error("seed.txt=[1");
        assert!(matches!(invalid, Error::InvalidValue { .. }) && !invalid.diagnostics().is_empty(), "{invalid}");
        let unknown = error("txt=x");
        assert!(matches!(unknown, Error::InvalidValues { .. }) && !unknown.diagnostics().is_empty(), "{unknown}");

        std::fs::write(run.path(), FLOW.replace("demo.characters }", "demo.characters, inputs: { text: sead } }"))
            .unwrap();
        assert!(matches!(error("text=x"), Error::ManifestInvalid { .. }));
        std::fs::write(run.path(), FLOW.replace("CCO", "CCN")).unwrap();
        let changed = error("text=x");
        assert!(matches!(&changed, Error::ManifestChanged { changes, .. } if changes.len() == 1));
        assert!(changed.to_string().ends_with("step `seed`: parameter text \"CCO\" → \"CCN\""), "{changed}");
        std::fs::remove_file(run.path()).unwrap();
        assert!(matches!(error("text=x"), Error::ManifestMissing));
        // The parameter of a step needs no manifest.
        run.with_values(&["seed.text=x"]).unwrap();

        let nothing = FlowInstance::new(FlowId::new());
        assert!(matches!(RecordedRun::of(run.store.as_ref(), &nothing), Err(Error::NotBegun { .. })));
    }
}

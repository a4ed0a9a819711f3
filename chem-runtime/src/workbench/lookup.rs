//! Finds runs and artifacts by what a person types: a complete id or hash, the beginning of one, or `@last`.

use crate::artifact::Artifact;
use crate::event::FlowId;
use crate::fingerprint::ArtifactHash;
use crate::store::{ArtifactStore, PersistenceError, RunIndex};

/// The name of the newest run.
const LAST: &str = "@last";

/// The number of runs that are read at a time to find one that is no child.
const PAGE: usize = 256;

/// Why a name does not identify a run or an artifact.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The store has no run with such an id.
    #[error("there is no run `{name}` in this store")]
    UnknownRun {
        /// The id or prefix.
        name: String,
    },
    /// Several ids begin with the name.
    #[error("`{name}` begins the ids of several runs, such as `{first}` and `{second}`")]
    AmbiguousRun {
        /// The prefix.
        name: String,
        /// The least id with this prefix.
        first: FlowId,
        /// The next id with this prefix.
        second: FlowId,
    },
    /// `@last` was looked up in a store without runs.
    #[error("the store has no runs yet")]
    NoRuns,
    /// The store has no artifact with such a hash.
    #[error("there is no artifact `{name}` in this store")]
    UnknownArtifact {
        /// The hash or prefix.
        name: String,
    },
    /// Several hashes begin with the name.
    #[error("`{name}` begins the hashes of several artifacts, such as `{first}` and `{second}`")]
    AmbiguousArtifact {
        /// The prefix.
        name: String,
        /// The least hash with this prefix.
        first: ArtifactHash,
        /// The next hash with this prefix.
        second: ArtifactHash,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PersistenceError),
}

/// Returns the id of the run called `name`: its id, the beginning of its id in either case, or `@last` for the newest run
/// that is no child of another.
///
/// # Errors
/// Fails unless `name` identifies exactly one run of the store.
///
/// ```
/// use std::sync::Arc;
///
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::steps::demo::Seed;
/// use chem_runtime::store::InMemoryEventStore;
/// use chem_runtime::workbench::{LookupError, find_run};
///
/// let store = Arc::new(InMemoryEventStore::new());
/// let builder = FlowEngine::on(store.clone());
/// let run = builder.first_step(Seed { text: "CCO".into() }).build()?.run_to_end()?.flow_id();
/// assert_eq!(find_run(&*store, "@last")?, run);
/// assert_eq!(find_run(&*store, &run.to_string()[..13])?, run);
/// assert!(matches!(find_run(&*store, "zz"), Err(LookupError::UnknownRun { .. })));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn find_run(store: &dyn RunIndex, name: &str) -> Result<FlowId, LookupError> {
    if name == LAST {
        return newest(store)?.ok_or(LookupError::NoRuns);
    }
    let unknown = || LookupError::UnknownRun { name: name.to_owned() };
    if name.is_empty() {
        return Err(unknown());
    }
    if let Ok(flow_id) = name.parse::<FlowId>() {
        return if store.next_position(flow_id)? > 0 { Ok(flow_id) } else { Err(unknown()) };
    }
    match store.find_run_ids(&name.to_ascii_lowercase(), 2)?[..] {
        [] => Err(unknown()),
        [only] => Ok(only),
        [first, second, ..] => Err(LookupError::AmbiguousRun { name: name.to_owned(), first, second }),
    }
}

/// Returns the newest run that is no child of another.
fn newest(store: &dyn RunIndex) -> Result<Option<FlowId>, LookupError> {
    let (mut before, mut limit) = (None, 1);
    loop {
        let page = store.newest_runs(None, before, limit)?;
        if let Some(first) = page.iter().find(|first| first.child_of().is_none()) {
            return Ok(Some(first.flow_id));
        }
        let Some(oldest) = page.last() else { return Ok(None) };
        before = Some(oldest.seq);
        limit = PAGE;
    }
}

/// Returns the artifact called `name`: its hash, or the beginning of its hash in either case.
///
/// # Errors
/// Fails unless `name` identifies exactly one artifact of the store, and if the artifact cannot be read.
pub fn find_artifact(store: &dyn ArtifactStore, name: &str) -> Result<Artifact, LookupError> {
    let unknown = || LookupError::UnknownArtifact { name: name.to_owned() };
    let hash = match name.parse::<ArtifactHash>() {
        Ok(hash) => hash,
        Err(_) if name.is_empty() => return Err(unknown()),
        Err(_) => match store.find_artifact_hashes(&name.to_ascii_lowercase(), 2)?[..] {
            [] => return Err(unknown()),
            [only] => only,
            [first, second, ..] => {
                return Err(LookupError::AmbiguousArtifact { name: name.to_owned(), first, second });
            }
        },
    };
    store.read_artifact(hash)?.ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{FlowEventKind, StepSignal};
    use crate::store::{EventLog as _, InMemoryEventStore, NewEvent};
    use serde_json::json;

    fn begin(store: &InMemoryEventStore, id: &str, artifacts: Vec<Artifact>) -> FlowId {
        let flow_id: FlowId = id.parse().unwrap();
        let (step_id, signal) = ("a".to_owned(), "note".to_owned());
        let kind = FlowEventKind::StepSignal(StepSignal { step_id, step_index: 0, signal, data: 1.into() });
        store.append(flow_id, 0, &[NewEvent { kind, artifacts }]).unwrap();
        flow_id
    }

    #[test]
    fn a_run_is_found_by_its_id_or_an_unambiguous_beginning() {
        let store = InMemoryEventStore::new();
        assert!(matches!(find_run(&store, "@last"), Err(LookupError::NoRuns)));
        let first = begin(&store, "01a20a54-b3f4-750a-b103-55322ccad5ce", Vec::new());
        // An unset shell variable names no run, even if there is only one.
        assert!(matches!(find_run(&store, ""), Err(LookupError::UnknownRun { .. })));
        let second = begin(&store, "01a20a54-c000-7000-8000-000000000000", Vec::new());
        for (name, expected) in [
            ("@last", second),
            ("01a20a54-b3f4-750a-b103-55322ccad5ce", first),
            ("01a20a54-b", first),
            ("01A20A54-C", second),
        ] {
            assert_eq!(find_run(&store, name).unwrap(), expected, "{name}");
        }
        let error = find_run(&store, "01a2").unwrap_err();
        assert!(matches!(&error, LookupError::AmbiguousRun { first: a, second: b, .. } if (*a, *b) == (first, second)));
        assert_eq!(
            error.to_string(),
            format!("`01a2` begins the ids of several runs, such as `{first}` and `{second}`")
        );
        // A complete id is looked up too.
        for unknown in ["02", "zz", "00000000-0000-7000-8000-000000000000"] {
            assert!(matches!(find_run(&store, unknown), Err(LookupError::UnknownRun { .. })), "{unknown}");
        }
    }

    #[test]
    fn an_artifact_is_found_by_its_hash_or_an_unambiguous_beginning() {
        let store = InMemoryEventStore::new();
        let made: Vec<Artifact> = (0..40).map(|number| Artifact::new("number", &json!(number)).unwrap()).collect();
        begin(&store, "01a20a54-b3f4-750a-b103-55322ccad5ce", made.clone());
        for artifact in &made {
            let hash = artifact.hash().to_string();
            assert_eq!(find_artifact(&store, &hash).unwrap().hash(), artifact.hash());
            assert_eq!(find_artifact(&store, &hash[..12].to_uppercase()).unwrap().hash(), artifact.hash());
        }
        // Of 40 hashes, two begin with the same of 16 digits.
        let digits = "0123456789abcdef".chars().map(|digit| find_artifact(&store, &digit.to_string()));
        assert!(digits.into_iter().any(|found| matches!(found, Err(LookupError::AmbiguousArtifact { .. }))));
        for unknown in ["zz".to_owned(), "0".repeat(64)] {
            assert!(matches!(find_artifact(&store, &unknown), Err(LookupError::UnknownArtifact { .. })), "{unknown}");
        }
    }
}

//! Every run can be repeated from its log alone, whichever store has kept it.

use std::sync::Arc;

use chem_runtime::flow::{FlowStatus, replay};
use chem_runtime::step::{CancelToken, Registry};
use chem_runtime::store::EventStore;
use chem_runtime::workbench::{Tolerances, verify};

/// Repeats each run in `store`.
pub(super) fn every_run(store: &Arc<dyn EventStore>) {
    let runs = store.all_runs().unwrap();
    assert!(!runs.is_empty());
    for run in runs {
        let instance = replay(run.flow_id(), &store.list(run.flow_id()).unwrap()).unwrap();
        assert_eq!(instance.status(), FlowStatus::Completed);
        let (outputs, cancel) = (tempfile::tempdir().unwrap(), CancelToken::default());
        let registry = Registry::linked().unwrap();
        let found = verify(store, &instance, registry, &Tolerances::new(), outputs.path(), None, &cancel).unwrap();
        assert!(found.is_verified(), "{:#}", found.to_json());
    }
}

//! Every run is repeated by the manifest that its log gives, whichever store has kept it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chem_runtime::step::Registry;
use chem_runtime::store::EventStore;
use chem_tests::repeated::{definition_of, fingerprints, manifest_of, run};

fn flows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows")
}

/// Repeats the run of the flow in `file` that `store` has, in an empty store. A manifest that was `repeated` already, from
/// another store, is only compared.
#[track_caller]
pub(super) fn from_its_log(store: &Arc<dyn EventStore>, file: &str, repeated: &mut Option<String>) {
    let summary = store.all_runs().unwrap().pop().unwrap();
    let events = store.list(summary.flow_id()).unwrap();
    let yaml = manifest_of(&events);
    if let Some(repeated) = repeated {
        return assert_eq!(yaml, *repeated);
    }
    let path = flows().join(file);
    let directory = path.parent().unwrap();
    let definition = definition_of(&yaml, directory, Registry::linked().unwrap());
    assert_eq!(fingerprints(&run(definition, directory)), fingerprints(&events), "{yaml}");
    *repeated = Some(yaml);
}

/// Flows that need a program which is not everywhere come back as the same definition.
#[cfg(feature = "chemistry")]
#[test]
fn flows_that_need_rdkit_come_back_from_their_definition() {
    let directory = flows().join("rdkit");
    let registry = Registry::linked().unwrap();
    let manifest = std::fs::read_to_string(directory.join("complexity.yaml")).unwrap();
    let definition = definition_of(&manifest, &directory, registry);
    let recorded = definition.recorded().unwrap();
    let yaml = chem_tests::repeated::manifest_of_definition(&definition);
    let again = definition_of(&yaml, &directory, registry);
    assert_eq!((again.name(), again.recorded().unwrap().steps), (definition.name(), recorded.steps));
}

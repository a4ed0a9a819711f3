//! Every flow of the repository, pinned: the same record through every store, and each run can be repeated from it.

mod planted;
#[cfg(all(feature = "chemistry", unix))]
mod programs;
mod record;
mod repeated;
mod rust_and_yaml;
mod tables;
mod verified;

use std::collections::BTreeSet;
use std::path::Path;

use chem_runtime::assert_flow_snapshot;

/// Pins each flow, on each store, to one record, and verifies the run; and knows which flows are pinned.
macro_rules! flows {
    ($($(#[$condition:meta])* $name:ident = $file:literal;)*) => {
        $(
            $(#[$condition])*
            #[test]
            fn $name() {
                let mut repeated = None;
                for (store, backend) in chem_tests::stores::fresh() {
                    eprintln!("on {store}");
                    assert_flow_snapshot!(concat!("../flows/", $file), backend.store());
                    verified::every_run(&backend.store());
                    repeated::from_its_log(&backend.store(), $file, &mut repeated);
                }
            }
        )*

        const PINNED: &[&str] = &[$($file),*];
    };
}

flows! {
    demo = "demo.yaml";
    #[cfg(feature = "chemistry")]
    oral_leads = "oral-leads.yaml";
    #[cfg(feature = "chemistry")]
    nsaid_search = "nsaid-search.yaml";
    #[cfg(feature = "chemistry")]
    diverse_set = "diverse-set.yaml";
    #[cfg(feature = "chemistry")]
    families = "families.yaml";
    #[cfg(feature = "chemistry")]
    screen = "screen.yaml";
    #[cfg(feature = "chemistry")]
    alert_triage = "alert-triage.yaml";
    potency = "potency.yaml";
    extremes = "extremes.yaml";
    selectivity = "selectivity.yaml";
    #[cfg(feature = "chemistry")]
    train_test = "train-test.yaml";
    #[cfg(feature = "chemistry")]
    two_libraries = "two-libraries.yaml";
    #[cfg(feature = "chemistry")]
    unwanted = "unwanted.yaml";
    #[cfg(feature = "chemistry")]
    rule_of_five = "rule-of-five.yaml";
    #[cfg(feature = "chemistry")]
    path_clusters = "path-clusters.yaml";
    #[cfg(feature = "chemistry")]
    registry = "registry.yaml";
    #[cfg(feature = "chemistry")]
    chembl_potency = "chembl-potency.yaml";
}

/// The flows that the module `programs` pins.
#[cfg(all(feature = "chemistry", unix))]
const PINNED_ELSEWHERE: &[&str] = &["model/forest.yaml", "rdkit/complexity.yaml"];
#[cfg(not(all(feature = "chemistry", unix)))]
const PINNED_ELSEWHERE: &[&str] = &[];

/// The flows with steps in Python. Their fingerprints cover what is installed, so no snapshot is right on every machine; the
/// suite `python` runs them. The flow for clusters is run by the suite `slurm`.
const OF_THE_MACHINE: &[&str] = &[
    "cluster/conformers.yaml",
    "cluster/library.yaml",
    "python/conformers.yaml",
    "python/descriptors.yaml",
    "python/forest.yaml",
];

/// A flow without a snapshot and a snapshot without a flow are failures, in folders as well.
#[test]
fn each_flow_has_a_snapshot_and_each_snapshot_a_flow() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut flows = files_under(&repository.join("flows"), "yaml");
    for flow in OF_THE_MACHINE {
        assert!(flows.remove(*flow), "{flow} is missing");
    }
    let pinned: BTreeSet<String> = PINNED.iter().chain(PINNED_ELSEWHERE).map(|name| (*name).to_owned()).collect();
    if cfg!(all(feature = "chemistry", unix)) {
        assert_eq!(flows, pinned, "each manifest in flows/ has a test");
    }
    let named: BTreeSet<String> = flows.iter().map(|flow| flow.replace(".yaml", ".snap")).collect();
    assert_eq!(
        files_under(&repository.join("snapshots/flows"), "snap"),
        named,
        "snapshots/flows has a snapshot for each flow"
    );
}

#[test]
fn a_flow_in_a_folder_without_a_snapshot_is_found() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join("a/b")).unwrap();
    for file in ["one.yaml", "a/b/two.yaml", "a/three.txt"] {
        std::fs::write(directory.path().join(file), "").unwrap();
    }
    assert_eq!(files_under(directory.path(), "yaml"), ["a/b/two.yaml", "one.yaml"].map(str::to_owned).into());
}

/// Returns the files under `directory` with this extension: paths relative to it, separated by `/`.
fn files_under(directory: &Path, extension: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files_under(&path, extension).into_iter().map(|inner| format!("{name}/{inner}")));
        } else if path.extension().is_some_and(|end| end == extension) {
            found.insert(name);
        }
    }
    found
}

//! Every flow of the repository, pinned: the same record through every store, and each run can be repeated from it.

mod planted;
mod record;
mod rust_and_yaml;
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
                for (store, backend) in chem_tests::stores::fresh() {
                    eprintln!("on {store}");
                    assert_flow_snapshot!(concat!("../flows/", $file), backend.store());
                    verified::every_run(&backend.store());
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
}

/// Flows that need a program which is not everywhere cannot be pinned; the check looks at all but the program.
#[cfg(feature = "chemistry")]
#[test]
fn flows_that_need_rdkit_pass_the_check() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/rdkit");
    let manifests = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let manifests: Vec<_> = manifests.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    assert!(!manifests.is_empty());
    for path in manifests {
        let checked = chem_runtime::manifest::load(&path, &[], chem_runtime::step::Registry::linked().unwrap());
        assert!(checked.diagnostics.is_empty(), "{}: {:?}", path.display(), checked.diagnostics);
    }
}

#[test]
fn no_flow_is_left_out() {
    let flows = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows");
    let there: BTreeSet<String> = std::fs::read_dir(flows)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    let pinned: BTreeSet<String> = PINNED.iter().map(ToString::to_string).collect();
    assert_eq!(there, pinned, "each flow in flows/ stands in the list above");
}

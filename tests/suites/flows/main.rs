//! Every flow of the repository, pinned: the same record through every store.

mod record;
mod rust_and_yaml;

use std::collections::BTreeSet;
use std::path::Path;

use chem_runtime::assert_flow_snapshot;
use chem_runtime::store::InMemoryEventStore;
use chem_runtime::store::sqlite::SqliteEventStore;

/// Pins each flow on each store, and knows which flows are pinned.
macro_rules! flows {
    ($($(#[$condition:meta])* $name:ident = $file:literal;)*) => {
        $(
            $(#[$condition])*
            mod $name {
                use super::*;

                #[test]
                fn in_memory() {
                    assert_flow_snapshot!(concat!("../flows/", $file), InMemoryEventStore::new());
                }

                #[test]
                fn in_sqlite() {
                    let directory = tempfile::tempdir().unwrap();
                    let store = SqliteEventStore::open(directory.path().join("store.db")).unwrap();
                    assert_flow_snapshot!(concat!("../flows/", $file), store);
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

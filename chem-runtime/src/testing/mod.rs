//! Flows as regression tests: the whole record of a run, with only what differs from run to run masked.
//!
//! One line pins a flow of your crate. It runs the manifest (a path relative to the crate), redirects the files of its
//! sinks to a temporary directory, and compares the record with a snapshot: for `flows/NAME.yaml` that is
//! `snapshots/flows/NAME.snap`, and a folder within `flows` has a folder within `snapshots/flows`.
//!
//! ```no_run
//! #[test]
//! fn oral_leads() {
//!     chem_runtime::assert_flow_snapshot!("flows/oral-leads.yaml");
//! }
//! ```
//!
//! A change fails the test, and the first line of the failure names the cause: a step that gave another result under the
//! same fingerprint, a parameter, an input file, a renamed step, … A diff of at most 40 lines follows. Accept a change
//! with `cargo insta review` (from `cargo install cargo-insta`) or `INSTA_UPDATE=always cargo test`; insta's environment
//! variables apply.

mod causes;
mod format;
mod mismatch;
mod output;
mod pairing;
mod place;
mod readable;
mod record;
mod results;
mod review;
mod side;
mod step_change;

pub use insta;
pub use mismatch::Mismatch;
pub use record::{FlowRecord, NotRecorded};

/// Runs the manifest and compares its record with the snapshot: see [`testing`](crate::testing).
#[macro_export]
macro_rules! assert_flow_snapshot {
    ($manifest:expr) => {
        $crate::assert_flow_snapshot!($manifest, $crate::store::InMemoryEventStore::new())
    };
    ($manifest:expr, $store:expr) => {{
        let manifest = ::std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join($manifest);
        let record = $crate::testing::FlowRecord::of_manifest_on(&manifest, $store);
        $crate::assert_record_snapshot!(record);
    }};
}

/// Compares a [`FlowRecord`](crate::testing::FlowRecord) with the snapshot of its manifest, as
/// [`assert_flow_snapshot!`](crate::assert_flow_snapshot) does.
#[macro_export]
macro_rules! assert_record_snapshot {
    ($record:expr) => {{
        let record = &$record;
        record.assert_pinned(env!("CARGO_MANIFEST_DIR").as_ref(), file!(), line!());
        let mut settings = $crate::testing::insta::Settings::new();
        settings.set_snapshot_path(record.snapshot_directory());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| $crate::testing::insta::assert_snapshot!(record.name(), record.text()));
    }};
}

//! Flows as regression tests: the record of a run with only what changes from run to run masked.
//!
//! ```no_run
//! #[test]
//! fn oral_leads() {
//!     chem_runtime::testing::assert_flow_snapshot("flows/oral-leads.yaml");
//! }
//! ```

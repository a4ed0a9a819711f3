//! Steps in Python: how they are described, checked, run, reused, and what happens when they fail.
//!
//! `CHEM_TEST_PYTHON` names an interpreter that has pyarrow, or else `python3` is tried. Without one the tests are skipped,
//! unless `CHEM_REQUIRE_PYTHON=1` requires it.

mod checks;
mod children;
mod deaths;
#[cfg(target_os = "linux")]
mod disk;
mod ends;
mod environment;
#[cfg(feature = "chemistry")]
mod flows;
mod forms;
mod harness;
mod identity;
mod running;
mod shards;

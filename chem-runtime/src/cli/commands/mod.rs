//! The commands, one file each: its arguments as clap reads them, and the function that runs it.

pub(super) mod answer;
pub(super) mod artifact;
pub(super) mod audit;
pub(super) mod branch;
pub(super) mod check;
pub(super) mod completions;
pub(super) mod diff;
pub(super) mod log;
pub(super) mod ls;
pub(super) mod manifest;
pub(super) mod new;
pub(super) mod plan;
pub(super) mod resume;
pub(super) mod retry;
pub(super) mod run;
pub(super) mod schema;
pub(super) mod seal;
pub(super) mod show;
pub(super) mod sign;
pub(super) mod steps;
pub(super) mod store;
pub(super) mod verify;
pub(super) mod whoami;
pub(super) mod why;

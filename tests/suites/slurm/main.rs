//! Runs whose children are worked on by jobs of a real Slurm cluster, which the tests start as ordinary processes.

#![cfg(target_os = "linux")]

mod disk;
#[allow(dead_code)]
#[path = "../cli/harness.rs"]
mod harness;
mod long;
mod place;
mod scripts;
mod short;

//! The program as a user or a script sees it.

mod answers;
mod arrow;
mod attacks;
mod audits;
mod backends;
mod branch;
mod children;
mod code;
mod commands;
mod confined;
mod contract;
mod decisions;
#[cfg(feature = "chemistry")]
mod depict;
#[cfg(target_os = "linux")]
mod disk;
mod durability;
mod evidence;
mod families;
mod gates;
mod handover;
mod harness;
mod help;
mod identity;
mod kills;
mod limits;
mod ls;
mod manifest;
mod manifest_errors;
mod nested;
mod plans;
#[cfg(target_os = "linux")]
mod poison;
#[cfg(all(feature = "postgres", unix))]
mod postgres;
#[cfg(target_os = "linux")]
mod programs;
mod progress;
mod reader;
mod refused;
mod retry;
mod secrets;
mod several;
mod shards;
mod snapshot;
mod sources;
mod spool;
mod store;
mod taken_over;
#[cfg(feature = "chemistry")]
mod trace;
mod trace_files;
mod trouble;
mod wide;
mod workbench;

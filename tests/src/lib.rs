//! Code that the suites share: the stores under test, servers and a browser, sample events and values, and step types for
//! tests.

pub mod axe;
pub mod browser;
pub mod effort;
pub mod events;
pub mod jsonl;
pub mod outside;
#[cfg(all(feature = "postgres", unix))]
pub mod postgres_server;
pub mod released;
pub mod repeated;
#[cfg(target_os = "linux")]
pub mod slurm;
#[cfg(target_os = "linux")]
pub mod small_disk;
pub mod steps;
pub mod stores;
pub mod values;
#[cfg(unix)]
pub mod wheel;

//! What PostgreSQL guarantees beyond the laws that every store obeys.
//!
//! - `migrations`: how one or several processes create and migrate a schema, and which schemas are rejected.
//! - `schema`: the checked-in schema, and how a database has drifted from it.
//! - `append_only`: what the database itself rejects.
//! - `writers`: many concurrent writers, in one process and in several, and what they share.
//! - `leases`: who holds the lease on a run, by the database's clock.
//! - `following`: following the log as it grows, while transactions stay open and after the log has moved.
//! - `artifacts`: large, corrupt and duplicate artifacts.
//! - `failures`: lost responses and a killed server.
//! - `failover`: a standby that takes over.
//! - `tls`: which servers are trusted.
//! - `rights`: what a user who does not own the store may do.
//! - `boundary`: what other users of the database can do to users of the store.
//! - `silence`: servers that stop responding, and poolers that do not keep sessions.
//! - `listing`: runs are found by indexes, however many events lie between them, and large tables are not counted.
//! - `evidence`: sealing while transactions stay open, and in another cluster; events that the order of delivery leaves out.
//! - `moving`: copying logs from one store to another.

#![cfg(unix)]

mod append_only;
mod artifacts;
mod boundary;
mod evidence;
mod failover;
mod failures;
mod following;
mod leases;
mod listing;
mod migrations;
mod moving;
mod rights;
mod schema;
mod silence;
mod tls;
mod work;
mod writers;

use std::time::{Duration, Instant};

use chem_runtime::store::postgres::{PgEventStore, PgPool, PoolSettings, PostgresUrl};
use chem_tests::postgres_server::TestDatabase;

/// Returns a new store and its database, or returns from the test if there is no server.
macro_rules! store_or_skip {
    () => {
        match crate::new_store() {
            Some(store) => store,
            None => return,
        }
    };
}
use store_or_skip;

fn new_store() -> Option<(PgEventStore, TestDatabase)> {
    let database = chem_tests::postgres_server::database()?;
    Some((PgEventStore::open(&database.address()).unwrap(), database))
}

fn pool(database: &TestDatabase) -> PgPool {
    PgPool::connect(&database.address(), PoolSettings::default()).unwrap()
}

fn address(text: &str) -> PostgresUrl {
    text.parse().unwrap()
}

/// Polls until `is_so`. Panics after a timeout longer than any wait in these tests.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

/// Returns the message of an error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

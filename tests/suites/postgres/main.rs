//! What PostgreSQL promises besides the laws that every store keeps.
//!
//! - `migrations`: how a schema comes about, by one process or by several, and which schemas are refused.
//! - `schema`: the schema as it is checked in, and what of it has drifted.
//! - `append_only`: what the database itself refuses.
//! - `writers`: many writers at once, in one process and in several, and what they share.
//! - `leases`: who has a run in hand, by the database's clock.
//! - `following`: the log as it grows, while transactions stay open and after the log has moved.
//! - `artifacts`: large ones, corrupt ones, known ones.
//! - `failures`: answers that are lost, a server that is killed.
//! - `failover`: a standby that takes over.
//! - `tls`: who is trusted.
//! - `rights`: what a user who does not own the store may do.
//! - `boundary`: what other users of the database can do to those who use the store.
//! - `silence`: servers that stop answering, and poolers that do not keep sessions.
//! - `listing`: runs are found by indexes, whatever is between them, and large tables are not counted.
//! - `moving`: logs from one store in another.

#![cfg(unix)]

mod append_only;
mod artifacts;
mod boundary;
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

use chem_runtime::store::postgres::{PgEventStore, PgPool, PoolSettings};
use chem_runtime::store::{PostgresUrl, StoreUrl};
use chem_tests::postgres_server::TestDatabase;

/// A new store, and the database that it is in. Returns from the test if there is no server.
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
    match text.parse() {
        Ok(StoreUrl::Postgres(url)) => url,
        other => panic!("{other:?}"),
    }
}

/// Asks again and again until `is_so`; the test fails if that takes longer than anything here should.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

/// What an error says, with what it came from.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

//! Provides a PostgreSQL server for tests and benchmarks: the one that `CHEM_TEST_DATABASE_URL` names, or a temporary one
//! from the binaries on this machine.
//!
//! A test calls [`database`] for an empty database of its own, and returns if there is none; a notice is printed once.
//! Tests that break their server start one with [`PostgresServer::start`]. Servers and databases are removed when their
//! owner is dropped, and servers also when the test process is killed. The suites decide what to test.

mod binaries;
mod database;
mod pooler;
mod proxy;
mod server;
mod settings;
mod user;

use std::io::Write as _;
use std::sync::OnceLock;

pub use binaries::Binaries;
pub use database::TestDatabase;
pub use pooler::TransactionPooler;
pub use proxy::{Proxy, Traffic};
pub use server::PostgresServer;
pub use settings::{Durability, ServerSettings};

/// The environment variable with the URL of a server on which tests may create databases.
pub const TEST_DATABASE_URL: &str = "CHEM_TEST_DATABASE_URL";
/// The environment variable that, set to `1`, makes a missing server a failure.
pub const REQUIRE_POSTGRES: &str = "CHEM_REQUIRE_POSTGRES";

/// Creates an empty database for one test, on the server that all tests of this program share. Returns `None` if there is
/// no server.
///
/// # Panics
/// If the server cannot create one, or if there is no server and `CHEM_REQUIRE_POSTGRES=1` requires one.
pub fn database() -> Option<TestDatabase> {
    if let Ok(url) = std::env::var(TEST_DATABASE_URL) {
        return Some(TestDatabase::create(&url));
    }
    static SHARED: OnceLock<Option<PostgresServer>> = OnceLock::new();
    let server = SHARED.get_or_init(|| server(ServerSettings::default()));
    server.as_ref().map(|server| TestDatabase::create(&server.url("postgres")))
}

/// Starts a server for the caller alone. Returns `None` if this machine has no PostgreSQL to start.
///
/// # Panics
/// If the server does not start, or if there is none and `CHEM_REQUIRE_POSTGRES=1` requires one.
pub fn server(settings: ServerSettings) -> Option<PostgresServer> {
    match Binaries::find() {
        Some(binaries) => match PostgresServer::start(&binaries, settings) {
            Ok(server) => Some(server),
            Err(reason) => panic!("PostgreSQL is installed and does not start: {reason}"),
        },
        None => {
            let hint = "install PostgreSQL's server (its `initdb` has to be in `pg_config --bindir`, in PATH, or in \
                        the distribution's usual place), or set CHEM_TEST_DATABASE_URL";
            assert!(std::env::var(REQUIRE_POSTGRES).as_deref() != Ok("1"), "no PostgreSQL to test with: {hint}");
            static SAID: OnceLock<()> = OnceLock::new();
            SAID.get_or_init(|| {
                // Writes past the capture of the test harness, which would swallow the notice. Ignores a closed stderr.
                let _ = writeln!(std::io::stderr(), "\nSKIPPED: ALL TESTS THAT NEED POSTGRESQL: {hint}\n");
            });
            None
        }
    }
}

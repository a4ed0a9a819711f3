//! Measures the cost of the PostgreSQL store over the bare database: `cargo bench -p chem-tests --bench postgres`.
//!
//! Starts its own server with fsync on. The store and what it is compared with alternate on that server, since the machine
//! may be busy; the printed value is the median over the rounds.

mod append;
mod flows;
mod replay;
#[path = "../table.rs"]
mod table;

use chem_runtime::store::postgres::PgEventStore;
use chem_tests::postgres_server::{PostgresServer, ServerSettings, TestDatabase, server};

/// A server with production settings, and a database for each measurement.
pub struct Bench {
    server: PostgresServer,
}

impl Bench {
    fn database(&self) -> (TestDatabase, PgEventStore) {
        let database = TestDatabase::create(&self.server.url("postgres"));
        let store = PgEventStore::open(&database.address()).unwrap();
        (database, store)
    }
}

fn main() {
    // Cargo adds `--bench`; any other argument is part of a name.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let settings = ServerSettings::durable().with("max_wal_size", "4GB").with("shared_buffers", "256MB");
    let Some(server) = server(settings) else { return };
    let bench = Bench { server };
    type Measure = fn(&Bench) -> table::Line;
    let all: [(&str, Measure); 7] = [
        ("one-after-another", flows::one_after_another),
        ("in-four-commits", flows::one_after_another_in_four_commits),
        ("at-once", flows::at_once),
        ("long-against-short", flows::long_against_short),
        ("replay", replay::replay),
        ("append", append::append),
        ("sealed", append::append_beside_a_sealer),
    ];
    table::head();
    for (name, measure) in all {
        if wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            table::print(&measure(&bench));
        }
    }
}

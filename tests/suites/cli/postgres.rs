//! The program and a PostgreSQL that is not as it would like: without a store, or without the rights.

use chem_tests::postgres_server::{TestDatabase, database};

use crate::harness::Place;

const FLOW: &str = "flow: f\nsteps:\n  - { id: seed, uses: demo.seed }\n";

/// The names of the tables in the database.
fn tables(database: &TestDatabase) -> Vec<String> {
    let query = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    database.client().query(query, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn commands_that_need_a_store_leave_a_database_without_one_as_it_is() {
    let Some(database) = database() else { return };
    database.client().batch_execute("CREATE TABLE customers (name text)").unwrap();
    let place = Place::new();
    place.write("f.yaml", FLOW);
    let (url, run) = (database.url(), "019ab000-0000-7000-8000-000000000000");
    for command in [
        &["ls"][..],
        &["show", "@last"],
        &["log", "@last"],
        &["log", "--follow"],
        &["artifact", "abc"],
        &["why", run, "seed"],
        &["verify", run],
        &["diff", run, run],
        &["resume", run],
        &["retry", run],
        &["approve", run, "seed"],
        &["reject", run, "seed"],
        &["branch", run, "--from", "seed"],
    ] {
        let told = place.chem(&[command, &["--store", &url]].concat()).expect(3).stderr;
        let help = format!("`chem run MANIFEST --store {url}` makes one");
        assert!(told.contains("there is no store in the database") && told.contains(&help), "{command:?}: {told}");
    }
    place.chem(&["plan", "f.yaml", "--store", &url]).expect(0);
    place.chem(&["store", "status", "--store", &url]).expect(0);
    assert_eq!(tables(&database), ["customers"]);

    place.chem(&["run", "f.yaml", "--store", &url]).expect(0);
    assert!(place.chem(&["ls", "--store", &url]).expect(0).stdout.contains("completed"));
}

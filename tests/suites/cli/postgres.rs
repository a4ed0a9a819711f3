//! The program on a PostgreSQL database that lacks a store or the necessary rights.

use std::time::Duration;

use chem_tests::postgres_server::{ServerSettings, TestDatabase, database, server};

use crate::harness::{Outcome, Place};

const FLOW: &str = "flow: f\nsteps:\n  - { id: seed, uses: demo.seed }\n";

/// Returns the names of the tables in the database.
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
        &["manifest", "@last"],
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
        let help = format!("`chem run MANIFEST --store {url}` creates it");
        assert!(told.contains("there is no store in the database") && told.contains(&help), "{command:?}: {told}");
    }
    place.chem(&["plan", "f.yaml", "--store", &url]).expect(0);
    place.chem(&["store", "status", "--store", &url]).expect(0);
    assert_eq!(tables(&database), ["customers"]);

    place.chem(&["run", "f.yaml", "--store", &url]).expect(0);
    assert!(place.chem(&["ls", "--store", &url]).expect(0).stdout.contains("completed"));
}

/// A flow whose second step waits for a person.
const EVERYTHING: &str = "flow: f
params: { text: CCO }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
  - { id: characters, uses: demo.characters, gate: { message: Go on? } }
";

#[test]
fn a_runner_can_do_all_that_running_takes_and_a_reader_all_that_reads() {
    let Some(database) = database() else { return };
    let place = Place::new();
    place.write("f.yaml", EVERYTHING).write("slow.yaml", &crate::harness::slow_flow(40, 100));
    let url = database.url();
    place.chem(&["store", "migrate", "--store", &url]).expect(0);
    let roles = ["reader", "runner"].map(|rights| {
        let name = format!("{}_{rights}", database.name());
        database.client().batch_execute(&format!("CREATE ROLE {name} LOGIN")).unwrap();
        let printed = place.chem(&["store", "grant", &name, rights, "--store", &url, "--print"]).expect(0).stdout;
        place.chem(&["ls", "--store", &url.replace("chem@", &format!("{name}@"))]).expect(3);
        assert_eq!(place.chem(&["store", "grant", &name, rights, "--store", &url]).expect(0).stdout, printed);
        name
    });
    let [as_reader, as_runner] = roles.clone().map(|name| {
        let url = url.replace("chem@", &format!("{name}@"));
        let place = &place;
        move |arguments: &[&str]| place.chem(&[arguments, &["--store", &url]].concat())
    });

    as_runner(&["run", "f.yaml"]).expect(4);
    as_runner(&["reject", "@last", "characters"]).expect(0);
    as_runner(&["retry", "@last"]).expect(4);
    as_runner(&["approve", "@last", "characters"]).expect(0);
    as_runner(&["branch", "@last", "--from", "seed", "--set", "seed.text=CCC"]).expect(4);
    let mut child = place.spawn(&["run", "slow.yaml", "--store", &url.replace("chem@", &format!("{}@", roles[1]))]);
    until_finished_steps(&database, 3);
    child.kill().unwrap();
    child.wait().unwrap();
    as_runner(&["resume", "@last"]).expect(0);

    for command in [
        &["ls"][..],
        &["ls", "--status", "completed", "--tree"],
        &["manifest", "@last"],
        &["show", "@last"],
        &["log", "@last"],
        &["log", "@last", "--follow"],
        &["plan", "f.yaml"],
        &["store", "status"],
        &["store", "check"],
        &["verify", "@last"],
        &["why", "@last", "seed"],
    ] {
        let told = as_reader(command);
        assert!([0, 1].contains(&told.status) && !told.stderr.contains("may not do this"), "{command:?}: {told:?}");
    }
    let refused = as_reader(&["run", "f.yaml"]).expect(3).stderr;
    assert!(refused.contains("the user may not do this"), "{refused}");
    let refused = as_runner(&["store", "grant", &roles[0], "runner"]).expect(3).stderr;
    assert!(refused.contains("only the owner of the store"), "{refused}");
    let refused = place.chem(&["store", "grant", "anna", "runner", "--store", "sqlite:s.db"]).expect(3).stderr;
    assert!(refused.contains("is a store without roles"), "{refused}");
    let drop = format!("DROP OWNED BY {0}, {1}; DROP ROLE {0}, {1}", roles[0], roles[1]);
    database.client().batch_execute(&drop).unwrap();
}

fn until_finished_steps(database: &TestDatabase, count: i64) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let sql = "SELECT count(*) FROM event_log WHERE event_type = 'stepfinished' AND flow_id =
                   (SELECT flow_id FROM event_log WHERE position = 0 ORDER BY seq DESC LIMIT 1)";
    let mut client = database.client();
    while client.query_one(sql, &[]).unwrap().get::<_, i64>(0) < count {
        assert!(std::time::Instant::now() < deadline, "no step has finished");
        std::thread::yield_now();
    }
}

#[test]
fn the_variables_of_postgresql_and_a_service_say_what_the_address_does_not() {
    let Some(database) = database() else { return };
    let Some(socket) = database.socket() else { return };
    let place = Place::new();
    place.write("f.yaml", FLOW);
    let (host, port) = (socket.parent().unwrap().display().to_string(), socket.extension().unwrap().to_owned());
    let chem = |url: &str, variables: &[(&str, &str)]| {
        let mut command = place.command(&["run", "f.yaml", "--store", url]);
        for name in ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE", "PGPASSWORD"] {
            command.env_remove(name);
        }
        crate::harness::Outcome::from(command.envs(variables.iter().copied()).output().unwrap())
    };
    let port = port.into_string().unwrap();
    let place_of = [("PGHOST", host.as_str()), ("PGPORT", &port), ("PGUSER", "chem"), ("PGDATABASE", database.name())];
    chem("postgres:///", &place_of).expect(0);
    let service = format!("[lab]\nhost={host}\nport={port}\nuser=chem\ndbname={}\n", database.name());
    place.write("services", &service);
    let file = place.path().join("services").display().to_string();
    chem("postgres:///?service=lab", &[("PGSERVICEFILE", &file)]).expect(0);
    chem("postgres:///", &[("PGSERVICE", "lab"), ("PGSERVICEFILE", &file), ("PGUSER", "nobody")]).expect(0);
    let refused = chem("postgres:///?service=lap", &[("PGSERVICEFILE", &file)]).expect(3).stderr;
    assert!(refused.contains("there is no service `lap`"), "{refused}");
    let refused = chem("postgres:///", &[&place_of[..], &[("PGSSLCRL", "f")]].concat()).expect(3).stderr;
    assert!(refused.contains("`PGSSLCRL` is set"), "{refused}");
}

/// The parent and a worker each run a child while the server is stopped, for longer than a request is tried again.
#[test]
fn a_database_that_is_stopped_during_children_fails_neither_them_nor_their_parent() {
    if chem_tests::effort::rounds(1) == 1 {
        return eprintln!("SKIPPED: it takes minutes; `.ci/nightly` runs it, and so does CHEM_TEST_EFFORT=2");
    }
    let Some(mut server) = server(ServerSettings::default()) else { return };
    let database = TestDatabase::create(&server.url("postgres"));
    let place = Place::new();
    let child = "flow: child\nparams: { text: C }\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }\n  \
                 - { id: slow, uses: test.slow, with: { wait: 1500, ran: \"ran-${params.text}.txt\" } }\n  - { id: count, uses: \
                 demo.characters }\n";
    place.write("child.yaml", child);
    let map = "map: { flow: child.yaml, over: { text: [C, CC, CCC, CCCC] } }";
    place.write("mapped.yaml", &format!("flow: mapped\nsteps:\n  - id: every\n    {map}\n"));
    let url = database.url();
    let begun =
        || ["C", "CC", "CCC", "CCCC"].iter().filter(|it| place.path().join(format!("ran-{it}.txt")).exists()).count();
    let wait_for = |count: usize| {
        while begun() < count {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let parent = place.spawn(&["run", "mapped.yaml", "--store", &url]);
    wait_for(1);
    let worker = place.spawn(&["work", "@last", "--store", &url]);
    wait_for(2);
    server.kill();
    for process in [parent, worker] {
        let ended = Outcome::from(process.wait_with_output().unwrap()).expect(3).stderr;
        assert!(ended.contains("the recorded events are safe"), "{ended}");
    }
    server.restart().unwrap();
    let resumed = place.chem(&["resume", "@last", "--store", &url, "--format", "json"]).expect(0).json();
    assert_eq!((&resumed["status"], &resumed["event_variants"]), (&"completed".into(), &"ISFC".into()));
    for child in resumed["children"].as_array().unwrap() {
        let id = child["flow_id"].as_str().unwrap();
        assert_eq!(
            place.chem(&["show", id, "--store", &url, "--format", "json"]).expect(0).json()["event_variants"],
            "ISFSFSFC"
        );
    }
    let alone = place.chem(&["run", "mapped.yaml", "--store", "sqlite:alone.db", "--format", "json"]).expect(0).json();
    assert_eq!(resumed["flow_fingerprint"], alone["flow_fingerprint"]);
}

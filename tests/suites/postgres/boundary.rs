//! What other users of the database can do to users of the store.

use std::sync::Arc;

use chem_runtime::event::FlowId;
use chem_runtime::store::postgres::{PgEventStore, check, migrate};
use chem_runtime::store::{
    ArtifactStore as _, EventLog as _, EventStore as _, Lease, Leases as _, OpenMode, PersistenceError, RunIndex as _,
    Takeover, Writer,
};
use chem_tests::events::{artifact, finished, numbered, signal};
use chem_tests::postgres_server::database;
use postgres::error::SqlState;

use crate::rights::Role;
use crate::{address, pool, store_or_skip, work};

/// Functions and operators that match the store's statements better than PostgreSQL's own. Each records the user that runs
/// it and returns the same result.
const IMPOSTORS: &str = "
    CREATE TABLE public.caught (name text);
    GRANT ALL ON public.caught TO PUBLIC;
    CREATE FUNCTION public.cardinality(text[]) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.caught VALUES (current_user); RETURN coalesce(array_length($1, 1), 0); END $$;
    CREATE FUNCTION public.cardinality(uuid[]) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.caught VALUES (current_user); RETURN coalesce(array_length($1, 1), 0); END $$;
    CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.caught VALUES (current_user);
        RETURN QUERY SELECT $1[i] FROM generate_subscripts($1, 1) AS i; END $$;
    CREATE FUNCTION public.unnest(bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.caught VALUES (current_user);
        RETURN QUERY SELECT $1[i] FROM generate_subscripts($1, 1) AS i; END $$;
    CREATE FUNCTION public.make_interval(double precision) RETURNS interval LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.caught VALUES (current_user); RETURN '1 min'; END $$;
    CREATE FUNCTION public.array_agg(name) RETURNS text[] LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.caught VALUES (current_user); RETURN NULL; END $$;
    CREATE FUNCTION public.differs(text, name) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.caught VALUES (current_user); RETURN true; END $$;
    CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = name, FUNCTION = public.differs);";

#[test]
fn functions_that_fit_better_than_those_of_the_server_are_not_run() {
    let (store, database) = store_or_skip!();
    let mallory = Role::new(&database, "mallory");
    let mut client = database.client();
    client.batch_execute(&format!("GRANT CREATE ON SCHEMA public TO {}", mallory.name())).unwrap();
    mallory.client().batch_execute(IMPOSTORS).unwrap();
    let caught = |client: &mut postgres::Client| -> i64 {
        client.query_one("SELECT count(*) FROM public.caught", &[]).unwrap().get(0)
    };
    // They run if a user has the schema on the search path.
    client.batch_execute("SELECT cardinality(ARRAY['a'])").unwrap();
    assert_eq!(caught(&mut client), 1);

    // Opens the store again, and appends alone and concurrently, with small and large batches.
    drop(store);
    let store = Arc::new(PgEventStore::open(&database.address()).unwrap());
    let engine = work::engine(store.clone(), 2);
    engine.run_to_end().unwrap();
    std::thread::scope(|scope| {
        for number in 2..34 {
            let store = &store;
            scope.spawn(move || store.append(FlowId::new(), 0, &[numbered(number)]).unwrap());
        }
    });
    let run = FlowId::new();
    store.append(run, 0, &[finished([artifact(1)]), signal("x".repeat(9 << 20)).into()]).unwrap();
    let lease = store.acquire_lease(run, &chem_runtime::store::Holder::this_process(), Takeover::Always).unwrap();
    assert!(store.lease_holder(run).unwrap().is_some());
    store.release_lease(&lease).unwrap();
    store.all_runs().unwrap();
    store.follow(Default::default(), 100, std::time::Duration::ZERO).unwrap();
    store.newest_runs(Some("f"), None, 9).unwrap();
    store.find_run_ids("0", 9).unwrap();
    store.find_artifact_hashes("0", 9).unwrap();
    assert_eq!(check(&pool(&database)).unwrap(), []);
    migrate(&pool(&database)).unwrap();
    assert_eq!(caught(&mut client), 1, "somebody else's function was run");
}

#[test]
fn a_schema_with_functions_of_another_user_is_not_migrated() {
    let Some(database) = database() else { return };
    let mallory = Role::new(&database, "mallory");
    database.client().batch_execute(&format!("GRANT CREATE ON SCHEMA public TO {}", mallory.name())).unwrap();
    let mut client = mallory.client();
    for (make, what, drop) in [
        (
            "CREATE FUNCTION public.length(text) RETURNS int LANGUAGE sql AS 'SELECT 64'",
            "function `public.length(text)`",
            "DROP FUNCTION public.length(text)",
        ),
        (
            "CREATE FUNCTION public.get(jsonb, jsonb) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
             CREATE OPERATOR public.->> (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = public.get)",
            "operator `public.->>(jsonb,jsonb)`",
            "DROP FUNCTION public.get(jsonb, jsonb) CASCADE",
        ),
    ] {
        client.batch_execute(make).unwrap();
        let error = migrate(&pool(&database)).unwrap_err();
        assert!(matches!(error, PersistenceError::Unusable { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("{what} of the role `{}`", mallory.name())), "{error}");
        client.batch_execute(drop).unwrap();
    }
    migrate(&pool(&database)).unwrap();
}

/// The arguments for an event that ends a run.
const END: &str = "'flowcompleted'], ARRAY['{\"flow_fingerprint\": \"0\"}'], '{}', '{}', '{}', '{}', '{}', '{}', '{}')";

#[test]
fn a_runner_writes_nothing_but_by_the_rules() {
    let (store, database) = store_or_skip!();
    let (ours, theirs) = (FlowId::new(), FlowId::new());
    store.append(ours, 0, &[numbered(0)]).unwrap();
    let lease = Lease::of_new_run(theirs, chem_runtime::store::Holder::this_process());
    store.append_as(Writer::Holder(&lease), 0, &[numbered(0), finished([artifact(1)])]).unwrap();
    let runner = Role::new(&database, "runner");
    runner.grant("runner");
    let before = (store.list(ours).unwrap(), store.list(theirs).unwrap());
    let mut client = runner.client();
    let signal = r#"'{"step_id":"a","step_index":0,"signal":"note","data":1}'"#;
    let hash = "a".repeat(64);
    for (what, sql) in [
        (
            "an event at position 99",
            format!(
                "INSERT INTO event_log (flow_id, position, event_type, payload) VALUES ('{ours}', 99, 'stepsignal', {signal})"
            ),
        ),
        (
            "a date",
            format!(
                "INSERT INTO event_log (flow_id, position, ts, event_type, payload) VALUES ('{ours}', 1, '1999-01-01', 'stepsignal', {signal})"
            ),
        ),
        (
            "a transaction",
            format!(
                "INSERT INTO event_log (flow_id, position, xact, event_type, payload) VALUES ('{ours}', 1, '1', 'stepsignal', {signal})"
            ),
        ),
        (
            "the end of a run",
            format!(
                "INSERT INTO event_log (flow_id, position, event_type, payload) VALUES ('{theirs}', 2, 'flowcompleted', '{{}}')"
            ),
        ),
        ("an epoch", format!("UPDATE flow_leases SET epoch = 9 WHERE flow_id = '{theirs}'")),
        ("a holder", format!("INSERT INTO flow_leases (flow_id, epoch, holder) VALUES ('{ours}', 9, '{{}}')")),
        (
            "an artifact",
            format!(
                "INSERT INTO workflow_step_artifacts (artifact_hash, kind, payload, produced_in_seq) VALUES ('{hash}', 'k', '1', 1)"
            ),
        ),
        ("an era", "INSERT INTO delivery_eras (era, first_seq) VALUES (1, 1)".to_owned()),
        ("the next number", "SELECT nextval('event_log_seq_seq')".to_owned()),
        ("the history", "DELETE FROM refinery_schema_history".to_owned()),
        ("an event of another's", "UPDATE event_log SET payload = '{}'".to_owned()),
        (
            "a trigger",
            "CREATE TRIGGER mine BEFORE INSERT ON event_log EXECUTE FUNCTION chem_refuse_change()".to_owned(),
        ),
    ] {
        let error = client.batch_execute(&sql).unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{what}: {error:?}");
    }
    for (what, sql, state) in [
        ("a gap", format!("SELECT chem_append_to_run('{ours}', 99, NULL, NULL, ARRAY[{END}"), "CH001"),
        ("a position again", format!("SELECT chem_append_to_run('{ours}', 0, NULL, NULL, ARRAY[{END}"), "CH001"),
        ("another's end", format!("SELECT chem_append_to_run('{theirs}', 2, NULL, NULL, ARRAY[{END}"), "CH002"),
        ("another's lease", format!("SELECT chem_append_to_run('{theirs}', 2, 1, NULL, ARRAY[{END}"), "CH002"),
        ("a later lease", format!("SELECT chem_append_to_run('{theirs}', 2, 2, NULL, ARRAY[{END}"), "CH002"),
        (
            "another's end in company",
            format!(
                "SELECT chem_append(ARRAY['{theirs}']::uuid[], ARRAY[2], ARRAY[1], ARRAY[NULL], ARRAY[1], ARRAY[{END}"
            ),
            "CH002",
        ),
        (
            "another's end in company, without a lease",
            format!("SELECT chem_append(ARRAY['{theirs}']::uuid[], ARRAY[2], NULL, NULL, ARRAY[1], ARRAY[{END}"),
            "CH002",
        ),
        (
            "an event of no run",
            format!("SELECT chem_append(ARRAY['{ours}']::uuid[], ARRAY[1], NULL, NULL, ARRAY[0], ARRAY[{END}"),
            "23502",
        ),
        (
            "an unknown type",
            format!(
                "SELECT chem_append_to_run('{ours}', 1, NULL, NULL, ARRAY['other'], ARRAY['{{}}'], '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}')"
            ),
            "23514",
        ),
        (
            "an artifact of an event of another transaction",
            format!(
                "SELECT chem_append_artifacts('{ours}', 0, ARRAY[1], ARRAY['{hash}'], ARRAY['k'], ARRAY['1'], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL]::bytea[])"
            ),
            "23502",
        ),
    ] {
        let error = client.batch_execute(&sql).unwrap_err();
        assert_eq!(error.code().map(SqlState::code), Some(state), "{what}: {error:?}");
    }
    // Releasing another holder's lease has no effect.
    client.batch_execute(&format!("SELECT chem_release_lease('{theirs}', 1)")).unwrap();
    assert!(store.lease_holder(theirs).unwrap().is_some());
    assert_eq!((store.list(ours).unwrap(), store.list(theirs).unwrap()), before);

    // Permitted changes succeed, and the database records who made them.
    let as_runner = PgEventStore::open(&address(&runner.url())).unwrap();
    let own = FlowId::new();
    let lease = Lease::of_new_run(own, chem_runtime::store::Holder::this_process());
    as_runner.append_as(Writer::Holder(&lease), 0, &[numbered(0), finished([artifact(2)])]).unwrap();
    as_runner.release_lease(&lease).unwrap();
    let taken =
        as_runner.acquire_lease(theirs, &chem_runtime::store::Holder::this_process(), Takeover::Always).unwrap();
    as_runner.append_as(Writer::Holder(&taken), 2, &[numbered(2)]).unwrap();
    let by: String = database
        .client()
        .query_one("SELECT taken_by::text FROM flow_leases WHERE flow_id = $1", &[&theirs.as_uuid()])
        .unwrap()
        .get(0);
    assert_eq!(by, runner.name());
}

#[test]
fn a_reader_writes_nothing_at_all() {
    let (store, database) = store_or_skip!();
    let run = FlowId::new();
    store.append(run, 0, &[numbered(0)]).unwrap();
    let reader = Role::new(&database, "reader");
    reader.grant("reader");
    let mut client = reader.client();
    for sql in [
        format!("SELECT chem_append_to_run('{run}', 1, NULL, NULL, ARRAY[{END}"),
        format!("SELECT chem_take_lease('{run}', 0, '{{}}')"),
        "SELECT chem_renew_leases('{}', '{}')".to_owned(),
        "INSERT INTO delivery_eras (era, first_seq) VALUES (1, 1)".to_owned(),
    ] {
        let error = client.batch_execute(&sql).unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error:?}");
    }
    assert_eq!(PgEventStore::open_with(&address(&reader.url()), OpenMode::Read).unwrap().list(run).unwrap().len(), 1);
}

#[test]
fn rights_beyond_those_of_a_runner_are_named() {
    let (_store, database) = store_or_skip!();
    let role = Role::new(&database, "bob");
    role.grant("runner");
    assert_eq!(check(&pool(&database)).unwrap(), []);
    let name = role.name();
    let mut client = database.client();
    for (grant, object) in [
        (format!("INSERT ON TABLE event_log TO {name}"), format!("right INSERT on table event_log of {name}")),
        (
            format!("UPDATE (payload) ON TABLE event_log TO {name}"),
            format!("right UPDATE (payload) on table event_log of {name}"),
        ),
        (
            "TRIGGER ON TABLE flow_leases TO PUBLIC".to_owned(),
            "right TRIGGER on table flow_leases of PUBLIC".to_owned(),
        ),
        (
            format!("USAGE ON SEQUENCE event_log_seq_seq TO {name}"),
            format!("right USAGE on sequence event_log_seq_seq of {name}"),
        ),
        (
            "EXECUTE ON FUNCTION chem_take_lease TO PUBLIC".to_owned(),
            "right EXECUTE on function chem_take_lease of PUBLIC".to_owned(),
        ),
    ] {
        client.batch_execute(&format!("GRANT {grant}")).unwrap();
        let found = check(&pool(&database)).unwrap();
        let objects: Vec<&str> = found.iter().map(|drift| drift.object.as_str()).collect();
        assert_eq!(objects, [object.as_str()], "{grant}");
        assert!(found[0].to_string().contains("exceeds what `chem store grant` grants"), "{}", found[0]);
        client.batch_execute(&format!("REVOKE {}", grant.replace(" TO ", " FROM "))).unwrap();
    }
    // Granting again revokes excess rights.
    client.batch_execute(&format!("GRANT ALL ON TABLE event_log TO {name}")).unwrap();
    role.grant("runner");
    assert_eq!(check(&pool(&database)).unwrap(), []);
}

#[test]
fn who_could_write_before_the_functions_guarded_the_log_can_run_after() {
    let Some(database) = crate::migrations::before_the_guard() else { return };
    let writer = Role::new(&database, "writer");
    let name = writer.name();
    database
        .client()
        .batch_execute(&format!(
            "GRANT SELECT ON event_log, workflow_step_artifacts, delivery_eras, flow_leases, refinery_schema_history TO {name};
             GRANT INSERT ON event_log, workflow_step_artifacts, flow_leases TO {name};
             GRANT UPDATE ON flow_leases TO {name};
             GRANT USAGE ON SEQUENCE event_log_seq_seq TO {name};"
        ))
        .unwrap();
    migrate(&pool(&database)).unwrap();
    assert_eq!(check(&pool(&database)).unwrap(), []);
    let error = writer.client().batch_execute("UPDATE flow_leases SET epoch = 9").unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    let may: bool = writer
        .client()
        .query_one(
            "SELECT bool_and(has_function_privilege(oid, 'EXECUTE')) FROM pg_proc
             WHERE proname LIKE 'chem\\_%' AND prorettype <> 'trigger'::regtype AND proname <> 'chem_other_artifacts'",
            &[],
        )
        .unwrap()
        .get(0);
    assert!(may, "but for the function that the others call, with the rights of the owner");
}

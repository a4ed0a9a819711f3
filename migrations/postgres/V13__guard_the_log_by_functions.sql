-- Makes functions the only way to write, and keeps every other schema out of them.
--
-- The functions run with the rights of the store's owner, so that a role that writes needs EXECUTE on them and no right to
-- write to a table. Position, time, transaction and number of an event are theirs to set; an epoch grows by theirs alone.
-- Their search_path has no schema in which a user can create anything: a function of the same name with a better fit for
-- the arguments would otherwise run in the place of PostgreSQL's own. The tables are named with their schema, which stands
-- as "store" below.
--
-- Roles that could write until now may call the functions from here on, and no longer write to the tables themselves.

-- By whom a lease was taken: NULL for leases that are older than this column.
ALTER TABLE flow_leases ADD COLUMN taken_by NAME NULL DEFAULT session_user;
UPDATE flow_leases SET taken_by = NULL;

DO $migration$
DECLARE
    -- Nothing but plain assignments and names with their schema before the path is set.
    log        pg_catalog.oid := pg_catalog.to_regclass('event_log');
    path       pg_catalog.text := pg_catalog.current_setting('search_path');
    store      pg_catalog.text;
    owner      pg_catalog.text;
    definition pg_catalog.text;
    object     pg_catalog.record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT '"' || replace(nspname, '"', '""') || '".', quote_ident(rolname) INTO store, owner
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_roles ON pg_roles.oid = relowner
    WHERE pg_class.oid = log;

    -- It is replaced by one that counts the positions itself.
    EXECUTE replace('DROP FUNCTION "store".chem_append', '"store".', store);

    FOREACH definition IN ARRAY ARRAY[
$function$
-- Appends events of one or many runs with their artifacts: all of them, or none.
--
-- run_*       one element per run: its next position as the writer knows it, the lease under which it writes (NULL: under
--             none), and how many events it gets. Epoch 1 at position 0 takes the lease of a new run.
-- event_*     one element per event: those of the first run, then those of the second, and so on.
-- artifact_*  one element per artifact, in the order of their hashes, which is the same for all callers, so that no two
--             of them wait for each other; `artifact_event` counts the events of this call from 1.
--
-- Raises CH002 if a run is held under another lease, or under this one by another user, and CH001 if a run's next position
-- is another one, with all the runs concerned in the detail, as JSON. Neither is of class 40: to try again would not help.
CREATE FUNCTION "store".chem_append(
    run_ids            UUID[],
    run_expected       BIGINT[],
    run_epochs         BIGINT[],
    run_holders        TEXT[],
    run_counts         INT[],
    event_types        TEXT[],
    event_payloads     TEXT[],
    artifact_events    INT[],
    artifact_hashes    TEXT[],
    artifact_kinds     TEXT[],
    artifact_payloads  TEXT[],
    artifact_metadatas TEXT[]
) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    refused   TEXT;
    runs      UUID[];
    positions BIGINT[];
    seqs      BIGINT[];
    stored_artifacts BIGINT;
BEGIN
    -- One writer at a time for each run, until its commit. The order is the same for all, so that no two calls wait for
    -- each other. The lock of a single run that is free is taken by an expression, without a statement.
    IF cardinality(run_ids) > 1 OR NOT pg_try_advisory_xact_lock(uuid_hash_extended(run_ids[1], 0)) THEN
        PERFORM pg_advisory_xact_lock(locks.key)
        FROM (SELECT DISTINCT uuid_hash_extended(id, 0) AS key FROM unnest(run_ids) AS id ORDER BY key) AS locks;
    END IF;

    IF run_epochs IS NOT NULL AND 0 = ANY (run_expected) THEN
        INSERT INTO "store".flow_leases (flow_id, epoch, holder)
        SELECT run.id, 1, run.holder::jsonb
        FROM unnest(run_ids, run_expected, run_epochs, run_holders) AS run (id, expected, epoch, holder)
        WHERE run.expected = 0 AND run.epoch = 1
        ON CONFLICT DO NOTHING;
    END IF;

    -- Whether any is refused; only then, which of them.
    IF EXISTS (
        SELECT FROM unnest(run_ids, run_expected, run_epochs) AS run (id, expected, epoch)
        LEFT JOIN "store".flow_leases AS lease ON lease.flow_id = run.id
        WHERE run.expected <> coalesce((SELECT max(position) + 1 FROM "store".event_log WHERE flow_id = run.id), 0)
           OR CASE WHEN run.epoch IS NULL THEN lease.renewed_at IS NOT NULL
                   ELSE run.epoch IS DISTINCT FROM lease.epoch OR lease.taken_by <> session_user END
    ) THEN
        SELECT jsonb_agg(jsonb_build_object('flow_id', run.id, 'holder', lease.holder))::text INTO refused
        FROM unnest(run_ids, run_epochs) AS run (id, epoch)
        LEFT JOIN "store".flow_leases AS lease ON lease.flow_id = run.id
        WHERE CASE WHEN run.epoch IS NULL THEN lease.renewed_at IS NOT NULL
                   ELSE run.epoch IS DISTINCT FROM lease.epoch OR lease.taken_by <> session_user END;
        IF refused IS NOT NULL THEN
            RAISE EXCEPTION 'the lease has passed to another holder' USING ERRCODE = 'CH002', DETAIL = refused;
        END IF;

        SELECT jsonb_agg(jsonb_build_object('flow_id', run.id, 'found', log.next))::text INTO refused
        FROM unnest(run_ids, run_expected) AS run (id, expected),
            LATERAL (
                SELECT coalesce(max(position) + 1, 0) AS next FROM "store".event_log WHERE flow_id = run.id
            ) AS log
        WHERE log.next <> run.expected;
        IF refused IS NOT NULL THEN
            RAISE EXCEPTION 'the run has moved on' USING ERRCODE = 'CH001', DETAIL = refused;
        END IF;
    END IF;

    SELECT array_agg(run.id), array_agg(run.expected + number) INTO runs, positions
    FROM unnest(run_ids, run_expected, run_counts) AS run (id, expected, count),
        generate_series(0, run.count - 1) AS number;

    -- An event without a run, or a run without its event, has a NULL here, which the table refuses. The numbers come in
    -- the order of the events.
    WITH stored AS (
        INSERT INTO "store".event_log (flow_id, position, event_type, payload)
        SELECT event.run, event.position, event.type, event.payload::jsonb
        FROM (
            SELECT unnest(runs) AS run,
                   unnest(positions) AS position,
                   unnest(event_types) AS type,
                   unnest(event_payloads) AS payload
        ) AS event
        RETURNING seq
    )
    SELECT array_agg(stored.seq) INTO seqs FROM stored;

    IF cardinality(artifact_hashes) > 0 THEN
        -- The first of a name stays.
        INSERT INTO "store".workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq)
        SELECT artifact.hash, artifact.kind, artifact.payload::jsonb, artifact.metadata::jsonb, seqs[artifact.event]
        FROM unnest(artifact_events, artifact_hashes, artifact_kinds, artifact_payloads, artifact_metadatas)
            AS artifact (event, hash, kind, payload, metadata)
        ON CONFLICT (artifact_hash) DO NOTHING;
        GET DIAGNOSTICS stored_artifacts = ROW_COUNT;
        IF stored_artifacts < cardinality(artifact_hashes) THEN
            PERFORM "store".chem_repair_artifacts(
                artifact_hashes, artifact_kinds, artifact_payloads, artifact_metadatas);
        END IF;
    END IF;
END
$body$
$function$,
$function$
-- Appends events with their artifacts to one run, as chem_append does for many: all of them, or none. Most appends are
-- to one run, and for one there is less to do.
CREATE OR REPLACE FUNCTION "store".chem_append_to_run(
    run_id             UUID,
    run_expected       BIGINT,
    run_epoch          BIGINT,
    run_holder         TEXT,
    event_types        TEXT[],
    event_payloads     TEXT[],
    artifact_events    INT[],
    artifact_hashes    TEXT[],
    artifact_kinds     TEXT[],
    artifact_payloads  TEXT[],
    artifact_metadatas TEXT[]
) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    refused TEXT;
    stored_artifacts BIGINT;
BEGIN
    -- One writer at a time until its commit. A lock that is free is taken by an expression, without a statement.
    IF NOT pg_try_advisory_xact_lock(uuid_hash_extended(run_id, 0)) THEN
        PERFORM pg_advisory_xact_lock(uuid_hash_extended(run_id, 0));
    END IF;

    IF run_expected = 0 AND run_epoch = 1 THEN
        INSERT INTO "store".flow_leases (flow_id, epoch, holder) VALUES (run_id, 1, run_holder::jsonb)
        ON CONFLICT DO NOTHING;
    END IF;

    -- Whether it is refused; only then, why.
    IF run_expected <> coalesce(
        (SELECT position + 1 FROM "store".event_log WHERE flow_id = run_id ORDER BY position DESC LIMIT 1), 0
    ) OR (
        run_epoch IS NULL AND EXISTS (
            SELECT FROM "store".flow_leases WHERE flow_id = run_id AND renewed_at IS NOT NULL)
    ) OR (
        run_epoch IS NOT NULL AND NOT EXISTS (
            SELECT FROM "store".flow_leases
            WHERE flow_id = run_id AND epoch = run_epoch AND coalesce(taken_by, session_user) = session_user)
    ) THEN
        SELECT jsonb_build_array(jsonb_build_object('flow_id', run_id, 'holder', lease.holder))::text INTO refused
        FROM (SELECT) AS append
        LEFT JOIN "store".flow_leases AS lease ON lease.flow_id = run_id
        WHERE CASE WHEN run_epoch IS NULL THEN lease.renewed_at IS NOT NULL
                   ELSE lease.epoch IS DISTINCT FROM run_epoch OR lease.taken_by <> session_user END;
        IF refused IS NOT NULL THEN
            RAISE EXCEPTION 'the lease has passed to another holder' USING ERRCODE = 'CH002', DETAIL = refused;
        END IF;

        SELECT jsonb_build_array(
            jsonb_build_object('flow_id', run_id, 'found', coalesce(max(position) + 1, 0))
        )::text INTO refused
        FROM "store".event_log WHERE flow_id = run_id;
        RAISE EXCEPTION 'the run has moved on' USING ERRCODE = 'CH001', DETAIL = refused;
    END IF;

    -- Arrays are taken apart in the list of columns, in step with each other, so that nothing is put aside on the way.
    INSERT INTO "store".event_log (flow_id, position, event_type, payload)
    SELECT run_id, run_expected + event.number, event.type, event.payload::jsonb
    FROM (
        SELECT generate_series(0, cardinality(event_payloads) - 1) AS number,
               unnest(event_types) AS type,
               unnest(event_payloads) AS payload
    ) AS event;

    IF cardinality(artifact_hashes) > 0 THEN
        -- The first of a name stays.
        INSERT INTO "store".workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq)
        SELECT artifact.hash, artifact.kind, artifact.payload::jsonb, artifact.metadata::jsonb,
               (SELECT seq FROM "store".event_log
                WHERE flow_id = run_id AND position = run_expected + artifact.event - 1)
        FROM (
            SELECT unnest(artifact_events) AS event,
                   unnest(artifact_hashes) AS hash,
                   unnest(artifact_kinds) AS kind,
                   unnest(artifact_payloads) AS payload,
                   unnest(artifact_metadatas) AS metadata
        ) AS artifact
        ON CONFLICT (artifact_hash) DO NOTHING;
        GET DIAGNOSTICS stored_artifacts = ROW_COUNT;
        IF stored_artifacts < cardinality(artifact_hashes) THEN
            PERFORM "store".chem_repair_artifacts(
                artifact_hashes, artifact_kinds, artifact_payloads, artifact_metadatas);
        END IF;
    END IF;
END
$body$
$function$,
$function$
-- Appends artifacts to events that the same transaction has appended: what is too large for one statement goes in pieces.
-- An event of another transaction counts as none, and the table refuses an artifact of no event.
CREATE OR REPLACE FUNCTION "store".chem_append_artifacts(
    run_id             UUID,
    run_expected       BIGINT,
    artifact_events    INT[],
    artifact_hashes    TEXT[],
    artifact_kinds     TEXT[],
    artifact_payloads  TEXT[],
    artifact_metadatas TEXT[]
) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    stored_artifacts BIGINT;
BEGIN
    INSERT INTO "store".workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq)
    SELECT artifact.hash, artifact.kind, artifact.payload::jsonb, artifact.metadata::jsonb,
           (SELECT seq FROM "store".event_log
            WHERE flow_id = run_id AND position = run_expected + artifact.event - 1 AND xact = pg_current_xact_id())
    FROM (
        SELECT unnest(artifact_events) AS event,
               unnest(artifact_hashes) AS hash,
               unnest(artifact_kinds) AS kind,
               unnest(artifact_payloads) AS payload,
               unnest(artifact_metadatas) AS metadata
    ) AS artifact
    ON CONFLICT (artifact_hash) DO NOTHING;
    GET DIAGNOSTICS stored_artifacts = ROW_COUNT;
    IF stored_artifacts < cardinality(artifact_hashes) THEN
        PERFORM "store".chem_repair_artifacts(artifact_hashes, artifact_kinds, artifact_payloads, artifact_metadatas);
    END IF;
END
$body$
$function$,
$function$
-- Stores a further copy of each of these artifacts that has no copy with this content. Returns how many it stored.
CREATE OR REPLACE FUNCTION "store".chem_repair_artifacts(
    hashes TEXT[], kinds TEXT[], payloads TEXT[], metadatas TEXT[]
) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    repaired BIGINT;
BEGIN
    INSERT INTO "store".artifact_repairs (artifact_hash, kind, payload, metadata)
    SELECT DISTINCT ON (given.hash) given.hash, given.kind, given.payload, given.metadata::jsonb
    FROM (
        SELECT unnest(hashes) AS hash,
               unnest(kinds) AS kind,
               unnest(payloads)::jsonb AS payload,
               unnest(metadatas) AS metadata
    ) AS given
    WHERE NOT EXISTS (
        SELECT FROM "store".workflow_step_artifacts AS stored
        WHERE stored.artifact_hash = given.hash AND stored.kind = given.kind AND stored.payload = given.payload
    ) AND NOT EXISTS (
        SELECT FROM "store".artifact_repairs AS stored
        WHERE stored.artifact_hash = given.hash AND stored.kind = given.kind AND stored.payload = given.payload
    )
    ORDER BY given.hash;
    GET DIAGNOSTICS repaired = ROW_COUNT;
    RETURN repaired;
END
$body$
$function$,
$function$
-- Hands the lease to `new_holder` if its epoch is still `seen` (0: there is none), and returns the new epoch; NULL if
-- another caller was faster. Waits for an append of the run that is under way, and no later one can pass under the old
-- epoch.
CREATE OR REPLACE FUNCTION "store".chem_take_lease(run UUID, seen BIGINT, new_holder TEXT) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    taken BIGINT;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(run, 0));
    IF seen = 0 THEN
        INSERT INTO "store".flow_leases (flow_id, epoch, holder) VALUES (run, 1, new_holder::jsonb)
        ON CONFLICT DO NOTHING
        RETURNING epoch INTO taken;
    ELSE
        UPDATE "store".flow_leases
        SET epoch = seen + 1, holder = new_holder::jsonb, taken_at = now(), renewed_at = now(), taken_by = session_user
        WHERE flow_id = run AND epoch = seen
        RETURNING epoch INTO taken;
    END IF;
    RETURN taken;
END
$body$
$function$,
$function$
-- Releases the lease of a run if it is still the one of this epoch, taken by this user.
CREATE FUNCTION "store".chem_release_lease(run UUID, held BIGINT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    UPDATE "store".flow_leases SET renewed_at = NULL
    WHERE flow_id = run AND epoch = held AND coalesce(taken_by, session_user) = session_user;
END
$body$
$function$,
$function$
-- Shows that the holder of these leases is there, of all those that are still held under their epoch by this user.
CREATE FUNCTION "store".chem_renew_leases(runs UUID[], epochs BIGINT[]) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    UPDATE "store".flow_leases AS lease SET renewed_at = clock_timestamp()
    FROM unnest(runs, epochs) AS held (flow_id, epoch)
    WHERE lease.flow_id = held.flow_id AND lease.epoch = held.epoch AND lease.renewed_at IS NOT NULL
      AND coalesce(lease.taken_by, session_user) = session_user;
END
$body$
$function$]
    LOOP
        EXECUTE replace(definition, '"store".', store);
    END LOOP;

    -- The functions are the owner's, whoever migrates, and none but the owner's until they are granted.
    FOR object IN
        SELECT pg_proc.oid::regprocedure::text AS name
        FROM pg_proc
        WHERE pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = log) AND proname LIKE 'chem\_%'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', object.name);
        EXECUTE format('ALTER FUNCTION %s OWNER TO %s', object.name, owner);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', object.name);
    END LOOP;

    -- Who could insert events may call what writes; then the rights to change tables go.
    FOR object IN
        SELECT function.oid::regprocedure::text AS name, writer.role
        FROM pg_proc AS function, (
            SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
            FROM pg_class, aclexplode(relacl)
            WHERE pg_class.oid = log AND privilege_type = 'INSERT' AND grantee <> relowner
        ) AS writer
        WHERE pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = log)
          AND proname LIKE 'chem\_%' AND prorettype <> 'trigger'::regtype
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', object.name, object.role);
    END LOOP;
    FOR object IN
        SELECT DISTINCT pg_class.oid::regclass::text AS name, relkind,
               CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
        FROM pg_class, aclexplode(relacl)
        WHERE grantee <> relowner
          AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = log)
          AND relname IN ('event_log', 'workflow_step_artifacts', 'artifact_repairs', 'delivery_eras', 'flow_leases',
                          'refinery_schema_history', 'event_log_seq_seq', 'artifact_repairs_repair_seq')
    LOOP
        IF object.relkind = 'S' THEN
            EXECUTE format('REVOKE USAGE, UPDATE ON SEQUENCE %s FROM %s CASCADE', object.name, object.role);
        ELSE
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON TABLE %s FROM %s CASCADE',
                           object.name, object.role);
        END IF;
    END LOOP;
    PERFORM set_config('search_path', path, true);
END
$migration$;

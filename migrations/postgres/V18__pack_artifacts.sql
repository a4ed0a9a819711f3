-- Payloads of artifacts can be compressed: then `packed` has the bytes, and `codec` says how. A table of molecules takes two
-- thirds of what it took as JSONB, and is written some times as fast.
--
-- The functions take both forms. They return the artifacts whose name is taken by other bytes, which the caller compares, since
-- the database cannot unpack them: what no copy has is stored by chem_repair_artifacts.
ALTER TABLE workflow_step_artifacts
    ALTER COLUMN payload DROP NOT NULL,
    ADD COLUMN codec TEXT NULL,
    ADD COLUMN packed BYTEA NULL,
    ADD CONSTRAINT workflow_step_artifacts_have_one_payload
        CHECK ((payload IS NULL) = (packed IS NOT NULL) AND (packed IS NULL) = (codec IS NULL)) NOT VALID;
ALTER TABLE workflow_step_artifacts ALTER COLUMN packed SET STORAGE EXTERNAL;

ALTER TABLE artifact_repairs
    ALTER COLUMN payload DROP NOT NULL,
    ADD COLUMN codec TEXT NULL,
    ADD COLUMN packed BYTEA NULL,
    ADD CONSTRAINT artifact_repairs_have_one_payload
        CHECK ((payload IS NULL) = (packed IS NOT NULL) AND (packed IS NULL) = (codec IS NULL)) NOT VALID;
ALTER TABLE artifact_repairs ALTER COLUMN packed SET STORAGE EXTERNAL;

DO $migration$
DECLARE
    -- Nothing but plain assignments and names with their schema before the path is set.
    log        pg_catalog.oid := pg_catalog.to_regclass('event_log');
    path       pg_catalog.text := pg_catalog.current_setting('search_path');
    store      pg_catalog.text;
    owner      pg_catalog.text;
    writers    pg_catalog.text[];
    definition pg_catalog.text;
    object     pg_catalog.record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT '"' || replace(nspname, '"', '""') || '".', quote_ident(rolname) INTO store, owner
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_roles ON pg_roles.oid = relowner
    WHERE pg_class.oid = log;

    -- Who could append may append again.
    SELECT array_agg(DISTINCT grantee::regrole::text) INTO writers
    FROM pg_proc, aclexplode(proacl)
    WHERE pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = log)
      AND proname = 'chem_append_to_run' AND grantee <> 0 AND grantee <> proowner;

    EXECUTE replace('DROP FUNCTION "store".chem_append', '"store".', store);
    EXECUTE replace('DROP FUNCTION "store".chem_append_to_run', '"store".', store);
    EXECUTE replace('DROP FUNCTION "store".chem_append_artifacts', '"store".', store);
    EXECUTE replace('DROP FUNCTION "store".chem_repair_artifacts', '"store".', store);

    FOREACH definition IN ARRAY ARRAY[
$function$
-- Returns the hashes of those of these artifacts of which no copy has these bytes; NULL if there is none. What is stored may
-- be the same in another spelling, or from another codec: the caller looks.
CREATE FUNCTION "store".chem_other_artifacts(
    hashes TEXT[], kinds TEXT[], payloads TEXT[], codecs TEXT[], packed_payloads BYTEA[]
) RETURNS TEXT[]
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    SELECT array_agg(DISTINCT given.hash)
    FROM (
        SELECT unnest(hashes) AS hash,
               unnest(kinds) AS kind,
               unnest(payloads)::jsonb AS payload,
               unnest(codecs) AS codec,
               unnest(packed_payloads) AS packed
    ) AS given
    WHERE NOT EXISTS (
        SELECT FROM "store".workflow_step_artifacts AS stored
        WHERE stored.artifact_hash = given.hash AND stored.kind = given.kind
          AND (stored.payload = given.payload OR stored.codec = given.codec AND stored.packed = given.packed)
    ) AND NOT EXISTS (
        SELECT FROM "store".artifact_repairs AS stored
        WHERE stored.artifact_hash = given.hash AND stored.kind = given.kind
          AND (stored.payload = given.payload OR stored.codec = given.codec AND stored.packed = given.packed)
    )
$body$
$function$,
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
    artifact_metadatas TEXT[],
    artifact_codecs    TEXT[],
    artifact_packed    BYTEA[]
) RETURNS TEXT[]
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
        INSERT INTO "store".workflow_step_artifacts (
            artifact_hash, kind, payload, metadata, produced_in_seq, codec, packed)
        SELECT artifact.hash, artifact.kind, artifact.payload::jsonb, artifact.metadata::jsonb, seqs[artifact.event],
               artifact.codec, artifact.packed
        FROM unnest(artifact_events, artifact_hashes, artifact_kinds, artifact_payloads, artifact_metadatas,
                    artifact_codecs, artifact_packed)
            AS artifact (event, hash, kind, payload, metadata, codec, packed)
        ON CONFLICT (artifact_hash) DO NOTHING;
        GET DIAGNOSTICS stored_artifacts = ROW_COUNT;
        IF stored_artifacts < cardinality(artifact_hashes) THEN
            RETURN "store".chem_other_artifacts(
                artifact_hashes, artifact_kinds, artifact_payloads, artifact_codecs, artifact_packed);
        END IF;
    END IF;
    RETURN NULL;
END
$body$
$function$,
$function$
-- Appends events with their artifacts to one run, as chem_append does for many: all of them, or none. Most appends are
-- to one run, and for one there is less to do.
CREATE FUNCTION "store".chem_append_to_run(
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
    artifact_metadatas TEXT[],
    artifact_codecs    TEXT[],
    artifact_packed    BYTEA[]
) RETURNS TEXT[]
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
        INSERT INTO "store".workflow_step_artifacts (
            artifact_hash, kind, payload, metadata, produced_in_seq, codec, packed)
        SELECT artifact.hash, artifact.kind, artifact.payload::jsonb, artifact.metadata::jsonb,
               (SELECT seq FROM "store".event_log
                WHERE flow_id = run_id AND position = run_expected + artifact.event - 1),
               artifact.codec, artifact.packed
        FROM (
            SELECT unnest(artifact_events) AS event,
                   unnest(artifact_hashes) AS hash,
                   unnest(artifact_kinds) AS kind,
                   unnest(artifact_payloads) AS payload,
                   unnest(artifact_metadatas) AS metadata,
                   unnest(artifact_codecs) AS codec,
                   unnest(artifact_packed) AS packed
        ) AS artifact
        ON CONFLICT (artifact_hash) DO NOTHING;
        GET DIAGNOSTICS stored_artifacts = ROW_COUNT;
        IF stored_artifacts < cardinality(artifact_hashes) THEN
            RETURN "store".chem_other_artifacts(
                artifact_hashes, artifact_kinds, artifact_payloads, artifact_codecs, artifact_packed);
        END IF;
    END IF;
    RETURN NULL;
END
$body$
$function$,
$function$
-- Appends artifacts to events that the same transaction has appended: what is too large for one statement goes in pieces.
-- An event of another transaction counts as none, and the table refuses an artifact of no event.
CREATE FUNCTION "store".chem_append_artifacts(
    run_id             UUID,
    run_expected       BIGINT,
    artifact_events    INT[],
    artifact_hashes    TEXT[],
    artifact_kinds     TEXT[],
    artifact_payloads  TEXT[],
    artifact_metadatas TEXT[],
    artifact_codecs    TEXT[],
    artifact_packed    BYTEA[]
) RETURNS TEXT[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    stored_artifacts BIGINT;
BEGIN
    INSERT INTO "store".workflow_step_artifacts (
        artifact_hash, kind, payload, metadata, produced_in_seq, codec, packed)
    SELECT artifact.hash, artifact.kind, artifact.payload::jsonb, artifact.metadata::jsonb,
           (SELECT seq FROM "store".event_log
            WHERE flow_id = run_id AND position = run_expected + artifact.event - 1 AND xact = pg_current_xact_id()),
           artifact.codec, artifact.packed
    FROM (
        SELECT unnest(artifact_events) AS event,
               unnest(artifact_hashes) AS hash,
               unnest(artifact_kinds) AS kind,
               unnest(artifact_payloads) AS payload,
               unnest(artifact_metadatas) AS metadata,
               unnest(artifact_codecs) AS codec,
               unnest(artifact_packed) AS packed
    ) AS artifact
    ON CONFLICT (artifact_hash) DO NOTHING;
    GET DIAGNOSTICS stored_artifacts = ROW_COUNT;
    IF stored_artifacts < cardinality(artifact_hashes) THEN
        RETURN "store".chem_other_artifacts(
            artifact_hashes, artifact_kinds, artifact_payloads, artifact_codecs, artifact_packed);
    END IF;
    RETURN NULL;
END
$body$
$function$,
$function$
-- Stores a further copy of each of these artifacts. Returns how many it stored.
CREATE FUNCTION "store".chem_repair_artifacts(
    hashes TEXT[], kinds TEXT[], payloads TEXT[], metadatas TEXT[], codecs TEXT[], packed_payloads BYTEA[]
) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    repaired BIGINT;
BEGIN
    INSERT INTO "store".artifact_repairs (artifact_hash, kind, payload, metadata, codec, packed)
    SELECT DISTINCT ON (given.hash)
           given.hash, given.kind, given.payload, given.metadata::jsonb, given.codec, given.packed
    FROM (
        SELECT unnest(hashes) AS hash,
               unnest(kinds) AS kind,
               unnest(payloads)::jsonb AS payload,
               unnest(metadatas) AS metadata,
               unnest(codecs) AS codec,
               unnest(packed_payloads) AS packed
    ) AS given
    ORDER BY given.hash;
    GET DIAGNOSTICS repaired = ROW_COUNT;
    RETURN repaired;
END
$body$
$function$]
    LOOP
        EXECUTE replace(definition, '"store".', store);
    END LOOP;

    FOR object IN
        SELECT pg_proc.oid::regprocedure::text AS name, proname
        FROM pg_proc
        WHERE pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = log)
          AND proname IN ('chem_append', 'chem_append_to_run', 'chem_append_artifacts', 'chem_repair_artifacts',
                          'chem_other_artifacts')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO %s', object.name, owner);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', object.name);
        IF writers IS NOT NULL AND object.proname <> 'chem_other_artifacts' THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', object.name, array_to_string(writers, ', '));
        END IF;
    END LOOP;
    PERFORM set_config('search_path', path, true);
END
$migration$;

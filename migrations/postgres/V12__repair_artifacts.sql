-- Further copies of artifacts whose stored copy no longer has the hash that names it. Of all copies of an artifact the
-- one with the right hash counts, so that a copy with another content has no effect.
CREATE TABLE artifact_repairs (
    repair        BIGSERIAL PRIMARY KEY,
    artifact_hash TEXT NOT NULL CHECK (length(artifact_hash) = 64),
    kind          TEXT NOT NULL,
    payload       JSONB NOT NULL,
    metadata      JSONB NULL,
    repaired_at   TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE INDEX artifact_repairs_by_hash ON artifact_repairs (artifact_hash);

CREATE TRIGGER artifact_repairs_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON artifact_repairs
    FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_change();

ALTER TABLE artifact_repairs ENABLE ALWAYS TRIGGER artifact_repairs_is_append_only;

-- Whoever may read or append artifacts may read or append their repairs.
DO $$
DECLARE
    granted RECORD;
BEGIN
    FOR granted IN
        SELECT DISTINCT privilege_type AS privilege,
               CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee
        FROM pg_class, aclexplode(relacl)
        WHERE oid = 'workflow_step_artifacts'::regclass AND grantee <> relowner
          AND privilege_type IN ('SELECT', 'INSERT')
    LOOP
        EXECUTE format('GRANT %s ON artifact_repairs TO %s', granted.privilege, granted.grantee);
        IF granted.privilege = 'INSERT' THEN
            EXECUTE format('GRANT USAGE ON SEQUENCE artifact_repairs_repair_seq TO %s', granted.grantee);
        END IF;
    END LOOP;
END
$$;

-- Stores a further copy of each of these artifacts that has no copy with this content. Returns how many it stored.
CREATE FUNCTION chem_repair_artifacts(hashes TEXT[], kinds TEXT[], payloads TEXT[], metadatas TEXT[]) RETURNS BIGINT
LANGUAGE plpgsql AS $$
DECLARE
    repaired BIGINT;
BEGIN
    INSERT INTO artifact_repairs (artifact_hash, kind, payload, metadata)
    SELECT DISTINCT ON (given.hash) given.hash, given.kind, given.payload, given.metadata::jsonb
    FROM (
        SELECT unnest(hashes) AS hash,
               unnest(kinds) AS kind,
               unnest(payloads)::jsonb AS payload,
               unnest(metadatas) AS metadata
    ) AS given
    WHERE NOT EXISTS (
        SELECT FROM workflow_step_artifacts AS stored
        WHERE stored.artifact_hash = given.hash AND stored.kind = given.kind AND stored.payload = given.payload
    ) AND NOT EXISTS (
        SELECT FROM artifact_repairs AS stored
        WHERE stored.artifact_hash = given.hash AND stored.kind = given.kind AND stored.payload = given.payload
    )
    ORDER BY given.hash;
    GET DIAGNOSTICS repaired = ROW_COUNT;
    RETURN repaired;
END
$$;

-- The functions as before, but for the artifacts whose name is taken: what is stored under it is compared with what it
-- should be. Artifacts that are new, as nearly all are, cost no more than they did.
CREATE OR REPLACE FUNCTION chem_append(
    run_ids            UUID[],
    run_expected       BIGINT[],
    run_epochs         BIGINT[],
    run_holders        TEXT[],
    event_runs         UUID[],
    event_positions    BIGINT[],
    event_types        TEXT[],
    event_payloads     TEXT[],
    artifact_events    INT[],
    artifact_hashes    TEXT[],
    artifact_kinds     TEXT[],
    artifact_payloads  TEXT[],
    artifact_metadatas TEXT[],
    OUT seqs           BIGINT[],
    OUT stored_at      TIMESTAMPTZ
)
LANGUAGE plpgsql AS $$
DECLARE
    refused TEXT;
    stored_artifacts BIGINT;
BEGIN
    -- One writer at a time for each run, until its commit. The order is the same for all, so that no two calls wait for
    -- each other. The lock of a single run that is free is taken by an expression, without a statement.
    IF cardinality(run_ids) > 1 OR NOT pg_try_advisory_xact_lock(uuid_hash_extended(run_ids[1], 0)) THEN
        PERFORM pg_advisory_xact_lock(locks.key)
        FROM (SELECT DISTINCT uuid_hash_extended(id, 0) AS key FROM unnest(run_ids) AS id ORDER BY key) AS locks;
    END IF;

    IF run_epochs IS NOT NULL AND 0 = ANY (run_expected) THEN
        INSERT INTO flow_leases (flow_id, epoch, holder)
        SELECT run.id, 1, run.holder::jsonb
        FROM unnest(run_ids, run_expected, run_epochs, run_holders) AS run (id, expected, epoch, holder)
        WHERE run.expected = 0 AND run.epoch = 1
        ON CONFLICT DO NOTHING;
    END IF;

    -- Whether any is refused; only then, which of them.
    IF EXISTS (
        SELECT FROM unnest(run_ids, run_expected, run_epochs) AS run (id, expected, epoch)
        WHERE run.expected <> coalesce((SELECT max(position) + 1 FROM event_log WHERE flow_id = run.id), 0)
           OR (run.epoch IS NOT NULL
               AND run.epoch IS DISTINCT FROM (SELECT lease.epoch FROM flow_leases AS lease WHERE flow_id = run.id))
    ) THEN
        SELECT jsonb_agg(jsonb_build_object('flow_id', run.id, 'holder', lease.holder))::text INTO refused
        FROM unnest(run_ids, run_epochs) AS run (id, epoch)
        LEFT JOIN flow_leases AS lease ON lease.flow_id = run.id
        WHERE run.epoch IS NOT NULL AND lease.epoch IS DISTINCT FROM run.epoch;
        IF refused IS NOT NULL THEN
            RAISE EXCEPTION 'the lease has passed to another holder' USING ERRCODE = 'CH002', DETAIL = refused;
        END IF;

        SELECT jsonb_agg(jsonb_build_object('flow_id', run.id, 'found', log.next))::text INTO refused
        FROM unnest(run_ids, run_expected) AS run (id, expected),
            LATERAL (SELECT coalesce(max(position) + 1, 0) AS next FROM event_log WHERE flow_id = run.id) AS log
        WHERE log.next <> run.expected;
        IF refused IS NOT NULL THEN
            RAISE EXCEPTION 'the run has moved on' USING ERRCODE = 'CH001', DETAIL = refused;
        END IF;
    END IF;

    -- The numbers come in the order of the events.
    WITH stored AS (
        INSERT INTO event_log (flow_id, position, event_type, payload)
        SELECT event.run, event.position, event.type, event.payload::jsonb
        FROM unnest(event_runs, event_positions, event_types, event_payloads) AS event (run, position, type, payload)
        RETURNING seq
    )
    SELECT array_agg(stored.seq) INTO seqs FROM stored;

    IF cardinality(artifact_hashes) > 0 THEN
        -- The first of a name stays.
        INSERT INTO workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq)
        SELECT artifact.hash, artifact.kind, artifact.payload::jsonb, artifact.metadata::jsonb, seqs[artifact.event]
        FROM unnest(artifact_events, artifact_hashes, artifact_kinds, artifact_payloads, artifact_metadatas)
            AS artifact (event, hash, kind, payload, metadata)
        ON CONFLICT (artifact_hash) DO NOTHING;
        GET DIAGNOSTICS stored_artifacts = ROW_COUNT;
        IF stored_artifacts < cardinality(artifact_hashes) THEN
            PERFORM chem_repair_artifacts(artifact_hashes, artifact_kinds, artifact_payloads, artifact_metadatas);
        END IF;
    END IF;

    stored_at := now();
END
$$;

CREATE OR REPLACE FUNCTION chem_append_to_run(
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
LANGUAGE plpgsql AS $$
DECLARE
    refused TEXT;
    stored_artifacts BIGINT;
BEGIN
    -- One writer at a time until its commit. A lock that is free is taken by an expression, without a statement.
    IF NOT pg_try_advisory_xact_lock(uuid_hash_extended(run_id, 0)) THEN
        PERFORM pg_advisory_xact_lock(uuid_hash_extended(run_id, 0));
    END IF;

    IF run_expected = 0 AND run_epoch = 1 THEN
        INSERT INTO flow_leases (flow_id, epoch, holder) VALUES (run_id, 1, run_holder::jsonb)
        ON CONFLICT DO NOTHING;
    END IF;

    -- Whether it is refused; only then, why.
    IF run_expected <> coalesce(
        (SELECT position + 1 FROM event_log WHERE flow_id = run_id ORDER BY position DESC LIMIT 1), 0
    ) OR (
        run_epoch IS NOT NULL
        AND run_epoch IS DISTINCT FROM (SELECT epoch FROM flow_leases WHERE flow_id = run_id)
    ) THEN
        SELECT jsonb_build_array(jsonb_build_object('flow_id', run_id, 'holder', lease.holder))::text INTO refused
        FROM (SELECT) AS append
        LEFT JOIN flow_leases AS lease ON lease.flow_id = run_id
        WHERE run_epoch IS NOT NULL AND lease.epoch IS DISTINCT FROM run_epoch;
        IF refused IS NOT NULL THEN
            RAISE EXCEPTION 'the lease has passed to another holder' USING ERRCODE = 'CH002', DETAIL = refused;
        END IF;

        SELECT jsonb_build_array(
            jsonb_build_object('flow_id', run_id, 'found', coalesce(max(position) + 1, 0))
        )::text INTO refused
        FROM event_log WHERE flow_id = run_id;
        RAISE EXCEPTION 'the run has moved on' USING ERRCODE = 'CH001', DETAIL = refused;
    END IF;

    -- Arrays are taken apart in the list of columns, in step with each other, so that nothing is put aside on the way.
    INSERT INTO event_log (flow_id, position, event_type, payload)
    SELECT run_id, run_expected + event.number, event.type, event.payload::jsonb
    FROM (
        SELECT generate_series(0, cardinality(event_payloads) - 1) AS number,
               unnest(event_types) AS type,
               unnest(event_payloads) AS payload
    ) AS event;

    IF cardinality(artifact_hashes) > 0 THEN
        -- The first of a name stays.
        INSERT INTO workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq)
        SELECT artifact.hash, artifact.kind, artifact.payload::jsonb, artifact.metadata::jsonb,
               (SELECT seq FROM event_log WHERE flow_id = run_id AND position = run_expected + artifact.event - 1)
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
            PERFORM chem_repair_artifacts(artifact_hashes, artifact_kinds, artifact_payloads, artifact_metadatas);
        END IF;
    END IF;
END
$$;

-- Appends artifacts to events that the same transaction has appended: what is too large for one statement goes in pieces.
CREATE FUNCTION chem_append_artifacts(
    run_id             UUID,
    run_expected       BIGINT,
    artifact_events    INT[],
    artifact_hashes    TEXT[],
    artifact_kinds     TEXT[],
    artifact_payloads  TEXT[],
    artifact_metadatas TEXT[]
) RETURNS VOID
LANGUAGE plpgsql AS $$
DECLARE
    stored_artifacts BIGINT;
BEGIN
    INSERT INTO workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq)
    SELECT artifact.hash, artifact.kind, artifact.payload::jsonb, artifact.metadata::jsonb,
           (SELECT seq FROM event_log WHERE flow_id = run_id AND position = run_expected + artifact.event - 1)
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
        PERFORM chem_repair_artifacts(artifact_hashes, artifact_kinds, artifact_payloads, artifact_metadatas);
    END IF;
END
$$;

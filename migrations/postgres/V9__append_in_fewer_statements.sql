-- The same function as before, in fewer statements where nothing is refused, which is nearly always. What a statement
-- costs is mostly what it takes to begin it.
--
-- run_*       one element per run: its next position as the writer knows it, and the lease under which it writes (NULL:
--             under none). Epoch 1 at position 0 takes the lease of a new run.
-- event_*     one element per event, in order.
-- artifact_*  one element per artifact, in the order of their hashes, which is the same for all callers, so that no two
--             of them wait for each other; `artifact_event` counts the events of this call from 1.
--
-- Raises CH002 if a lease has passed to another holder and CH001 if a run's next position is another one, with all the
-- runs concerned in the detail, as JSON. Neither is of class 40: to try again would not help.
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
    END IF;

    stored_at := now();
END
$$;

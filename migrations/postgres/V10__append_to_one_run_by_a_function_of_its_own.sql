-- Appends events with their artifacts to one run, as chem_append does for many: all of them, or none. Most appends are
-- to one run, and for one there is less to do: nothing is an array that need not be one, and no numbers come back, since
-- whoever appends knows the positions.
--
-- run_*       the run, its next position as the writer knows it, and the lease under which it writes (NULL: under none).
--             Epoch 1 at position 0 takes the lease of a new run.
-- event_*     one element per event, in order.
-- artifact_*  one element per artifact, in the order of their hashes, which is the same for all callers, so that no two
--             of them wait for each other; `artifact_event` counts the events of this call from 1.
--
-- Raises CH002 if the lease has passed to another holder and CH001 if the run's next position is another one, with the
-- run in the detail, as chem_append has it.
CREATE FUNCTION chem_append_to_run(
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
    END IF;
END
$$;

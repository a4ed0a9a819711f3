-- The schema of a store after all migrations, as the program describes it.

-- object: sequence artifact_repairs_repair_seq
CREATE SEQUENCE artifact_repairs_repair_seq AS bigint START 1 INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 CACHE 1;

-- object: sequence event_log_seq_seq
CREATE SEQUENCE event_log_seq_seq AS bigint START 1 INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 CACHE 1;

-- object: table artifact_repairs
CREATE TABLE artifact_repairs ();

-- object: table attestations
CREATE TABLE attestations ();

-- object: table delivery_eras
CREATE TABLE delivery_eras ();

-- object: table event_log
CREATE TABLE event_log ();

-- object: table flow_leases
CREATE TABLE flow_leases ();

-- object: table workflow_step_artifacts
CREATE TABLE workflow_step_artifacts ();

-- object: column artifact_repairs.repair
ALTER TABLE artifact_repairs ADD COLUMN repair bigint DEFAULT nextval('artifact_repairs_repair_seq'::regclass) NOT NULL;

-- object: owner of sequence artifact_repairs_repair_seq
ALTER SEQUENCE artifact_repairs_repair_seq OWNED BY artifact_repairs.repair;

-- object: column artifact_repairs.artifact_hash
ALTER TABLE artifact_repairs ADD COLUMN artifact_hash text NOT NULL;

-- object: column artifact_repairs.kind
ALTER TABLE artifact_repairs ADD COLUMN kind text NOT NULL;

-- object: column artifact_repairs.payload
ALTER TABLE artifact_repairs ADD COLUMN payload jsonb;

-- object: column artifact_repairs.metadata
ALTER TABLE artifact_repairs ADD COLUMN metadata jsonb;

-- object: column artifact_repairs.repaired_at
ALTER TABLE artifact_repairs ADD COLUMN repaired_at timestamp with time zone DEFAULT now() NOT NULL;

-- object: column artifact_repairs.codec
ALTER TABLE artifact_repairs ADD COLUMN codec text;

-- object: column artifact_repairs.packed
ALTER TABLE artifact_repairs ADD COLUMN packed bytea;

-- object: column attestations.number
ALTER TABLE attestations ADD COLUMN number bigint NOT NULL;

-- object: column attestations.kind
ALTER TABLE attestations ADD COLUMN kind text NOT NULL;

-- object: column attestations.flow_id
ALTER TABLE attestations ADD COLUMN flow_id uuid;

-- object: column attestations.statement
ALTER TABLE attestations ADD COLUMN statement text NOT NULL;

-- object: column attestations.signature
ALTER TABLE attestations ADD COLUMN signature text;

-- object: column attestations.attested_at
ALTER TABLE attestations ADD COLUMN attested_at timestamp with time zone NOT NULL;

-- object: column delivery_eras.era
ALTER TABLE delivery_eras ADD COLUMN era bigint NOT NULL;

-- object: column delivery_eras.first_seq
ALTER TABLE delivery_eras ADD COLUMN first_seq bigint NOT NULL;

-- object: column delivery_eras.begun_at
ALTER TABLE delivery_eras ADD COLUMN begun_at timestamp with time zone DEFAULT now() NOT NULL;

-- object: column event_log.seq
ALTER TABLE event_log ADD COLUMN seq bigint DEFAULT nextval('event_log_seq_seq'::regclass) NOT NULL;

-- object: owner of sequence event_log_seq_seq
ALTER SEQUENCE event_log_seq_seq OWNED BY event_log.seq;

-- object: column event_log.flow_id
ALTER TABLE event_log ADD COLUMN flow_id uuid NOT NULL;

-- object: column event_log.ts
ALTER TABLE event_log ADD COLUMN ts timestamp with time zone DEFAULT now() NOT NULL;

-- object: column event_log.event_type
ALTER TABLE event_log ADD COLUMN event_type text NOT NULL;

-- object: column event_log.payload
ALTER TABLE event_log ADD COLUMN payload jsonb NOT NULL;

-- object: column event_log.position
ALTER TABLE event_log ADD COLUMN "position" bigint NOT NULL;

-- object: column event_log.xact
ALTER TABLE event_log ADD COLUMN xact xid8 DEFAULT pg_current_xact_id() NOT NULL;

-- object: column flow_leases.flow_id
ALTER TABLE flow_leases ADD COLUMN flow_id uuid NOT NULL;

-- object: column flow_leases.epoch
ALTER TABLE flow_leases ADD COLUMN epoch bigint NOT NULL;

-- object: column flow_leases.holder
ALTER TABLE flow_leases ADD COLUMN holder jsonb NOT NULL;

-- object: column flow_leases.taken_at
ALTER TABLE flow_leases ADD COLUMN taken_at timestamp with time zone DEFAULT now() NOT NULL;

-- object: column flow_leases.renewed_at
ALTER TABLE flow_leases ADD COLUMN renewed_at timestamp with time zone DEFAULT now();

-- object: column flow_leases.taken_by
ALTER TABLE flow_leases ADD COLUMN taken_by name DEFAULT SESSION_USER;

-- object: column workflow_step_artifacts.artifact_hash
ALTER TABLE workflow_step_artifacts ADD COLUMN artifact_hash text NOT NULL;

-- object: column workflow_step_artifacts.kind
ALTER TABLE workflow_step_artifacts ADD COLUMN kind text NOT NULL;

-- object: column workflow_step_artifacts.payload
ALTER TABLE workflow_step_artifacts ADD COLUMN payload jsonb;

-- object: column workflow_step_artifacts.metadata
ALTER TABLE workflow_step_artifacts ADD COLUMN metadata jsonb;

-- object: column workflow_step_artifacts.produced_in_seq
ALTER TABLE workflow_step_artifacts ADD COLUMN produced_in_seq bigint NOT NULL;

-- object: column workflow_step_artifacts.codec
ALTER TABLE workflow_step_artifacts ADD COLUMN codec text;

-- object: column workflow_step_artifacts.packed
ALTER TABLE workflow_step_artifacts ADD COLUMN packed bytea;

-- object: function chem_append
CREATE OR REPLACE FUNCTION "store".chem_append(run_ids uuid[], run_expected bigint[], run_epochs bigint[], run_holders text[], run_counts integer[], event_types text[], event_payloads text[], artifact_events integer[], artifact_hashes text[], artifact_kinds text[], artifact_payloads text[], artifact_metadatas text[], artifact_codecs text[], artifact_packed bytea[])
 RETURNS text[]
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
;

-- object: function chem_append_artifacts
CREATE OR REPLACE FUNCTION "store".chem_append_artifacts(run_id uuid, run_expected bigint, artifact_events integer[], artifact_hashes text[], artifact_kinds text[], artifact_payloads text[], artifact_metadatas text[], artifact_codecs text[], artifact_packed bytea[])
 RETURNS text[]
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
;

-- object: function chem_append_to_run
CREATE OR REPLACE FUNCTION "store".chem_append_to_run(run_id uuid, run_expected bigint, run_epoch bigint, run_holder text, event_types text[], event_payloads text[], artifact_events integer[], artifact_hashes text[], artifact_kinds text[], artifact_payloads text[], artifact_metadatas text[], artifact_codecs text[], artifact_packed bytea[])
 RETURNS text[]
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
;

-- object: function chem_attest
CREATE OR REPLACE FUNCTION "store".chem_attest(numbers bigint[], kinds text[], runs uuid[], statements text[], signatures text[], times text[])
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    LOCK TABLE "store".attestations IN EXCLUSIVE MODE;
    IF EXISTS (
        SELECT FROM unnest(numbers) WITH ORDINALITY AS given (number, nth)
        WHERE given.number <> (SELECT coalesce(max(number) + 1, 0) FROM "store".attestations) + given.nth - 1
    ) THEN
        RETURN FALSE;
    END IF;
    INSERT INTO "store".attestations (number, kind, flow_id, statement, signature, attested_at)
    SELECT given.number, given.kind, given.run, given.statement, given.signature, given.time::timestamptz
    FROM unnest(numbers, kinds, runs, statements, signatures, times)
        AS given (number, kind, run, statement, signature, time);
    RETURN TRUE;
END
$function$
;

-- object: function chem_other_artifacts
CREATE OR REPLACE FUNCTION "store".chem_other_artifacts(hashes text[], kinds text[], payloads text[], codecs text[], packed_payloads bytea[])
 RETURNS text[]
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
;

-- object: function chem_refuse_change
CREATE OR REPLACE FUNCTION "store".chem_refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'CH003';
END
$function$
;

-- object: function chem_refuse_removal
CREATE OR REPLACE FUNCTION "store".chem_refuse_removal()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RAISE EXCEPTION 'rows of % stay for ever: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'CH003';
END
$function$
;

-- object: function chem_release_lease
CREATE OR REPLACE FUNCTION "store".chem_release_lease(run uuid, held bigint)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE "store".flow_leases SET renewed_at = NULL
    WHERE flow_id = run AND epoch = held AND coalesce(taken_by, session_user) = session_user;
END
$function$
;

-- object: function chem_renew_leases
CREATE OR REPLACE FUNCTION "store".chem_renew_leases(runs uuid[], epochs bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE "store".flow_leases AS lease SET renewed_at = clock_timestamp()
    FROM unnest(runs, epochs) AS held (flow_id, epoch)
    WHERE lease.flow_id = held.flow_id AND lease.epoch = held.epoch AND lease.renewed_at IS NOT NULL
      AND coalesce(lease.taken_by, session_user) = session_user;
END
$function$
;

-- object: function chem_repair_artifacts
CREATE OR REPLACE FUNCTION "store".chem_repair_artifacts(hashes text[], kinds text[], payloads text[], metadatas text[], codecs text[], packed_payloads bytea[])
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
;

-- object: function chem_take_lease
CREATE OR REPLACE FUNCTION "store".chem_take_lease(run uuid, seen bigint, new_holder text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$
;

-- object: constraint artifact_repairs.artifact_repairs_artifact_hash_check
ALTER TABLE artifact_repairs ADD CONSTRAINT artifact_repairs_artifact_hash_check CHECK ((length(artifact_hash) = 64));

-- object: constraint artifact_repairs.artifact_repairs_have_one_payload
ALTER TABLE artifact_repairs ADD CONSTRAINT artifact_repairs_have_one_payload CHECK ((((payload IS NULL) = (packed IS NOT NULL)) AND ((packed IS NULL) = (codec IS NULL)))) NOT VALID;

-- object: constraint artifact_repairs.artifact_repairs_pkey
ALTER TABLE artifact_repairs ADD CONSTRAINT artifact_repairs_pkey PRIMARY KEY (repair);

-- object: constraint attestations.attestations_kind_check
ALTER TABLE attestations ADD CONSTRAINT attestations_kind_check CHECK ((kind <> ''::text));

-- object: constraint attestations.attestations_number_check
ALTER TABLE attestations ADD CONSTRAINT attestations_number_check CHECK ((number >= 0));

-- object: constraint attestations.attestations_pkey
ALTER TABLE attestations ADD CONSTRAINT attestations_pkey PRIMARY KEY (number);

-- object: constraint delivery_eras.delivery_eras_era_check
ALTER TABLE delivery_eras ADD CONSTRAINT delivery_eras_era_check CHECK ((era >= 0));

-- object: constraint delivery_eras.delivery_eras_first_seq_key
ALTER TABLE delivery_eras ADD CONSTRAINT delivery_eras_first_seq_key UNIQUE (first_seq);

-- object: constraint delivery_eras.delivery_eras_pkey
ALTER TABLE delivery_eras ADD CONSTRAINT delivery_eras_pkey PRIMARY KEY (era);

-- object: constraint event_log.event_log_event_type_check
ALTER TABLE event_log ADD CONSTRAINT event_log_event_type_check CHECK ((event_type = lower(event_type)));

-- object: constraint event_log.event_log_event_type_check1
ALTER TABLE event_log ADD CONSTRAINT event_log_event_type_check1 CHECK ((event_type = ANY (ARRAY['flowinitialized'::text, 'stepstarted'::text, 'stepfinished'::text, 'stepfailed'::text, 'stepsignal'::text, 'flowcompleted'::text, 'stepreused'::text, 'retryscheduled'::text, 'branchcreated'::text, 'userinteractionrequested'::text, 'userinteractionprovided'::text, 'stepprogressed'::text]))) NOT VALID;

-- object: constraint event_log.event_log_flow_id_position_key
ALTER TABLE event_log ADD CONSTRAINT event_log_flow_id_position_key UNIQUE (flow_id, "position");

-- object: constraint event_log.event_log_pkey
ALTER TABLE event_log ADD CONSTRAINT event_log_pkey PRIMARY KEY (seq);

-- object: constraint event_log.event_log_position_check
ALTER TABLE event_log ADD CONSTRAINT event_log_position_check CHECK (("position" >= 0));

-- object: constraint flow_leases.flow_leases_epoch_check
ALTER TABLE flow_leases ADD CONSTRAINT flow_leases_epoch_check CHECK ((epoch >= 1));

-- object: constraint flow_leases.flow_leases_pkey
ALTER TABLE flow_leases ADD CONSTRAINT flow_leases_pkey PRIMARY KEY (flow_id);

-- object: constraint workflow_step_artifacts.workflow_step_artifacts_artifact_hash_check
ALTER TABLE workflow_step_artifacts ADD CONSTRAINT workflow_step_artifacts_artifact_hash_check CHECK ((length(artifact_hash) = 64));

-- object: constraint workflow_step_artifacts.workflow_step_artifacts_have_one_payload
ALTER TABLE workflow_step_artifacts ADD CONSTRAINT workflow_step_artifacts_have_one_payload CHECK ((((payload IS NULL) = (packed IS NOT NULL)) AND ((packed IS NULL) = (codec IS NULL)))) NOT VALID;

-- object: constraint workflow_step_artifacts.workflow_step_artifacts_pkey
ALTER TABLE workflow_step_artifacts ADD CONSTRAINT workflow_step_artifacts_pkey PRIMARY KEY (artifact_hash);

-- object: constraint workflow_step_artifacts.workflow_step_artifacts_produced_in_seq_fkey
ALTER TABLE workflow_step_artifacts ADD CONSTRAINT workflow_step_artifacts_produced_in_seq_fkey FOREIGN KEY (produced_in_seq) REFERENCES event_log(seq) ON DELETE RESTRICT;

-- object: index artifact_repairs_by_hash
CREATE INDEX artifact_repairs_by_hash ON artifact_repairs USING btree (artifact_hash);

-- object: index attestations_by_kind
CREATE INDEX attestations_by_kind ON attestations USING btree (kind, number);

-- object: index event_log_beginnings
CREATE INDEX event_log_beginnings ON event_log USING btree (seq, ts) WHERE ("position" = 0);

-- object: index event_log_beginnings_by_flow
CREATE INDEX event_log_beginnings_by_flow ON event_log USING btree ("left"((payload ->> 'flow'::text), 100), seq, ts) WHERE (("position" = 0) AND (event_type = 'flowinitialized'::text));

-- object: index event_log_by_cache_key
CREATE INDEX event_log_by_cache_key ON event_log USING btree (((payload ->> 'cache_key'::text)), seq) WHERE (event_type = 'stepfinished'::text);

-- object: index event_log_by_delivery
CREATE INDEX event_log_by_delivery ON event_log USING btree (xact, seq);

-- object: index event_log_by_flow
CREATE INDEX event_log_by_flow ON event_log USING btree (flow_id, seq);

-- object: index event_log_by_work_key
CREATE INDEX event_log_by_work_key ON event_log USING btree ((((payload -> 'rows'::text) ->> 'work_key'::text)), seq) WHERE ((event_type = 'stepfinished'::text) AND (((payload -> 'rows'::text) ->> 'work_key'::text) IS NOT NULL));

-- object: index event_log_completions
CREATE INDEX event_log_completions ON event_log USING btree (flow_id) WHERE (event_type = 'flowcompleted'::text);

-- object: index workflow_step_artifacts_by_event
CREATE INDEX workflow_step_artifacts_by_event ON workflow_step_artifacts USING btree (produced_in_seq);

-- object: trigger artifact_repairs.artifact_repairs_is_append_only
CREATE TRIGGER artifact_repairs_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON artifact_repairs FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_change();
ALTER TABLE artifact_repairs ENABLE ALWAYS TRIGGER artifact_repairs_is_append_only;

-- object: trigger attestations.attestations_is_append_only
CREATE TRIGGER attestations_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON attestations FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_change();
ALTER TABLE attestations ENABLE ALWAYS TRIGGER attestations_is_append_only;

-- object: trigger delivery_eras.delivery_eras_stay
CREATE TRIGGER delivery_eras_stay BEFORE DELETE OR UPDATE OR TRUNCATE ON delivery_eras FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_removal();
ALTER TABLE delivery_eras ENABLE ALWAYS TRIGGER delivery_eras_stay;

-- object: trigger event_log.event_log_is_append_only
CREATE TRIGGER event_log_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON event_log FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_change();
ALTER TABLE event_log ENABLE ALWAYS TRIGGER event_log_is_append_only;

-- object: trigger flow_leases.flow_leases_stay
CREATE TRIGGER flow_leases_stay BEFORE DELETE OR TRUNCATE ON flow_leases FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_removal();
ALTER TABLE flow_leases ENABLE ALWAYS TRIGGER flow_leases_stay;

-- object: trigger workflow_step_artifacts.workflow_step_artifacts_is_append_only
CREATE TRIGGER workflow_step_artifacts_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON workflow_step_artifacts FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_change();
ALTER TABLE workflow_step_artifacts ENABLE ALWAYS TRIGGER workflow_step_artifacts_is_append_only;

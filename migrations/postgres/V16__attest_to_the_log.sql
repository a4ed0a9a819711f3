-- Statements about the log: checkpoints, and what people state about runs. They are numbered from 0 without gaps.
CREATE TABLE attestations (
    number      BIGINT      NOT NULL PRIMARY KEY CHECK (number >= 0),
    kind        TEXT        NOT NULL CHECK (kind <> ''),
    flow_id     UUID        NULL,
    statement   TEXT        NOT NULL,
    signature   TEXT        NULL,
    attested_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX attestations_by_kind ON attestations (kind, number);

CREATE TRIGGER attestations_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON attestations
    FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_change();

ALTER TABLE attestations ENABLE ALWAYS TRIGGER attestations_is_append_only;

DO $migration$
DECLARE
    -- Nothing but plain assignments and names with their schema before the path is set.
    log    pg_catalog.oid := pg_catalog.to_regclass('event_log');
    path   pg_catalog.text := pg_catalog.current_setting('search_path');
    store  pg_catalog.text;
    owner  pg_catalog.text;
    object pg_catalog.record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT '"' || replace(nspname, '"', '""') || '".', quote_ident(rolname) INTO store, owner
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_roles ON pg_roles.oid = relowner
    WHERE pg_class.oid = log;

    EXECUTE replace($definition$
-- Appends attestations with these numbers, which are contiguous. Returns FALSE, and stores nothing, if the first is not the
-- next one.
CREATE FUNCTION "store".chem_attest(
    numbers    BIGINT[],
    kinds      TEXT[],
    runs       UUID[],
    statements TEXT[],
    signatures TEXT[],
    times      TEXT[]
) RETURNS BOOLEAN
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
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
$body$
$definition$, '"store".', store);

    EXECUTE format('ALTER TABLE %sattestations OWNER TO %s', store, owner);
    FOR object IN
        SELECT pg_proc.oid::regprocedure::text AS name
        FROM pg_proc
        WHERE pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = log) AND proname = 'chem_attest'
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO %s', object.name, owner);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', object.name);
    END LOOP;

    -- Who reads the log reads what is stated about it, and who appends to it may state something.
    FOR object IN
        SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
        FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = log AND privilege_type = 'SELECT' AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT SELECT ON TABLE %sattestations TO %s', store, object.role);
    END LOOP;
    FOR object IN
        SELECT DISTINCT grantee::regrole::text AS role, attest.oid::regprocedure::text AS name
        FROM pg_proc AS attest, pg_proc AS append, aclexplode(append.proacl)
        WHERE attest.pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = log)
          AND append.pronamespace = attest.pronamespace
          AND attest.proname = 'chem_attest' AND append.proname = 'chem_append_to_run'
          AND grantee <> 0 AND grantee <> append.proowner
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', object.name, object.role);
    END LOOP;
    PERFORM set_config('search_path', path, true);
END
$migration$;

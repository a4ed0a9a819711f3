CREATE FUNCTION chem_refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'CH003';
END
$$;

CREATE TRIGGER event_log_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log
    FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_change();

CREATE TRIGGER workflow_step_artifacts_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON workflow_step_artifacts
    FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_change();

-- ALWAYS: a session that calls itself a replica is refused too.
ALTER TABLE event_log ENABLE ALWAYS TRIGGER event_log_is_append_only;
ALTER TABLE workflow_step_artifacts ENABLE ALWAYS TRIGGER workflow_step_artifacts_is_append_only;

-- A lease whose row is gone lets an epoch come again, and with it a writer that was replaced; an era that is gone takes its
-- events from those who follow the log. Leases change hands by UPDATE; eras never change.
CREATE FUNCTION chem_refuse_removal() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % stay for ever: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'CH003';
END
$$;

CREATE TRIGGER flow_leases_stay
    BEFORE DELETE OR TRUNCATE ON flow_leases
    FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_removal();

CREATE TRIGGER delivery_eras_stay
    BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery_eras
    FOR EACH STATEMENT EXECUTE FUNCTION chem_refuse_removal();

ALTER TABLE flow_leases ENABLE ALWAYS TRIGGER flow_leases_stay;
ALTER TABLE delivery_eras ENABLE ALWAYS TRIGGER delivery_eras_stay;

-- Who writes a run. The epoch grows with every change of hands, and an append under an old one is refused: a writer
-- that stalled, lost its lease and comes back cannot write. Rows are never deleted, so that no epoch comes again.
CREATE TABLE flow_leases (
    flow_id    UUID PRIMARY KEY,
    epoch      BIGINT NOT NULL CHECK (epoch >= 1),
    holder     JSONB NOT NULL,
    taken_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- The holder shows that it is there. NULL once it has let go.
    renewed_at TIMESTAMPTZ NULL DEFAULT now()
);

-- Hands the lease to `new_holder` if its epoch is still `seen` (0: there is none), and returns the new epoch; NULL if
-- somebody else was faster. Waits for an append of the run that is under way, and no later one can pass under the old
-- epoch.
CREATE FUNCTION chem_take_lease(run UUID, seen BIGINT, new_holder TEXT) RETURNS BIGINT
LANGUAGE plpgsql AS $$
DECLARE
    taken BIGINT;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(run, 0));
    IF seen = 0 THEN
        INSERT INTO flow_leases (flow_id, epoch, holder) VALUES (run, 1, new_holder::jsonb)
        ON CONFLICT DO NOTHING
        RETURNING epoch INTO taken;
    ELSE
        UPDATE flow_leases
        SET epoch = seen + 1, holder = new_holder::jsonb, taken_at = now(), renewed_at = now()
        WHERE flow_id = run AND epoch = seen
        RETURNING epoch INTO taken;
    END IF;
    RETURN taken;
END
$$;

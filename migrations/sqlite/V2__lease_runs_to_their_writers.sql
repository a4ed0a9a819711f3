-- Who writes a run. The epoch grows with every change of hands, and an append under an old one is refused. Rows are
-- never deleted, so that no epoch comes again.
CREATE TABLE flow_leases (
    flow_id  TEXT    NOT NULL PRIMARY KEY,
    epoch    INTEGER NOT NULL CHECK (epoch >= 1),
    holder   TEXT    NOT NULL CHECK (json_valid(holder)),
    -- The holder has let go.
    released INTEGER NOT NULL DEFAULT 0 CHECK (released IN (0, 1))
) STRICT;

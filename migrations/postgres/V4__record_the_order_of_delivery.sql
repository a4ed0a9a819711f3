-- Numbers from a sequence are given before the commit, and become visible in another order. Whoever reads on from the
-- greatest number he has seen loses the events whose transactions were slower. So every event carries the number of its
-- transaction, and is delivered when no transaction with that number or a smaller one is still under way: in the order
-- (xact, seq), which nothing can be put into afterwards.
ALTER TABLE event_log ADD COLUMN xact XID8 NOT NULL DEFAULT pg_current_xact_id();

CREATE INDEX event_log_by_delivery ON event_log (xact, seq);

-- A log that was dumped and restored into another cluster holds transaction numbers that mean nothing there. A new
-- era then begins: the events before its first seq are delivered before all others, in their own order.
CREATE TABLE delivery_eras (
    era       BIGINT PRIMARY KEY CHECK (era >= 0),
    first_seq BIGINT NOT NULL UNIQUE,
    begun_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

INSERT INTO delivery_eras (era, first_seq) VALUES (0, 0);

-- The place of an event in its run: from 0, without gaps, and never given twice, so that of two writers who think that
-- they write the same event one is refused.
ALTER TABLE event_log ADD COLUMN position BIGINT CHECK (position >= 0);

UPDATE event_log
SET position = numbered.position
FROM (SELECT seq, row_number() OVER (PARTITION BY flow_id ORDER BY seq) - 1 AS position FROM event_log) AS numbered
WHERE event_log.seq = numbered.seq;

ALTER TABLE event_log
    ALTER COLUMN position SET NOT NULL,
    ADD CONSTRAINT event_log_flow_id_position_key UNIQUE (flow_id, position);

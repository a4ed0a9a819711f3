-- Lists the newest runs, those of a time and those of a flow without a walk over the events between their beginnings. Only
-- the first event of each run is in these indexes.
CREATE INDEX event_log_beginnings ON event_log (seq, ts)
WHERE position = 0;

CREATE INDEX event_log_beginnings_by_flow ON event_log (payload ->> '$.flow', seq, ts)
WHERE position = 0 AND event_type = 'flowinitialized';

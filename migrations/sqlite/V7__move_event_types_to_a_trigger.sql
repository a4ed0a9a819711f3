-- The kinds of events are in a trigger, which a migration replaces without touching the log. They were in a CHECK, which
-- SQLite cannot change, so the log is copied into a table without it, number by number. Foreign keys are not enforced
-- meanwhile.
CREATE TABLE new_event_log (
    -- AUTOINCREMENT: a number is never given twice.
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    flow_id    TEXT    NOT NULL CHECK (length(flow_id) = 36 AND flow_id = lower(flow_id)),
    position   INTEGER NOT NULL CHECK (position >= 0),
    -- RFC 3339 in UTC, to the microsecond.
    ts         TEXT    NOT NULL CHECK (ts GLOB '????-??-??T??:??:??.??????Z'),
    event_type TEXT    NOT NULL,
    payload    TEXT    NOT NULL CHECK (json_valid(payload)),
    UNIQUE (flow_id, position)
) STRICT;

INSERT INTO new_event_log (seq, flow_id, position, ts, event_type, payload)
SELECT seq, flow_id, position, ts, event_type, payload FROM event_log ORDER BY seq;

DROP TABLE event_log;
ALTER TABLE new_event_log RENAME TO event_log;

CREATE INDEX event_log_by_flow ON event_log (flow_id, seq);

CREATE INDEX event_log_by_cache_key ON event_log (payload ->> '$.cache_key')
WHERE event_type = 'stepfinished';

CREATE INDEX event_log_beginnings ON event_log (seq, ts)
WHERE position = 0;

CREATE INDEX event_log_beginnings_by_flow ON event_log (payload ->> '$.flow', seq, ts)
WHERE position = 0 AND event_type = 'flowinitialized';

CREATE TRIGGER event_log_is_never_updated BEFORE UPDATE ON event_log
BEGIN
    SELECT RAISE (ABORT, 'event_log is append-only: an event is never changed');
END;

CREATE TRIGGER event_log_is_never_deleted_from BEFORE DELETE ON event_log
BEGIN
    SELECT RAISE (ABORT, 'event_log is append-only: an event is never deleted');
END;

-- INSERT OR REPLACE deletes what is in its way without asking the trigger above. (Where the database is to choose seq,
-- it is -1 here.)
CREATE TRIGGER event_log_is_never_replaced BEFORE INSERT ON event_log
WHEN EXISTS (SELECT 1 FROM event_log WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE (ABORT, 'event_log is append-only: an event is never replaced');
END;

CREATE TRIGGER event_log_positions_are_contiguous BEFORE INSERT ON event_log
WHEN NEW.position <> (SELECT coalesce(max(position) + 1, 0) FROM event_log WHERE flow_id = NEW.flow_id)
BEGIN
    SELECT RAISE (ABORT, 'event_log is append-only: the position is not the next one of the run');
END;

-- A connection that ignores CHECK constraints and foreign keys is refused, too.
CREATE TRIGGER event_log_has_known_kinds BEFORE INSERT ON event_log
WHEN NEW.event_type NOT IN
    ('flowinitialized', 'stepstarted', 'stepfinished', 'stepfailed', 'stepsignal', 'flowcompleted',
     'stepreused', 'retryscheduled', 'branchcreated', 'userinteractionrequested', 'userinteractionprovided')
BEGIN
    SELECT RAISE (ABORT, 'event_log has no events of this kind');
END;

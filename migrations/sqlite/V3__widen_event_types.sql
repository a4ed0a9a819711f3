-- Runs can reuse what another has finished, be retried, branch, and wait for a person. SQLite cannot change a CHECK, so
-- the log is copied into a table with a wider one, number by number. Foreign keys are not enforced meanwhile.
CREATE TABLE wider_event_log (
    -- AUTOINCREMENT: a number is never given twice.
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    flow_id    TEXT    NOT NULL CHECK (length(flow_id) = 36 AND flow_id = lower(flow_id)),
    position   INTEGER NOT NULL CHECK (position >= 0),
    -- RFC 3339 in UTC, to the microsecond.
    ts         TEXT    NOT NULL CHECK (ts GLOB '????-??-??T??:??:??.??????Z'),
    event_type TEXT    NOT NULL
        CHECK (event_type = lower(event_type))
        CHECK (event_type IN
            ('flowinitialized', 'stepstarted', 'stepfinished', 'stepfailed', 'stepsignal', 'flowcompleted',
             'stepreused', 'retryscheduled', 'branchcreated', 'userinteractionrequested', 'userinteractionprovided')),
    payload    TEXT    NOT NULL CHECK (json_valid(payload)),
    UNIQUE (flow_id, position)
) STRICT;

INSERT INTO wider_event_log (seq, flow_id, position, ts, event_type, payload)
SELECT seq, flow_id, position, ts, event_type, payload FROM event_log ORDER BY seq;

DROP TABLE event_log;
ALTER TABLE wider_event_log RENAME TO event_log;

CREATE INDEX event_log_by_flow ON event_log (flow_id, seq);

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

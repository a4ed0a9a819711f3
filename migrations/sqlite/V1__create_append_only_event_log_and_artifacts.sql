-- Marks the file as a chem store ("chem" in ASCII), so that another program's database is not taken for one.
PRAGMA application_id = 1667786093;

CREATE TABLE event_log (
    -- AUTOINCREMENT: a number is never given twice.
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    flow_id    TEXT    NOT NULL CHECK (length(flow_id) = 36 AND flow_id = lower(flow_id)),
    position   INTEGER NOT NULL CHECK (position >= 0),
    -- RFC 3339 in UTC, to the microsecond.
    ts         TEXT    NOT NULL CHECK (ts GLOB '????-??-??T??:??:??.??????Z'),
    event_type TEXT    NOT NULL
        CHECK (event_type = lower(event_type))
        CHECK (event_type IN
            ('flowinitialized', 'stepstarted', 'stepfinished', 'stepfailed', 'stepsignal', 'flowcompleted')),
    payload    TEXT    NOT NULL CHECK (json_valid(payload)),
    UNIQUE (flow_id, position)
) STRICT;

CREATE INDEX event_log_by_flow ON event_log (flow_id, seq);

CREATE TABLE workflow_step_artifacts (
    artifact_hash   TEXT    NOT NULL PRIMARY KEY
        CHECK (length(artifact_hash) = 64 AND artifact_hash NOT GLOB '*[^0-9a-f]*'),
    kind            TEXT    NOT NULL,
    payload         TEXT    NOT NULL CHECK (json_valid(payload)),
    metadata        TEXT    CHECK (metadata IS NULL OR json_valid(metadata)),
    produced_in_seq INTEGER NOT NULL REFERENCES event_log (seq) ON DELETE RESTRICT
) STRICT;

CREATE INDEX workflow_step_artifacts_by_event ON workflow_step_artifacts (produced_in_seq);

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

CREATE TRIGGER workflow_step_artifacts_is_never_updated BEFORE UPDATE ON workflow_step_artifacts
BEGIN
    SELECT RAISE (ABORT, 'workflow_step_artifacts is append-only: an artifact is never changed');
END;

CREATE TRIGGER workflow_step_artifacts_is_never_deleted_from BEFORE DELETE ON workflow_step_artifacts
BEGIN
    SELECT RAISE (ABORT, 'workflow_step_artifacts is append-only: an artifact is never deleted');
END;

-- An artifact is named by its content, so the first to come stays and a second one is passed over.
CREATE TRIGGER workflow_step_artifacts_keeps_the_first BEFORE INSERT ON workflow_step_artifacts
WHEN EXISTS (SELECT 1 FROM workflow_step_artifacts WHERE artifact_hash = NEW.artifact_hash)
BEGIN
    SELECT RAISE (IGNORE);
END;

-- Payloads of artifacts can be compressed: then `packed` has the bytes, and `codec` says how. SQLite cannot change a CHECK, so
-- the artifacts are copied into tables with other ones. Foreign keys are not enforced meanwhile.
CREATE TABLE new_workflow_step_artifacts (
    artifact_hash   TEXT    NOT NULL PRIMARY KEY
        CHECK (length(artifact_hash) = 64 AND artifact_hash NOT GLOB '*[^0-9a-f]*'),
    kind            TEXT    NOT NULL,
    payload         TEXT    CHECK (payload IS NULL OR json_valid(payload)),
    metadata        TEXT    CHECK (metadata IS NULL OR json_valid(metadata)),
    produced_in_seq INTEGER NOT NULL REFERENCES event_log (seq) ON DELETE RESTRICT,
    codec           TEXT,
    packed          BLOB,
    CHECK ((payload IS NULL) = (packed IS NOT NULL) AND (packed IS NULL) = (codec IS NULL))
) STRICT;

INSERT INTO new_workflow_step_artifacts (artifact_hash, kind, payload, metadata, produced_in_seq)
SELECT artifact_hash, kind, payload, metadata, produced_in_seq FROM workflow_step_artifacts ORDER BY rowid;

DROP TABLE workflow_step_artifacts;
ALTER TABLE new_workflow_step_artifacts RENAME TO workflow_step_artifacts;

CREATE INDEX workflow_step_artifacts_by_event ON workflow_step_artifacts (produced_in_seq);

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

CREATE TABLE new_artifact_repairs (
    -- AUTOINCREMENT: a number is never given twice.
    repair        INTEGER PRIMARY KEY AUTOINCREMENT,
    artifact_hash TEXT NOT NULL CHECK (length(artifact_hash) = 64 AND artifact_hash NOT GLOB '*[^0-9a-f]*'),
    kind          TEXT NOT NULL,
    payload       TEXT CHECK (payload IS NULL OR json_valid(payload)),
    metadata      TEXT CHECK (metadata IS NULL OR json_valid(metadata)),
    -- RFC 3339 in UTC, to the microsecond.
    repaired_at   TEXT NOT NULL CHECK (repaired_at GLOB '????-??-??T??:??:??.??????Z'),
    codec         TEXT,
    packed        BLOB,
    CHECK ((payload IS NULL) = (packed IS NOT NULL) AND (packed IS NULL) = (codec IS NULL))
) STRICT;

INSERT INTO new_artifact_repairs (repair, artifact_hash, kind, payload, metadata, repaired_at)
SELECT repair, artifact_hash, kind, payload, metadata, repaired_at FROM artifact_repairs ORDER BY repair;

DROP TABLE artifact_repairs;
ALTER TABLE new_artifact_repairs RENAME TO artifact_repairs;

CREATE INDEX artifact_repairs_by_hash ON artifact_repairs (artifact_hash);

CREATE TRIGGER artifact_repairs_is_never_updated BEFORE UPDATE ON artifact_repairs
BEGIN
    SELECT RAISE (ABORT, 'artifact_repairs is append-only: a repair is never changed');
END;

CREATE TRIGGER artifact_repairs_is_never_deleted_from BEFORE DELETE ON artifact_repairs
BEGIN
    SELECT RAISE (ABORT, 'artifact_repairs is append-only: a repair is never deleted');
END;

-- INSERT OR REPLACE deletes what is in its way without asking the trigger above. (Where the database chooses the number,
-- it is -1 here.)
CREATE TRIGGER artifact_repairs_is_never_replaced BEFORE INSERT ON artifact_repairs
WHEN EXISTS (SELECT 1 FROM artifact_repairs WHERE repair = NEW.repair)
BEGIN
    SELECT RAISE (ABORT, 'artifact_repairs is append-only: a repair is never replaced');
END;

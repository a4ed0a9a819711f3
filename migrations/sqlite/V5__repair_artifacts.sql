-- Further copies of artifacts whose stored copy no longer has the hash that names it. Of all copies of an artifact the
-- one with the right hash counts, so that a copy with another content has no effect.
CREATE TABLE artifact_repairs (
    -- AUTOINCREMENT: a number is never given twice.
    repair        INTEGER PRIMARY KEY AUTOINCREMENT,
    artifact_hash TEXT NOT NULL CHECK (length(artifact_hash) = 64 AND artifact_hash NOT GLOB '*[^0-9a-f]*'),
    kind          TEXT NOT NULL,
    payload       TEXT NOT NULL CHECK (json_valid(payload)),
    metadata      TEXT CHECK (metadata IS NULL OR json_valid(metadata)),
    -- RFC 3339 in UTC, to the microsecond.
    repaired_at   TEXT NOT NULL CHECK (repaired_at GLOB '????-??-??T??:??:??.??????Z')
) STRICT;

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

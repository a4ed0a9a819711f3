-- Statements about the log: checkpoints, and what people state about runs. They are numbered from 0 without gaps.
CREATE TABLE attestations (
    number      INTEGER PRIMARY KEY CHECK (number >= 0),
    kind        TEXT NOT NULL CHECK (kind <> '' AND kind = lower(kind)),
    flow_id     TEXT CHECK (flow_id IS NULL OR (length(flow_id) = 36 AND flow_id = lower(flow_id))),
    statement   TEXT NOT NULL,
    signature   TEXT,
    -- RFC 3339 in UTC, to the microsecond.
    attested_at TEXT NOT NULL CHECK (attested_at GLOB '????-??-??T??:??:??.??????Z')
) STRICT;

CREATE INDEX attestations_by_kind ON attestations (kind, number);

CREATE TRIGGER attestations_is_never_updated BEFORE UPDATE ON attestations
BEGIN
    SELECT RAISE (ABORT, 'attestations is append-only: an attestation is never changed');
END;

CREATE TRIGGER attestations_is_never_deleted_from BEFORE DELETE ON attestations
BEGIN
    SELECT RAISE (ABORT, 'attestations is append-only: an attestation is never deleted');
END;

-- INSERT OR REPLACE, which deletes what is in its way without asking the trigger above, would not have the next number.
CREATE TRIGGER attestations_are_contiguous BEFORE INSERT ON attestations
WHEN NEW.number <> (SELECT coalesce(max(number) + 1, 0) FROM attestations)
BEGIN
    SELECT RAISE (ABORT, 'attestations is append-only: the number is not the next one');
END;

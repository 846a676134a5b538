-- From each schema version to the next. A step leaves what queries/snapshot.sql lays out afresh.

-- name: from_1
-- Rollups can be pruned, and answers are made when counts change.
CREATE TABLE internal.answers (
    service_id INTEGER NOT NULL,
    hour_start TIMESTAMP NOT NULL,
    json VARCHAR NOT NULL
);
COMMENT ON TABLE internal.answers IS 'The cells as the documented answer shows them, in order of day, service and hour as runs append them.';
COMMENT ON COLUMN internal.answers.json IS 'The elements of httpCodes that lie in the hour, in order of time, with commas between them.';

CREATE OR REPLACE TEMP TABLE changes AS SELECT service_id, bucket_start FROM internal.cells;

ALTER TABLE internal.snapshot ADD COLUMN kept_from TIMESTAMP;
COMMENT ON COLUMN internal.snapshot.kept_from IS 'Start of the first bucket that is kept, UTC: older ones were pruned and do not come back. NULL: all are kept.';

CREATE TABLE internal.folded_days (
    file_id INTEGER NOT NULL,
    day DATE NOT NULL,
    requests BIGINT NOT NULL
);
COMMENT ON TABLE internal.folded_days IS 'What each folded file counted on each UTC day, so that days can be pruned; files that were folded under schema version 1 have none.';

COMMENT ON COLUMN rejected_rows.reason IS 'What is wrong with the row: the first of its time, its service, its status that is missing or unreadable, its service that nobody registered, or its time before what is kept.';

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

CREATE VIEW watermarks AS
SELECT
    service_name,
    first_seen AS data_from,
    last_seen + INTERVAL 5 MINUTE AS data_until,
    time_bucket(INTERVAL 5 MINUTE, date_trunc('second', as_of) - to_seconds(settle_seconds)) AS final_until
FROM internal.services, internal.snapshot;
COMMENT ON VIEW watermarks IS 'How far the data of each service reaches, and up to where it can no longer change.';
COMMENT ON COLUMN watermarks.service_name IS 'Canonical name.';
COMMENT ON COLUMN watermarks.data_from IS 'Start of the first bucket that ever held a request of it, UTC; NULL: registered, never seen.';
COMMENT ON COLUMN watermarks.data_until IS 'End of the last bucket that ever held a request of it, UTC, exclusive; NULL: registered, never seen.';
COMMENT ON COLUMN watermarks.final_until IS 'Buckets that end at this moment or before it are final, UTC; the same for all services; NULL: no run has finished yet.';

-- name: from_2
-- Copies of log files can be kept, and questions reach them as filters.
CREATE TABLE internal.raw_copies (
    file_id INTEGER NOT NULL,
    path VARCHAR NOT NULL
);
COMMENT ON TABLE internal.raw_copies IS 'Copies of files in force that are kept in the store; access_log reads them.';

INSERT INTO internal.service_aliases
SELECT logged, NULL FROM (VALUES ('-'), ('')) AS unnamed(logged)
ANTI JOIN internal.service_aliases USING (logged);

CREATE OR REPLACE TEMP TABLE old_readings AS FROM internal.readings;
DROP TABLE internal.readings;
CREATE TABLE internal.readings (
    reading_id INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    selection VARCHAR NOT NULL,
    condition VARCHAR NOT NULL,
    moment VARCHAR NOT NULL,
    bare_timestamp VARCHAR,
    bare_service VARCHAR
);
INSERT INTO internal.readings
SELECT *, regexp_extract(selection, '^(.*?) AS requested_at, ', 1), NULL, NULL FROM old_readings;
COMMENT ON TABLE internal.readings IS 'How the rows of files with the same columns (a kind) become rows of access_log: a SELECT list, and what holds of rows that are requests of clients.';
COMMENT ON COLUMN internal.readings.moment IS 'The expression that is requested_at.';
COMMENT ON COLUMN internal.readings.bare_timestamp IS 'The column that is requested_at as it stands, where a row has a time; NULL: none is.';
COMMENT ON COLUMN internal.readings.bare_service IS 'The column that is service_name, or an alias, as it stands; NULL: none is.';

COMMENT ON TABLE internal.access_log_parts IS 'The views that access_log is made of, itself among them, and a digest of what defines each.';

-- name: from_3
-- Rows that are no requests of clients are counted apart, and a verdict knows what it was taken
-- under.
ALTER TABLE internal.files ADD COLUMN rows_passed_over BIGINT DEFAULT 0;
COMMENT ON COLUMN internal.files.rows_passed_over IS 'Rows that are no requests of clients. NULL: a program of schema version 3 or earlier counted the file.';
UPDATE internal.files SET rows_passed_over = NULL
WHERE reading_id IN (SELECT reading_id FROM internal.readings WHERE condition <> 'true');
ALTER TABLE internal.files ADD COLUMN read_under VARCHAR;
COMMENT ON COLUMN internal.files.read_under IS 'What decided how the file is read, besides its content: its options, and what its path says. NULL: a program of schema version 3 or earlier wrote the row.';
ALTER TABLE internal.files ADD COLUMN plausible_from TIMESTAMP;
ALTER TABLE internal.files ADD COLUMN plausible_until TIMESTAMP;
COMMENT ON COLUMN internal.files.plausible_from IS 'Rows of earlier moments were rejected, UTC. NULL: none were for that.';
COMMENT ON COLUMN internal.files.plausible_until IS 'Rows of this moment and of later ones were rejected, UTC. NULL: none were for that.';
ALTER TABLE internal.files ADD COLUMN named_service VARCHAR DEFAULT '';
COMMENT ON COLUMN internal.files.named_service IS 'The service that the path or the options gave the file; empty: its rows name theirs. Equal content of an equal name counts once.';
ALTER TABLE internal.files ADD COLUMN displaced BOOLEAN DEFAULT false;
COMMENT ON COLUMN internal.files.displaced IS 'Whether other known content was moved to its path since: what was counted of it stays, as of a file that is gone.';
ALTER TABLE internal.files ADD COLUMN merged_into VARCHAR[];
COMMENT ON COLUMN internal.files.merged_into IS 'Of a merged file: the contents that hold its rows, as fingerprints, each with its named service if it has one.';

ALTER TABLE internal.registry ADD COLUMN since_run VARCHAR;
COMMENT ON COLUMN internal.registry.since_run IS 'The run that registered it. Runs are in order of their ids, whatever clocks say.';
ALTER TABLE internal.registry ADD COLUMN until_run VARCHAR;
COMMENT ON COLUMN internal.registry.until_run IS 'The run that ended it.';
UPDATE internal.registry SET
    since_run = (SELECT max(run_id) FROM runs WHERE started_at = since),
    until_run = (SELECT max(run_id) FROM runs WHERE started_at = until);

CREATE TABLE internal.passed_over (
    file_id INTEGER NOT NULL,
    reason VARCHAR NOT NULL,
    rows BIGINT NOT NULL
);
COMMENT ON TABLE internal.passed_over IS 'Rows that are no requests of clients, by file and reason.';

ALTER TABLE runs ADD COLUMN rows_passed_over BIGINT DEFAULT 0;
COMMENT ON COLUMN runs.rows_passed_over IS 'Rows of the files ingested that are no requests of clients.';
ALTER TABLE runs ADD COLUMN files_merged BIGINT DEFAULT 0;
COMMENT ON COLUMN runs.files_merged IS 'Files that were gone and whose rows lie in new ones, which count in their place.';
COMMENT ON COLUMN runs.files_refused IS 'Files that would replace a folded one, or seem to hold rows that count already.';

CREATE OR REPLACE VIEW source_files AS
SELECT
    path, size, modified_at, fingerprint, format, rows_read, rows_counted, rows_rejected,
    first_request, last_request, ingested_at, run_id, state, reason, folded, file_id,
    rows_passed_over
FROM internal.files;
COMMENT ON VIEW source_files IS 'The ledger: one row for each content that a path has had.';
COMMENT ON COLUMN source_files.path IS 'Where the file was found, absolute.';
COMMENT ON COLUMN source_files.size IS 'Bytes.';
COMMENT ON COLUMN source_files.modified_at IS 'Modification time that the file system gave, UTC.';
COMMENT ON COLUMN source_files.fingerprint IS 'SHA-256 of the content; NULL: the file could not be read to its end.';
COMMENT ON COLUMN source_files.format IS 'The format that it was read as; NULL: none was found.';
COMMENT ON COLUMN source_files.rows_read IS 'rows_counted + rows_rejected.';
COMMENT ON COLUMN source_files.rows_counted IS 'Rows that are requests in the counts, while state is ingested.';
COMMENT ON COLUMN source_files.rows_rejected IS 'Rows that could not be counted; rejected_rows says why.';
COMMENT ON COLUMN source_files.first_request IS 'Earliest plausible moment of a row, counted or not, UTC; NULL: no row has one.';
COMMENT ON COLUMN source_files.last_request IS 'Latest plausible moment of a row, counted or not, UTC; NULL: no row has one.';
COMMENT ON COLUMN source_files.ingested_at IS 'When the run that wrote this row started, UTC.';
COMMENT ON COLUMN source_files.run_id IS 'That run.';
COMMENT ON COLUMN source_files.state IS 'ingested: in force, its rows are in the counts; replaced: other content took its place; forgotten: taken back; duplicate: another file in force holds the same; quarantined: could not be used; refused: it would replace a folded file, or seems to hold rows that count already; merged: it is gone, and other files in force hold exactly its rows.';
COMMENT ON COLUMN source_files.reason IS 'Why the state is what it is, in a sentence; NULL: nothing to say.';
COMMENT ON COLUMN source_files.folded IS 'True once the replacement window of a file in force has closed: its contributions are no longer kept apart.';
COMMENT ON COLUMN source_files.file_id IS 'Joins contributions.';
COMMENT ON COLUMN source_files.rows_passed_over IS 'Rows that are no requests of clients; with rows_read they are all rows of the file. passed_over_rows says why. NULL: nobody counted them.';

CREATE VIEW passed_over_rows AS
SELECT path, passed_over.reason, rows
FROM internal.passed_over JOIN internal.files USING (file_id)
WHERE state = 'ingested';
COMMENT ON VIEW passed_over_rows IS 'Rows of the files in force that are no requests of clients.';
COMMENT ON COLUMN passed_over_rows.path IS 'The file.';
COMMENT ON COLUMN passed_over_rows.reason IS 'What the rows are, as httpcodes formats tells of the format.';
COMMENT ON COLUMN passed_over_rows.rows IS 'How many rows.';

-- Verdicts of the machine's trouble and not of the content, which the next run reads again.
DELETE FROM internal.files
WHERE state = 'quarantined' AND (fingerprint IS NULL OR contains(reason, 'more memory than the run may use'));
-- Only what is plausible is the first or the last of anything.
COMMENT ON COLUMN rejected_rows.reason IS 'What is wrong with the row: the first of its time that is missing, unreadable, implausible or in the future, its service, its status that is missing or unreadable, its service that nobody registered, or its time before what is kept.';
COMMENT ON COLUMN services.first_seen IS 'Start of the first bucket that holds a request of it, or held one until it was pruned, UTC; NULL: there is none.';
COMMENT ON COLUMN services.last_seen IS 'Start of the last bucket that holds a request of it, or held one until it was pruned, UTC; NULL: there is none.';

CREATE OR REPLACE VIEW watermarks AS
SELECT
    service_name,
    first_seen AS data_from,
    CASE WHEN last_seen IS NOT NULL THEN least(last_seen + INTERVAL 5 MINUTE, TIMESTAMP '9999-12-31 23:59:59.999999') END AS data_until,
    time_bucket(INTERVAL 5 MINUTE, date_trunc('second', as_of) - to_seconds(settle_seconds)) AS final_until
FROM internal.services, internal.snapshot;
COMMENT ON VIEW watermarks IS 'How far the data of each service reaches, and up to where it can no longer change.';
COMMENT ON COLUMN watermarks.service_name IS 'Canonical name.';
COMMENT ON COLUMN watermarks.data_from IS 'Start of the first bucket that holds a request of it, or held one until it was pruned, UTC; NULL: there is none.';
COMMENT ON COLUMN watermarks.data_until IS 'End of the last bucket that holds a request of it, or held one until it was pruned, UTC, exclusive; NULL: there is none.';
COMMENT ON COLUMN watermarks.final_until IS 'Buckets that end at this moment or before it are final, UTC; the same for all services; NULL: no run has finished yet.';

-- An earlier program counted rows of any moment, and the end of the data with them.
UPDATE internal.services SET last_seen = coalesce(last_bucket, last_seen)
FROM (
    SELECT service_id, max(bucket_start) AS last_bucket FROM internal.cells, internal.snapshot
    WHERE bucket_start < as_of + INTERVAL 1 DAY GROUP BY service_id
) AS reach, internal.snapshot
WHERE services.service_id = reach.service_id AND last_seen >= as_of + INTERVAL 1 DAY;

ALTER TABLE internal.readings ADD COLUMN scan VARCHAR;
COMMENT ON COLUMN internal.readings.scan IS 'A FROM clause that reads {files}; NULL: the usual one.';
-- Parts of access_log read files in another way now, and know rows that nobody believed.
UPDATE internal.access_log_parts SET digest = '';

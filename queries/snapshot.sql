-- The contract with every reader of a snapshot, as DDL. Schema main is the promise; schema
-- internal holds what lies below it and may change with the schema version.

CREATE SCHEMA internal;

CREATE TABLE internal.snapshot (
    schema_version INTEGER NOT NULL,
    settle_seconds BIGINT NOT NULL,
    as_of TIMESTAMP,
    kept_from TIMESTAMP
);
COMMENT ON TABLE internal.snapshot IS 'One row: what kind of snapshot this is.';
COMMENT ON COLUMN internal.snapshot.settle_seconds IS 'How long after its end a bucket may still change, in seconds.';
COMMENT ON COLUMN internal.snapshot.as_of IS 'When the last run started, UTC.';
COMMENT ON COLUMN internal.snapshot.kept_from IS 'Start of the first bucket that is kept, UTC: older ones were pruned and do not come back. NULL: all are kept.';

CREATE TABLE internal.access_log_parts (
    name VARCHAR NOT NULL,
    digest VARCHAR NOT NULL
);
COMMENT ON TABLE internal.access_log_parts IS 'The views that access_log is made of, itself among them, and a digest of what defines each.';

CREATE TABLE internal.services (
    service_id INTEGER NOT NULL,
    service_name VARCHAR NOT NULL,
    first_seen TIMESTAMP,
    last_seen TIMESTAMP,
    registered BOOLEAN NOT NULL
);
COMMENT ON TABLE internal.services IS 'One row a service; service_id is never used again.';

CREATE TABLE internal.service_aliases (
    logged VARCHAR NOT NULL,
    service_name VARCHAR
);
COMMENT ON TABLE internal.service_aliases IS 'Names as logs write them, where they differ from the canonical name; NULL: no service can be called that. Where only registered services count, only their names are here.';
-- What logs write where they know no service.
INSERT INTO internal.service_aliases VALUES ('-', NULL), ('', NULL);

CREATE TABLE internal.registry (
    service_name VARCHAR NOT NULL,
    since TIMESTAMP NOT NULL,
    until TIMESTAMP,
    since_run VARCHAR,
    until_run VARCHAR
);
COMMENT ON TABLE internal.registry IS 'When services were registered, so that rows can be counted again as they were counted.';
COMMENT ON COLUMN internal.registry.until IS 'NULL: it still is.';
COMMENT ON COLUMN internal.registry.since_run IS 'The run that registered it. Runs are in order of their ids, whatever clocks say.';
COMMENT ON COLUMN internal.registry.until_run IS 'The run that ended it.';

CREATE TABLE internal.files (
    file_id INTEGER NOT NULL,
    path VARCHAR NOT NULL,
    size BIGINT NOT NULL,
    modified_at TIMESTAMP,
    version VARCHAR,
    fingerprint VARCHAR,
    format VARCHAR,
    reading_id INTEGER,
    rows_read BIGINT NOT NULL,
    rows_counted BIGINT NOT NULL,
    rows_rejected BIGINT NOT NULL,
    first_request TIMESTAMP,
    last_request TIMESTAMP,
    ingested_at TIMESTAMP NOT NULL,
    run_id VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    reason VARCHAR,
    folded BOOLEAN NOT NULL DEFAULT false,
    registered_only BOOLEAN NOT NULL DEFAULT false,
    rows_passed_over BIGINT DEFAULT 0,
    read_under VARCHAR,
    plausible_from TIMESTAMP,
    plausible_until TIMESTAMP,
    named_service VARCHAR DEFAULT '',
    displaced BOOLEAN DEFAULT false,
    merged_into VARCHAR[]
);
COMMENT ON TABLE internal.files IS 'The ledger: one row for each content that a path has had.';
COMMENT ON COLUMN internal.files.version IS 'What the file system says of the file beside its size; equal means untouched. NULL: look at the content again.';
COMMENT ON COLUMN internal.files.registered_only IS 'Whether only rows of registered services were counted.';
COMMENT ON COLUMN internal.files.rows_passed_over IS 'Rows that are no requests of clients. NULL: a program of schema version 3 or earlier counted the file.';
COMMENT ON COLUMN internal.files.read_under IS 'What decided how the file is read, besides its content: its options, and what its path says. NULL: a program of schema version 3 or earlier wrote the row.';
COMMENT ON COLUMN internal.files.plausible_from IS 'Rows of earlier moments were rejected, UTC. NULL: none were for that.';
COMMENT ON COLUMN internal.files.plausible_until IS 'Rows of this moment and of later ones were rejected, UTC. NULL: none were for that.';
COMMENT ON COLUMN internal.files.named_service IS 'The service that the path or the options gave the file; empty: its rows name theirs. Equal content of an equal name counts once.';
COMMENT ON COLUMN internal.files.displaced IS 'Whether other known content was moved to its path since: what was counted of it stays, as of a file that is gone.';
COMMENT ON COLUMN internal.files.merged_into IS 'Of a merged file: the contents that hold its rows, as fingerprints, each with its named service if it has one.';

CREATE TABLE internal.raw_copies (
    file_id INTEGER NOT NULL,
    path VARCHAR NOT NULL
);
COMMENT ON TABLE internal.raw_copies IS 'Copies of files in force that are kept in the store; access_log reads them.';

CREATE TABLE internal.readings (
    reading_id INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    selection VARCHAR NOT NULL,
    condition VARCHAR NOT NULL,
    moment VARCHAR NOT NULL,
    bare_timestamp VARCHAR,
    bare_service VARCHAR,
    scan VARCHAR
);
COMMENT ON TABLE internal.readings IS 'How the rows of files with the same columns (a kind) become rows of access_log: a SELECT list, and what holds of rows that are requests of clients.';
COMMENT ON COLUMN internal.readings.moment IS 'The expression that is requested_at.';
COMMENT ON COLUMN internal.readings.bare_timestamp IS 'The column that is requested_at as it stands, where a row has a time; NULL: none is.';
COMMENT ON COLUMN internal.readings.bare_service IS 'The column that is service_name, or an alias, as it stands; NULL: none is.';
COMMENT ON COLUMN internal.readings.scan IS 'A FROM clause that reads {files}; NULL: the usual one.';

CREATE TABLE internal.cells (
    service_id INTEGER NOT NULL,
    bucket_start TIMESTAMP NOT NULL,
    status_code SMALLINT NOT NULL,
    requests BIGINT NOT NULL
);
COMMENT ON TABLE internal.cells IS 'The counts, in order of bucket, service and status code as runs append them.';

CREATE TABLE internal.answers (
    service_id INTEGER NOT NULL,
    hour_start TIMESTAMP NOT NULL,
    json VARCHAR NOT NULL
);
COMMENT ON TABLE internal.answers IS 'The cells as the documented answer shows them, in order of day, service and hour as runs append them.';
COMMENT ON COLUMN internal.answers.json IS 'The elements of httpCodes that lie in the hour, in order of time, with commas between them.';

CREATE TABLE internal.contributions (
    file_id INTEGER NOT NULL,
    service_id INTEGER NOT NULL,
    bucket_start TIMESTAMP NOT NULL,
    status_code SMALLINT NOT NULL,
    requests BIGINT NOT NULL
);
COMMENT ON TABLE internal.contributions IS 'What each file in force added to the cells, but for folded files.';

CREATE TABLE internal.folded_buckets (
    bucket_start TIMESTAMP NOT NULL
);
COMMENT ON TABLE internal.folded_buckets IS 'Buckets that hold counts of folded files: their cells are more than the sum of contributions.';

CREATE TABLE internal.folded_days (
    file_id INTEGER NOT NULL,
    day DATE NOT NULL,
    requests BIGINT NOT NULL
);
COMMENT ON TABLE internal.folded_days IS 'What each folded file counted on each UTC day, so that days can be pruned; files that were folded under schema version 1 have none.';

CREATE TABLE internal.rejects (
    file_id INTEGER NOT NULL,
    reason VARCHAR NOT NULL,
    rows BIGINT NOT NULL
);
COMMENT ON TABLE internal.rejects IS 'Rows that could not be counted, by file and reason.';

CREATE TABLE internal.passed_over (
    file_id INTEGER NOT NULL,
    reason VARCHAR NOT NULL,
    rows BIGINT NOT NULL
);
COMMENT ON TABLE internal.passed_over IS 'Rows that are no requests of clients, by file and reason.';

CREATE TABLE runs (
    run_id VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP NOT NULL,
    files_ingested BIGINT NOT NULL,
    files_unchanged BIGINT NOT NULL,
    files_replaced BIGINT NOT NULL,
    files_duplicate BIGINT NOT NULL,
    files_forgotten BIGINT NOT NULL,
    files_refused BIGINT NOT NULL,
    files_quarantined BIGINT NOT NULL,
    rows_read BIGINT NOT NULL,
    rows_counted BIGINT NOT NULL,
    rows_rejected BIGINT NOT NULL,
    rows_passed_over BIGINT DEFAULT 0,
    files_merged BIGINT DEFAULT 0
);
COMMENT ON TABLE runs IS 'One row a published run.';
COMMENT ON COLUMN runs.run_id IS 'Also the name of the snapshot that the run published.';
COMMENT ON COLUMN runs.started_at IS 'UTC.';
COMMENT ON COLUMN runs.finished_at IS 'UTC; when the counts were complete, just before the snapshot was published.';
COMMENT ON COLUMN runs.files_ingested IS 'Files counted for the first time.';
COMMENT ON COLUMN runs.files_unchanged IS 'Known files whose content is what it was.';
COMMENT ON COLUMN runs.files_replaced IS 'Known files with new content, which took the place of the old.';
COMMENT ON COLUMN runs.files_duplicate IS 'Files that hold what another file holds or a forgotten one held; not counted.';
COMMENT ON COLUMN runs.files_forgotten IS 'Files that were taken back by hand.';
COMMENT ON COLUMN runs.files_refused IS 'Files that would replace a folded one, or seem to hold rows that count already.';
COMMENT ON COLUMN runs.files_quarantined IS 'Files that could not be used.';
COMMENT ON COLUMN runs.rows_read IS 'Rows of the files that this run ingested or replaced.';
COMMENT ON COLUMN runs.rows_counted IS 'Those of them that were counted.';
COMMENT ON COLUMN runs.rows_rejected IS 'Those of them that could not be counted; rejected_rows says why.';
COMMENT ON COLUMN runs.rows_passed_over IS 'Rows of the files ingested that are no requests of clients.';
COMMENT ON COLUMN runs.files_merged IS 'Files that were gone and whose rows lie in new ones, which count in their place.';

CREATE VIEW rollup_5m AS
SELECT service_name, bucket_start, status_code, requests
FROM internal.cells JOIN internal.services USING (service_id);
COMMENT ON VIEW rollup_5m IS 'The counts: how many requests a service answered with a status code in a bucket of 5 minutes.';
COMMENT ON COLUMN rollup_5m.service_name IS 'Canonical name: lower case, no port, no trailing dot.';
COMMENT ON COLUMN rollup_5m.bucket_start IS 'Start of the bucket, UTC; the bucket ends 5 minutes later, exclusive.';
COMMENT ON COLUMN rollup_5m.status_code IS '0 to 999, as logged; 0 is what logs write as 000: the client left before an answer.';
COMMENT ON COLUMN rollup_5m.requests IS 'Number of requests, exact, 1 or more; a code without a request has no row.';

CREATE VIEW rollup_1h AS
SELECT service_name, date_trunc('hour', bucket_start) AS bucket_start, status_code, CAST(sum(requests) AS BIGINT) AS requests
FROM rollup_5m GROUP BY ALL;
COMMENT ON VIEW rollup_1h IS 'rollup_5m with buckets of an hour.';
COMMENT ON COLUMN rollup_1h.service_name IS 'Canonical name.';
COMMENT ON COLUMN rollup_1h.bucket_start IS 'Start of the hour, UTC.';
COMMENT ON COLUMN rollup_1h.status_code IS '0 to 999, as logged.';
COMMENT ON COLUMN rollup_1h.requests IS 'Number of requests, exact.';

CREATE VIEW rollup_1d AS
SELECT service_name, CAST(date_trunc('day', bucket_start) AS TIMESTAMP) AS bucket_start, status_code, CAST(sum(requests) AS BIGINT) AS requests
FROM rollup_5m GROUP BY ALL;
COMMENT ON VIEW rollup_1d IS 'rollup_5m with buckets of a UTC day.';
COMMENT ON COLUMN rollup_1d.service_name IS 'Canonical name.';
COMMENT ON COLUMN rollup_1d.bucket_start IS 'Start of the day, UTC.';
COMMENT ON COLUMN rollup_1d.status_code IS '0 to 999, as logged.';
COMMENT ON COLUMN rollup_1d.requests IS 'Number of requests, exact.';

CREATE VIEW status_classes_5m AS
SELECT
    service_name,
    bucket_start,
    CAST(sum(requests) AS BIGINT) AS requests,
    CAST(coalesce(sum(requests) FILTER (status_code BETWEEN 200 AND 299), 0) AS BIGINT) AS ok_2xx,
    CAST(coalesce(sum(requests) FILTER (status_code BETWEEN 300 AND 399), 0) AS BIGINT) AS redirect_3xx,
    CAST(coalesce(sum(requests) FILTER (status_code BETWEEN 400 AND 499), 0) AS BIGINT) AS client_error_4xx,
    CAST(coalesce(sum(requests) FILTER (status_code BETWEEN 500 AND 599), 0) AS BIGINT) AS server_error_5xx,
    CAST(coalesce(sum(requests) FILTER (status_code NOT BETWEEN 200 AND 599), 0) AS BIGINT) AS other,
    CAST(coalesce(sum(requests) FILTER (status_code BETWEEN 500 AND 599), 0) AS DOUBLE) / sum(requests) AS error_ratio
FROM rollup_5m GROUP BY ALL;
COMMENT ON VIEW status_classes_5m IS 'rollup_5m by class of status code, one row for each service and bucket.';
COMMENT ON COLUMN status_classes_5m.service_name IS 'Canonical name.';
COMMENT ON COLUMN status_classes_5m.bucket_start IS 'Start of the 5 minutes, UTC.';
COMMENT ON COLUMN status_classes_5m.requests IS 'Requests of all classes.';
COMMENT ON COLUMN status_classes_5m.ok_2xx IS 'Requests with 200 to 299.';
COMMENT ON COLUMN status_classes_5m.redirect_3xx IS 'Requests with 300 to 399.';
COMMENT ON COLUMN status_classes_5m.client_error_4xx IS 'Requests with 400 to 499.';
COMMENT ON COLUMN status_classes_5m.server_error_5xx IS 'Requests with 500 to 599.';
COMMENT ON COLUMN status_classes_5m.other IS 'Requests with 0 to 199 or 600 to 999.';
COMMENT ON COLUMN status_classes_5m.error_ratio IS 'server_error_5xx / requests, 0 to 1.';

CREATE VIEW bucket_status AS
SELECT DISTINCT
    bucket_start,
    coalesce(bucket_start + INTERVAL 5 MINUTE + to_seconds(settle_seconds) <= as_of, false) AS final
FROM internal.cells, internal.snapshot;
COMMENT ON VIEW bucket_status IS 'Whether a bucket can still change.';
COMMENT ON COLUMN bucket_status.bucket_start IS 'Start of the 5 minutes, UTC; only buckets with a request are listed.';
COMMENT ON COLUMN bucket_status.final IS 'True once the end of the bucket lay further back than the settle time when the last run started.';

CREATE VIEW services AS
SELECT service_name, first_seen, last_seen, registered FROM internal.services;
COMMENT ON VIEW services IS 'Every service that is known: seen in an ingested file, or registered.';
COMMENT ON COLUMN services.service_name IS 'Canonical name.';
COMMENT ON COLUMN services.first_seen IS 'Start of the first bucket that holds a request of it, or held one until it was pruned, UTC; NULL: there is none.';
COMMENT ON COLUMN services.last_seen IS 'Start of the last bucket that holds a request of it, or held one until it was pruned, UTC; NULL: there is none.';
COMMENT ON COLUMN services.registered IS 'Whether somebody registered it.';

CREATE VIEW watermarks AS
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

CREATE VIEW source_files AS
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

CREATE VIEW rejected_rows AS
SELECT path, rejects.reason, rows
FROM internal.rejects JOIN internal.files USING (file_id)
WHERE state = 'ingested';
COMMENT ON VIEW rejected_rows IS 'Rows of the files in force that could not be counted.';
COMMENT ON COLUMN rejected_rows.path IS 'The file.';
COMMENT ON COLUMN rejected_rows.reason IS 'What is wrong with the row: the first of its time that is missing, unreadable, implausible or in the future, its service, its status that is missing or unreadable, its service that nobody registered, or its time before what is kept.';
COMMENT ON COLUMN rejected_rows.rows IS 'How many rows.';

CREATE VIEW passed_over_rows AS
SELECT path, passed_over.reason, rows
FROM internal.passed_over JOIN internal.files USING (file_id)
WHERE state = 'ingested';
COMMENT ON VIEW passed_over_rows IS 'Rows of the files in force that are no requests of clients.';
COMMENT ON COLUMN passed_over_rows.path IS 'The file.';
COMMENT ON COLUMN passed_over_rows.reason IS 'What the rows are, as httpcodes formats tells of the format.';
COMMENT ON COLUMN passed_over_rows.rows IS 'How many rows.';

CREATE VIEW contributions AS
SELECT file_id, service_name, bucket_start, status_code, requests
FROM internal.contributions JOIN internal.services USING (service_id);
COMMENT ON VIEW contributions IS 'What each file in force added to rollup_5m, kept for as long as the file may still be replaced; a folded file has none.';
COMMENT ON COLUMN contributions.file_id IS 'The file, as in source_files.';
COMMENT ON COLUMN contributions.service_name IS 'Canonical name.';
COMMENT ON COLUMN contributions.bucket_start IS 'Start of the 5 minutes, UTC.';
COMMENT ON COLUMN contributions.status_code IS '0 to 999, as logged.';
COMMENT ON COLUMN contributions.requests IS 'Requests that this file added to the bucket.';

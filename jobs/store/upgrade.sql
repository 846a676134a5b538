-- From each schema version to the next. A step leaves what queries/snapshot.sql lays out afresh.

-- name: from_1
-- Rollups can be pruned, and answers are made when counts change.
CREATE TABLE internal.answers (
    service_id INTEGER NOT NULL,
    hour_start TIMESTAMP NOT NULL,
    json VARCHAR NOT NULL
);
COMMENT ON TABLE internal.answers IS
    'The cells as the documented answer shows them, in order of day, service and hour as runs append '
    'them.';
COMMENT ON COLUMN internal.answers.json IS
    'The elements of httpCodes that lie in the hour, in order of time, with commas between them.';

CREATE OR REPLACE TEMP TABLE changes AS SELECT service_id, bucket_start FROM internal.cells;

ALTER TABLE internal.snapshot ADD COLUMN kept_from TIMESTAMP;
COMMENT ON COLUMN internal.snapshot.kept_from IS
    'Start of the first bucket that is kept, UTC: older ones were pruned and do not come back. NULL: all '
    'are kept.';

CREATE TABLE internal.folded_days (
    file_id INTEGER NOT NULL,
    day DATE NOT NULL,
    requests BIGINT NOT NULL
);
COMMENT ON TABLE internal.folded_days IS
    'What each folded file counted on each UTC day, so that days can be pruned; files that were folded '
    'under schema version 1 have none.';

COMMENT ON COLUMN rejected_rows.reason IS
    'What is wrong with the row: the first of its time, its service, its status that is missing or '
    'unreadable, its service that nobody registered, or its time before what is kept.';

CREATE VIEW watermarks AS
SELECT
    service_name,
    first_seen AS data_from,
    last_seen + INTERVAL 5 MINUTE AS data_until,
    time_bucket(INTERVAL 5 MINUTE, date_trunc('second', as_of) - to_seconds(settle_seconds)) AS final_until
FROM internal.services, internal.snapshot;
COMMENT ON VIEW watermarks IS
    'How far the data of each service reaches, and up to where it can no longer change.';
COMMENT ON COLUMN watermarks.service_name IS 'Canonical name.';
COMMENT ON COLUMN watermarks.data_from IS
    'Start of the first bucket that ever held a request of it, UTC; NULL: registered, never seen.';
COMMENT ON COLUMN watermarks.data_until IS
    'End of the last bucket that ever held a request of it, UTC, exclusive; NULL: registered, never seen.';
COMMENT ON COLUMN watermarks.final_until IS
    'Buckets that end at this moment or before it are final, UTC; the same for all services; NULL: no '
    'run has finished yet.';

-- name: from_2
-- Copies of log files can be kept, and questions reach them as filters.
CREATE TABLE internal.raw_copies (
    file_id INTEGER NOT NULL,
    path VARCHAR NOT NULL
);
COMMENT ON TABLE internal.raw_copies IS
    'Copies of files in force that are kept in the store; access_log reads them.';

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
COMMENT ON TABLE internal.readings IS
    'How the rows of files with the same columns (a kind) become rows of access_log: a SELECT list, and '
    'what holds of rows that are requests of clients.';
COMMENT ON COLUMN internal.readings.moment IS 'The expression that is requested_at.';
COMMENT ON COLUMN internal.readings.bare_timestamp IS
    'The column that is requested_at as it stands, where a row has a time; NULL: none is.';
COMMENT ON COLUMN internal.readings.bare_service IS
    'The column that is service_name, or an alias, as it stands; NULL: none is.';

COMMENT ON TABLE internal.access_log_parts IS
    'The views that access_log is made of, itself among them, and a digest of what defines each.';

-- name: from_3
-- Rows that are no requests of clients are counted apart, and a verdict knows what it was taken
-- under. Names in paths left their aliases once for each file of a run.
DELETE FROM internal.service_aliases
WHERE rowid NOT IN (SELECT min(rowid) FROM internal.service_aliases GROUP BY logged);

ALTER TABLE internal.files ADD COLUMN rows_passed_over BIGINT DEFAULT 0;
COMMENT ON COLUMN internal.files.rows_passed_over IS
    'Rows that are no requests of clients. NULL: a program of schema version 3 or earlier counted the '
    'file.';
UPDATE internal.files SET rows_passed_over = NULL
WHERE reading_id IN (SELECT reading_id FROM internal.readings WHERE condition <> 'true');
ALTER TABLE internal.files ADD COLUMN read_under VARCHAR;
COMMENT ON COLUMN internal.files.read_under IS
    'What decided how the file is read, besides its content: its options, and what its path says. NULL: '
    'a program of schema version 3 or earlier wrote the row.';
ALTER TABLE internal.files ADD COLUMN plausible_from TIMESTAMP;
ALTER TABLE internal.files ADD COLUMN plausible_until TIMESTAMP;
COMMENT ON COLUMN internal.files.plausible_from IS
    'Rows of earlier moments were rejected, UTC. NULL: none were for that.';
COMMENT ON COLUMN internal.files.plausible_until IS
    'Rows of this moment and of later ones were rejected, UTC. NULL: none were for that.';
ALTER TABLE internal.files ADD COLUMN named_service VARCHAR DEFAULT '';
COMMENT ON COLUMN internal.files.named_service IS
    'The service that the path or the options gave the file; empty: its rows name theirs. Equal content '
    'of an equal name counts once.';
ALTER TABLE internal.files ADD COLUMN displaced BOOLEAN DEFAULT false;
COMMENT ON COLUMN internal.files.displaced IS
    'Whether other known content was moved to its path since: what was counted of it stays, as of a file '
    'that is gone.';
ALTER TABLE internal.files ADD COLUMN merged_into VARCHAR[];
COMMENT ON COLUMN internal.files.merged_into IS
    'Of a merged file: the contents that hold its rows, as fingerprints, each with its named service if '
    'it has one.';

ALTER TABLE internal.registry ADD COLUMN since_run VARCHAR;
COMMENT ON COLUMN internal.registry.since_run IS
    'The run that registered it. Runs are in order of their ids, whatever clocks say.';
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
COMMENT ON COLUMN runs.files_merged IS
    'Files that were gone and whose rows lie in new ones, which count in their place.';
COMMENT ON COLUMN runs.files_refused IS
    'Files that would replace a folded one, or seem to hold rows that count already.';

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
COMMENT ON COLUMN source_files.fingerprint IS
    'SHA-256 of the content; NULL: the file could not be read to its end.';
COMMENT ON COLUMN source_files.format IS 'The format that it was read as; NULL: none was found.';
COMMENT ON COLUMN source_files.rows_read IS 'rows_counted + rows_rejected.';
COMMENT ON COLUMN source_files.rows_counted IS
    'Rows that are requests in the counts, while state is ingested.';
COMMENT ON COLUMN source_files.rows_rejected IS 'Rows that could not be counted; rejected_rows says why.';
COMMENT ON COLUMN source_files.first_request IS
    'Earliest plausible moment of a row, counted or not, UTC; NULL: no row has one.';
COMMENT ON COLUMN source_files.last_request IS
    'Latest plausible moment of a row, counted or not, UTC; NULL: no row has one.';
COMMENT ON COLUMN source_files.ingested_at IS 'When the run that wrote this row started, UTC.';
COMMENT ON COLUMN source_files.run_id IS 'That run.';
COMMENT ON COLUMN source_files.state IS
    'ingested: in force, its rows are in the counts; replaced: other content took its place; forgotten: '
    'taken back; duplicate: another file in force holds the same; quarantined: could not be used; '
    'refused: it would replace a folded file, or seems to hold rows that count already; merged: it is '
    'gone, and other files in force hold exactly its rows.';
COMMENT ON COLUMN source_files.reason IS 'Why the state is what it is, in a sentence; NULL: nothing to say.';
COMMENT ON COLUMN source_files.folded IS
    'True once the replacement window of a file in force has closed: its contributions are no longer '
    'kept apart.';
COMMENT ON COLUMN source_files.file_id IS 'Joins contributions.';
COMMENT ON COLUMN source_files.rows_passed_over IS
    'Rows that are no requests of clients; with rows_read they are all rows of the file. '
    'passed_over_rows says why. NULL: nobody counted them.';

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
COMMENT ON COLUMN rejected_rows.reason IS
    'What is wrong with the row: the first of its time that is missing, unreadable, implausible or in '
    'the future, its service, its status that is missing or unreadable, its service that nobody '
    'registered, or its time before what is kept.';
COMMENT ON COLUMN services.first_seen IS
    'Start of the first bucket that holds a request of it, or held one until it was pruned, UTC; NULL: '
    'there is none.';
COMMENT ON COLUMN services.last_seen IS
    'Start of the last bucket that holds a request of it, or held one until it was pruned, UTC; NULL: '
    'there is none.';

CREATE OR REPLACE VIEW watermarks AS
SELECT
    service_name,
    first_seen AS data_from,
    CASE WHEN last_seen IS NOT NULL
        THEN least(last_seen + INTERVAL 5 MINUTE, TIMESTAMP '9999-12-31 23:59:59.999999') END AS data_until,
    time_bucket(INTERVAL 5 MINUTE, date_trunc('second', as_of) - to_seconds(settle_seconds)) AS final_until
FROM internal.services, internal.snapshot;
COMMENT ON VIEW watermarks IS
    'How far the data of each service reaches, and up to where it can no longer change.';
COMMENT ON COLUMN watermarks.service_name IS 'Canonical name.';
COMMENT ON COLUMN watermarks.data_from IS
    'Start of the first bucket that holds a request of it, or held one until it was pruned, UTC; NULL: '
    'there is none.';
COMMENT ON COLUMN watermarks.data_until IS
    'End of the last bucket that holds a request of it, or held one until it was pruned, UTC, exclusive; '
    'NULL: there is none.';
COMMENT ON COLUMN watermarks.final_until IS
    'Buckets that end at this moment or before it are final, UTC; the same for all services; NULL: no '
    'run has finished yet.';

-- An earlier program counted rows of any moment, and the end of the data with them.
UPDATE internal.services SET last_seen = coalesce(last_bucket, last_seen)
FROM (
    SELECT service_id, max(bucket_start) AS last_bucket FROM internal.cells, internal.snapshot
    WHERE bucket_start < as_of + INTERVAL 1 DAY GROUP BY service_id
) AS reach, internal.snapshot
WHERE services.service_id = reach.service_id AND last_seen >= as_of + INTERVAL 1 DAY;

ALTER TABLE internal.readings ADD COLUMN scan VARCHAR;
ALTER TABLE internal.readings ADD COLUMN sequence VARCHAR;
ALTER TABLE internal.readings ADD COLUMN server VARCHAR;
ALTER TABLE internal.readings ADD COLUMN request_id VARCHAR;
COMMENT ON COLUMN internal.readings.scan IS 'A FROM clause that reads {files}; NULL: the usual one.';
COMMENT ON COLUMN internal.readings.sequence IS
    'An expression over a scan, text: the number that the server gave the row. NULL: nobody named it.';
COMMENT ON COLUMN internal.readings.server IS 'The same: the server that gave it.';
COMMENT ON COLUMN internal.readings.request_id IS 'The same: an id that no other request has.';
-- Parts of access_log read files in another way now, and know rows that nobody believed.
UPDATE internal.access_log_parts SET digest = '';

-- What one file alone counted for is not written twice.
ALTER TABLE internal.contributions RENAME TO shared_contributions;
COMMENT ON TABLE internal.shared_contributions IS
    'What each file in force added to the cells of buckets for which others count, too; what of it is not '
    'in sidecars.';

CREATE TABLE internal.sole_buckets (
    bucket_start TIMESTAMP NOT NULL,
    file_id INTEGER NOT NULL
);
COMMENT ON TABLE internal.sole_buckets IS
    'Buckets for which one file alone counts: what it added are their cells, and is not written twice.';

CREATE TABLE internal.sidecars (
    sidecar INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    rows BIGINT NOT NULL
);
COMMENT ON TABLE internal.sidecars IS
    'Files in STORE/contributions that hold contributions which are too many for the snapshot.';
COMMENT ON COLUMN internal.sidecars.rows IS 'All that the file holds, also those that count no more.';

CREATE TABLE internal.kept_apart (
    file_id INTEGER NOT NULL,
    sidecar INTEGER NOT NULL,
    rows BIGINT NOT NULL,
    requests BIGINT NOT NULL
);
COMMENT ON TABLE internal.kept_apart IS
    'Whose rows of each sidecar count, how many these are, and the sum of their requests.';

CREATE VIEW internal.sidecar_contributions AS
SELECT *, 0 AS sidecar FROM internal.shared_contributions WHERE false;
COMMENT ON VIEW internal.sidecar_contributions IS 'The rows of all sidecars that count.';

CREATE VIEW internal.contributions AS
FROM internal.shared_contributions
UNION ALL
SELECT file_id, service_id, bucket_start, status_code, requests FROM internal.sidecar_contributions
UNION ALL
SELECT file_id, service_id, bucket_start, status_code, requests
FROM internal.cells JOIN internal.sole_buckets USING (bucket_start);
COMMENT ON VIEW internal.contributions IS 'What each file in force added to the cells, but for folded files.';

-- Digests of days, so that others can prove the counts.
CREATE TABLE internal.service_days (
    day DATE NOT NULL,
    service_id INTEGER NOT NULL,
    digest BLOB NOT NULL
);
COMMENT ON TABLE internal.service_days IS
    'The services with requests on each UTC day, in order of day as runs append them.';
COMMENT ON COLUMN internal.service_days.digest IS
    'SHA-256 of the documented answer to a request for the service and the day: its element, as UTF-8.';

CREATE VIEW service_digests AS
SELECT day, service_name, lower(hex(digest)) AS digest
FROM internal.service_days JOIN internal.services USING (service_id);
COMMENT ON VIEW service_digests IS
    'A digest of the counts of each service and UTC day: equal digests, equal counts, in whatever store.';
COMMENT ON COLUMN service_digests.day IS 'UTC; only days with a request of the service are listed.';
COMMENT ON COLUMN service_digests.service_name IS 'Canonical name.';
COMMENT ON COLUMN service_digests.digest IS
    'SHA-256, 64 hex digits, of the service''s element of the documented answer to a request for the '
    'whole day, as UTF-8: what httpcodes export writes as a file.';

CREATE VIEW day_digests AS
SELECT
    day,
    sha256(string_agg(concat(digest, '  ', service_name, chr(10)), '' ORDER BY service_name)) AS digest,
    count(*) AS services
FROM service_digests GROUP BY day;
COMMENT ON VIEW day_digests IS
    'A digest of all counts of each UTC day: equal digests, equal counts, in whatever store.';
COMMENT ON COLUMN day_digests.day IS 'UTC; only days with a request are listed.';
COMMENT ON COLUMN day_digests.digest IS
    'SHA-256, 64 hex digits, of a line for each service with requests on the day, in order of their '
    'names as bytes: its digest, two spaces, its name, a line feed.';
COMMENT ON COLUMN day_digests.services IS 'How many services have requests on the day.';

-- What each source brought, hour by hour.
ALTER TABLE internal.files ADD COLUMN source VARCHAR;
COMMENT ON COLUMN internal.files.source IS
    'The source that the file was found by; NULL: a program before sources were noted wrote the row.';
CREATE TABLE internal.sources (
    source VARCHAR NOT NULL,
    every_seconds INTEGER,
    least_share DOUBLE NOT NULL,
    grace_seconds BIGINT,
    first_asked_at TIMESTAMP NOT NULL,
    asked_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE internal.sources IS 'The sources that runs were told, and what is expected of each.';
COMMENT ON COLUMN internal.sources.every_seconds IS
    'How long may pass without a request: 300, 3600 or 86400. 0: nothing is expected. NULL: what it '
    'brought before says it.';
COMMENT ON COLUMN internal.sources.least_share IS
    'An hour with less than this share of what is usual is short.';
COMMENT ON COLUMN internal.sources.grace_seconds IS
    'How long after its end an hour may be waited for. NULL: what is usual for the source.';
COMMENT ON COLUMN internal.sources.asked_at IS 'When the last run that was told it started, UTC.';

CREATE TABLE internal.file_hours (
    file_id INTEGER NOT NULL,
    hour_start TIMESTAMP NOT NULL,
    rows_counted BIGINT NOT NULL,
    rows_rejected BIGINT NOT NULL,
    buckets SMALLINT NOT NULL,
    sketch HUGEINT
);
COMMENT ON TABLE internal.file_hours IS
    'Which hours each file reached, also folded ones; files that were folded under schema version 3 or '
    'earlier have none.';
COMMENT ON COLUMN internal.file_hours.sketch IS
    'Requests times a hash of their cell, summed: files that hold the same rows together have equal '
    'sums. A hint, no proof.';
COMMENT ON COLUMN internal.file_hours.buckets IS
    'Which of the 12 buckets hold rows that were counted: bit 0 is the first 5 minutes.';
INSERT INTO internal.file_hours
SELECT
    file_id,
    date_trunc('hour', bucket_start) AS hour_start,
    CAST(sum(requests) AS BIGINT),
    0,
    CAST(bit_or(1 << (date_part('minute', bucket_start) // 5)) AS SMALLINT),
    sum((requests & 2147483647) * CAST(hash(hash(service_id, bucket_start,
        status_code)) & 4294967295 AS BIGINT))
FROM internal.contributions GROUP BY file_id, hour_start
ORDER BY file_id, hour_start;

CREATE VIEW deliveries AS
WITH brought AS (
    SELECT
        source,
        hour_start,
        count(*) AS files,
        CAST(sum(hours.rows_counted) AS BIGINT) AS rows_counted,
        CAST(sum(hours.rows_rejected) AS BIGINT) AS rows_rejected,
        min(ingested_at) AS first_ingested_at,
        max(ingested_at) AS last_ingested_at,
        bit_count(bit_or(buckets)) AS buckets
    FROM internal.file_hours AS hours JOIN internal.files AS files USING (file_id)
    WHERE state = 'ingested' AND source IS NOT NULL GROUP BY source, hour_start
),
-- How far each run took a source, if further than those before.
fronts AS (
    SELECT
        source,
        ingested_at,
        max(hour_start) + INTERVAL 1 HOUR AS reached,
        max(reached) OVER (PARTITION BY source ORDER BY ingested_at ROWS BETWEEN UNBOUNDED PRECEDING
            AND 1 PRECEDING) AS before
    FROM internal.file_hours JOIN internal.files USING (file_id)
    WHERE state IN ('ingested', 'replaced', 'merged') AND source IS NOT NULL GROUP BY source, ingested_at
),
usual_lags AS (
    SELECT source, 3600 + greatest(0, quantile_cont(epoch(ingested_at - reached), 0.75)) AS seconds
    FROM fronts, internal.snapshot
    WHERE reached > coalesce(before, reached - INTERVAL 1 HOUR) AND ingested_at > as_of - INTERVAL 28 DAY
    GROUP BY source HAVING count(*) >= 3
),
asked AS (
    SELECT
        source,
        every_seconds,
        least_share,
        asked_at,
        as_of,
        settle_seconds,
        to_seconds(CAST(coalesce(grace_seconds, usual_lags.seconds, settle_seconds) AS BIGINT)) AS grace,
        date_trunc('hour', asked_at) AS last_hour,
        greatest(coalesce(first_hour, date_trunc('hour', first_asked_at)),
            last_hour - INTERVAL 400 DAY) AS first_hour
    FROM internal.sources
    LEFT JOIN usual_lags USING (source)
    -- A stray row of an earlier year is no beginning.
    LEFT JOIN (SELECT source, quantile_disc(hour_start, 0.01) AS first_hour FROM brought
        GROUP BY source) USING (source),
    internal.snapshot
),
hours AS (
    SELECT source, unnest(range(first_hour, last_hour, INTERVAL 1 HOUR)) AS hour_start FROM asked
    UNION
    SELECT source, hour_start FROM brought
),
filled AS (
    SELECT
        source,
        hour_start,
        coalesce(files, 0) AS files,
        coalesce(rows_counted, 0) AS rows_counted,
        coalesce(rows_rejected, 0) AS rows_rejected,
        first_ingested_at,
        last_ingested_at,
        coalesce(buckets, 0) AS buckets,
        every_seconds,
        least_share,
        asked_at,
        as_of,
        settle_seconds,
        grace,
        coalesce(hour_start + INTERVAL 1 HOUR + to_seconds(settle_seconds) <= as_of, false) AS final,
        CASE WHEN final AND hour_start >= first_hour AND hour_start < last_hour
            THEN coalesce(rows_counted, 0) END AS settled
    FROM hours LEFT JOIN brought USING (source, hour_start) JOIN asked USING (source)
),
-- Hours are without gaps where anything is settled, so that rows before tell a time.
before AS (
    SELECT
        *,
        [lag(settled, 168) OVER w, lag(settled, 336) OVER w, lag(settled, 504) OVER w,
            lag(settled, 672) OVER w,
         lag(settled, 840) OVER w, lag(settled, 1008) OVER w, lag(settled, 1176) OVER w,
             lag(settled, 1344) OVER w] AS weeks,
        [lag(settled, 24) OVER w, lag(settled, 48) OVER w, lag(settled, 72) OVER w, lag(settled, 96) OVER w,
         lag(settled, 120) OVER w, lag(settled, 144) OVER w, lag(settled, 168) OVER w] AS days,
        list(settled) OVER (w ROWS BETWEEN 24 PRECEDING AND 1 PRECEDING) AS day,
        sum(rows_counted) OVER (PARTITION BY source, CAST(hour_start AS DATE)) AS rows_of_day
    FROM filled
    WINDOW w AS (PARTITION BY source ORDER BY hour_start)
),
expected AS (
    SELECT
        *,
        CASE
            WHEN every_seconds = 0 THEN NULL
            WHEN list_aggregate(weeks, 'count') >= 3 THEN CAST(list_aggregate(weeks, 'median') AS BIGINT)
            WHEN list_aggregate(days, 'count') >= 3 THEN list_aggregate(days, 'min')
            WHEN list_aggregate(day, 'count') >= 6 THEN list_aggregate(day, 'min')
        END AS expected_rows,
        coalesce(expected_rows >= 50, false) AS is_usual,
        is_usual AND list_aggregate(days, 'count') >= 3
            AND rows_counted < least_share * expected_rows AS is_less,
        CASE WHEN every_seconds = 86400 THEN rows_of_day = 0 WHEN every_seconds > 0 THEN rows_counted = 0
            ELSE false END AS is_silent,
        CASE WHEN every_seconds = 86400 THEN CAST(CAST(hour_start AS DATE) + 1 AS TIMESTAMP)
            ELSE hour_start + INTERVAL 1 HOUR END
            + grace > asked_at AS is_awaited
    FROM before
)
SELECT
    source,
    hour_start,
    files,
    rows_counted,
    rows_rejected,
    first_ingested_at,
    last_ingested_at,
    expected_rows,
    CASE
        WHEN is_awaited THEN 'open'
        WHEN rows_counted = 0 AND (is_usual OR is_silent) THEN 'missing'
        WHEN is_less OR (every_seconds = 300 AND buckets < 12) THEN 'short'
        WHEN NOT final THEN 'open'
        ELSE 'complete'
    END AS state,
    CASE
        WHEN state = 'missing' AND is_usual
            THEN concat('nothing was counted; about ', expected_rows, ' rows are usual')
        WHEN state = 'missing' AND every_seconds = 86400 THEN 'nothing was counted on this day'
        WHEN state = 'missing' THEN 'nothing was counted'
        WHEN state = 'short' AND is_less THEN concat('about ', expected_rows, ' rows are usual')
        WHEN state = 'short' THEN concat(buckets, ' of 12 buckets hold rows')
        WHEN state = 'open' AND is_awaited THEN 'it is still waited for'
        WHEN state = 'open' THEN 'it can still change'
        WHEN expected_rows IS NULL AND every_seconds IS NULL THEN 'there is nothing yet to compare it with'
    END AS reason
FROM expected
-- Of hours without rows, only those that something is known of.
WHERE files > 0 OR is_awaited OR is_silent OR expected_rows IS NOT NULL;
COMMENT ON VIEW deliveries IS
    'What each source brought of each hour, and whether that is all: whether a zero is a zero or a gap.';
COMMENT ON COLUMN deliveries.source IS
    'As the run or the configuration names it; the source that a file was found by.';
COMMENT ON COLUMN deliveries.hour_start IS
    'Start of the hour, UTC; hours up to the last run that asked the source.';
COMMENT ON COLUMN deliveries.files IS 'Files in force with rows in this hour.';
COMMENT ON COLUMN deliveries.rows_counted IS 'Their requests in this hour.';
COMMENT ON COLUMN deliveries.rows_rejected IS
    'Their rows in this hour that could not be counted; rows without a time lie in no hour.';
COMMENT ON COLUMN deliveries.first_ingested_at IS
    'When the run started that counted the first of these files, UTC.';
COMMENT ON COLUMN deliveries.last_ingested_at IS 'When the run started that counted the last of them, UTC.';
COMMENT ON COLUMN deliveries.expected_rows IS
    'Median of the same hour in the 8 weeks before, if 3 are known and final; before that the least that '
    'the same hour brought in the 7 days before, or the 24 hours before. NULL: not known, or nothing is '
    'expected.';
COMMENT ON COLUMN deliveries.state IS
    'missing: nothing was counted, though it was to be expected; short: less than was to be expected; '
    'open: neither, or still waited for, and it can still change; complete: neither, and final.';
COMMENT ON COLUMN deliveries.reason IS 'Why the state is what it is; NULL: nothing to say.';

CREATE OR REPLACE VIEW bucket_status AS
WITH hours AS (
    SELECT hour_start, CASE min(array_position(['missing', 'short', 'open', 'complete'], state)) WHEN 1
        THEN 'missing' WHEN 2 THEN 'short' WHEN 3 THEN 'open' ELSE 'complete' END AS delivery
    FROM deliveries GROUP BY hour_start
),
buckets AS (
    SELECT bucket_start FROM internal.cells
    UNION
    SELECT hour_start + to_minutes(5 * unnest(range(12))) FROM hours WHERE delivery IN ('missing', 'short')
)
SELECT
    bucket_start,
    coalesce(bucket_start + INTERVAL 5 MINUTE + to_seconds(settle_seconds) <= as_of, false) AS final,
    delivery
FROM buckets LEFT JOIN hours ON hour_start = date_trunc('hour', bucket_start), internal.snapshot;
COMMENT ON VIEW bucket_status IS 'Whether a bucket can still change, and whether all of it was delivered.';
COMMENT ON COLUMN bucket_status.bucket_start IS
    'Start of the 5 minutes, UTC; only buckets with a request, or of an hour that is missing or short, '
    'are listed.';
COMMENT ON COLUMN bucket_status.final IS
    'True once the end of the bucket lay further back than the settle time when the last run started.';
COMMENT ON COLUMN bucket_status.delivery IS
    'The worst that deliveries says of the hour: missing, short, open or complete, for one source or '
    'more. NULL: it says nothing.';

CREATE TABLE internal.file_sequences (
    file_id INTEGER NOT NULL,
    server VARCHAR NOT NULL,
    hour_start TIMESTAMP NOT NULL,
    first_number BIGINT,
    last_number BIGINT,
    numbered BIGINT NOT NULL,
    repeated BIGINT NOT NULL,
    unnumbered BIGINT NOT NULL
);
COMMENT ON TABLE internal.file_sequences IS
    'The numbers that servers gave to their rows, by file and hour, where a source says where they are.';
COMMENT ON COLUMN internal.file_sequences.numbered IS 'Rows with a number.';
COMMENT ON COLUMN internal.file_sequences.repeated IS 'Those of them whose number the file has before.';

CREATE TABLE internal.shared_requests (
    file_id INTEGER NOT NULL,
    other_id INTEGER NOT NULL,
    hour_start TIMESTAMP NOT NULL,
    requests BIGINT NOT NULL
);
COMMENT ON TABLE internal.shared_requests IS
    'Request ids of an hour that two files hold, where a source says where they are; other_id came before.';

CREATE TABLE internal.held_together (
    file_id INTEGER NOT NULL,
    other_id INTEGER NOT NULL
);
COMMENT ON TABLE internal.held_together IS
    'Files every count of which some others in force held together when a run counted it: suspected copies.';

CREATE TABLE internal.unmeasured (
    file_id INTEGER NOT NULL,
    what VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL
);
COMMENT ON TABLE internal.unmeasured IS
    'Files that could not be read a second time for their request ids or row numbers, and the run that '
    'tried.';

CREATE VIEW sequences AS
WITH summed AS (
    SELECT
        source,
        server,
        hour_start,
        count(*) AS files,
        min(first_number) AS first_number,
        max(last_number) AS last_number,
        CAST(sum(numbered + unnumbered) AS BIGINT) AS rows,
        CAST(sum(unnumbered) AS BIGINT) AS unnumbered,
        CAST(sum(repeated) AS BIGINT) AS repeated,
        CAST(sum(numbered - repeated) AS BIGINT) AS different,
        max(file_sequences.last_number) - min(file_sequences.first_number) + 1 AS span
    FROM internal.file_sequences JOIN internal.files USING (file_id)
    WHERE state = 'ingested' GROUP BY source, server, hour_start
)
SELECT
    source,
    server,
    hour_start,
    files,
    rows,
    first_number,
    last_number,
    -- One that counts from the beginning again has two spans, and nobody knows where the first ends.
    CASE WHEN first_number > 1 OR span <= different THEN span END AS expected,
    CASE WHEN expected IS NOT NULL THEN greatest(span - different, 0) END AS lost,
    repeated + greatest(different - span, 0) AS repeated,
    unnumbered
FROM summed;
COMMENT ON VIEW sequences IS
    'What the numbers that servers give to their rows say of each hour: rows that are lost, or there twice; '
    'of sources that say where the numbers are.';
COMMENT ON COLUMN sequences.source IS 'As in deliveries.';
COMMENT ON COLUMN sequences.server IS 'As logged; empty: no column says it.';
COMMENT ON COLUMN sequences.hour_start IS 'Start of the hour, UTC.';
COMMENT ON COLUMN sequences.files IS 'Files in force with rows of it.';
COMMENT ON COLUMN sequences.rows IS 'Their rows, also those that are not counted.';
COMMENT ON COLUMN sequences.first_number IS 'The least number. NULL: no row has one.';
COMMENT ON COLUMN sequences.last_number IS 'The greatest.';
COMMENT ON COLUMN sequences.expected IS
    'last_number - first_number + 1. NULL: the server began anew in this hour, or no row has a number.';
COMMENT ON COLUMN sequences.lost IS
    'Rows that the numbers promise and no file has. One that is lost and another that two files hold hide '
    'each other. NULL: as expected.';
COMMENT ON COLUMN sequences.repeated IS 'Rows whose number another row has.';
COMMENT ON COLUMN sequences.unnumbered IS 'Rows without a whole number there.';

CREATE VIEW shared_requests AS
SELECT files.path, others.path AS other_path, hour_start, requests
FROM internal.shared_requests
JOIN internal.files AS files USING (file_id)
JOIN internal.files AS others ON others.file_id = other_id
WHERE files.state = 'ingested' AND others.state = 'ingested';
COMMENT ON VIEW shared_requests IS
    'Requests that two files in force hold by their ids, so that they count twice; of sources that say where '
    'the ids are.';
COMMENT ON COLUMN shared_requests.path IS 'The file that came later.';
COMMENT ON COLUMN shared_requests.other_path IS 'The other.';
COMMENT ON COLUMN shared_requests.hour_start IS 'Start of the hour, UTC.';
COMMENT ON COLUMN shared_requests.requests IS
    'Ids of the hour that both hold; of three files, each pair has a row.';

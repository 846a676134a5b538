-- name: buckets
-- Which bucket is 00:05:00? Here, and nowhere else. A bucket is [t, t + 5 min) with t a multiple
-- of 300 s since 1970 UTC, found in whole microseconds; NULL outside the years 1 to 9999. The
-- division cuts toward zero, which is the wrong side before 1970. xor hides a column from what its
-- file's statistics say, which DuckDB believes.
CREATE TEMP MACRO bucket_number(moment) AS
    CASE
        WHEN xor(moment, 0) BETWEEN 0 AND 253402300799999999 THEN moment // 300000000
        WHEN xor(moment, 0) BETWEEN -62135596800000000 AND -1 THEN (moment + 1) // 300000000 - 1
    END;
CREATE TEMP MACRO bucket_start(bucket) AS make_timestamp(bucket * 300000000);

-- name: moved
-- Whether something comes, and whether something goes.
SELECT (SELECT count(*) FROM {incoming}) > 0, (SELECT count(*) FROM {withdrawn}) > 0

-- name: gone
-- What this run takes back from files that are no longer in force.
CREATE OR REPLACE TEMP TABLE gone AS
SELECT service_id, bucket_start, status_code, requests
FROM internal.contributions WHERE file_id IN (SELECT file_id FROM {withdrawn});

CREATE OR REPLACE TEMP VIEW altered AS
SELECT service_id, bucket_start FROM {incoming}
UNION ALL
SELECT service_id, bucket_start FROM gone;

-- name: touched
-- The touched buckets, with the first and last of the files that come, and the file that was alone
-- there before.
CREATE OR REPLACE TEMP TABLE touched AS
SELECT bucket_start, first, last, sole.file_id AS former
FROM (SELECT bucket_start, min(file_id) AS first, max(file_id) AS last FROM {incoming} GROUP BY bucket_start)
FULL JOIN (SELECT DISTINCT bucket_start FROM gone) USING (bucket_start)
LEFT JOIN internal.sole_buckets AS sole USING (bucket_start);

-- Their cells, but for those that go with the file that they were of.
CREATE OR REPLACE TEMP TABLE before AS
SELECT * FROM internal.cells
WHERE bucket_start IN (SELECT bucket_start FROM touched WHERE former IS NULL
    OR former NOT IN (FROM {withdrawn}));

-- Where one file alone counts, its contributions are the cells.
CREATE OR REPLACE TEMP TABLE sole AS
SELECT bucket_start, first AS file_id FROM touched
WHERE first = last
    AND bucket_start NOT IN (SELECT bucket_start FROM before)
    AND bucket_start NOT IN (FROM internal.folded_buckets);

-- name: any_shared
SELECT count(*) > (SELECT count(*) FROM sole) FROM touched

-- name: replace
-- Nothing outside the touched buckets is written.
DELETE FROM internal.sole_buckets WHERE bucket_start IN (SELECT bucket_start FROM touched);

INSERT INTO internal.sole_buckets FROM sole;

DELETE FROM internal.cells WHERE bucket_start IN (SELECT bucket_start FROM touched);

-- name: all_sole
CREATE OR REPLACE TEMP VIEW coming AS SELECT * EXCLUDE (file_id) FROM {incoming}

-- name: shared
-- Whose buckets are shared from now on has its own contributions.
CREATE OR REPLACE TEMP VIEW shared AS
SELECT former AS file_id, before.* FROM before JOIN touched USING (bucket_start) WHERE former IS NOT NULL
UNION ALL
FROM {incoming} WHERE bucket_start NOT IN (SELECT bucket_start FROM sole);

CREATE OR REPLACE TEMP VIEW coming AS
SELECT service_id, bucket_start, status_code, requests
FROM {incoming} WHERE bucket_start IN (SELECT bucket_start FROM sole)
UNION ALL
SELECT service_id, bucket_start, status_code, CAST(sum(requests) AS BIGINT) AS total
FROM (
    FROM before
    UNION ALL
    SELECT * EXCLUDE (file_id) FROM {incoming} WHERE bucket_start NOT IN (SELECT bucket_start FROM sole)
    UNION ALL
    SELECT * REPLACE (-requests AS requests) FROM gone
    WHERE bucket_start IN (SELECT bucket_start FROM before)
)
GROUP BY service_id, bucket_start, status_code
HAVING total <> 0

-- name: sizes
-- The buckets that come, and at most how many cells of each.
SELECT bucket_start, count(*)
FROM (
    SELECT bucket_start FROM {incoming}
    UNION ALL
    SELECT bucket_start FROM before
)
GROUP BY bucket_start ORDER BY bucket_start

-- name: coming
SELECT service_id, bucket_start, status_code, requests FROM coming
WHERE bucket_start BETWEEN $first AND $last

-- name: add
INSERT INTO internal.cells FROM ordered

-- name: withdraw
-- Contributions of files that are no longer in force.
DELETE FROM internal.shared_contributions WHERE file_id IN (SELECT file_id FROM {withdrawn});

DELETE FROM internal.folded_days WHERE file_id IN (SELECT file_id FROM {withdrawn});

-- name: applied
DELETE FROM {incoming}

-- name: seen
-- How far the data of each service reaches.
UPDATE internal.services SET
    first_seen = least(first_seen, changed.first_bucket),
    last_seen = greatest(last_seen, changed.last_bucket)
FROM (
    SELECT service_id, min(bucket_start) AS first_bucket, max(bucket_start) AS last_bucket
    FROM {incoming} GROUP BY service_id
) AS changed
WHERE services.service_id = changed.service_id

-- name: taken_back
-- What is taken back may have been an end of it; what was pruned stays one.
UPDATE internal.services SET
    first_seen = CASE WHEN first_seen < kept_from THEN first_seen ELSE first_bucket END,
    last_seen = CASE
        WHEN last_bucket IS NOT NULL THEN last_bucket
        WHEN last_seen < kept_from THEN last_seen
        WHEN first_seen < kept_from THEN kept_from - INTERVAL 5 MINUTE
    END
FROM (
    SELECT service_id, min(cells.bucket_start) AS first_bucket, max(cells.bucket_start) AS last_bucket
    FROM (
        SELECT DISTINCT service_id FROM gone JOIN internal.services USING (service_id)
        WHERE bucket_start IN (first_seen, last_seen)
    ) LEFT JOIN internal.cells USING (service_id)
    GROUP BY service_id
) AS reach, internal.snapshot
WHERE services.service_id = reach.service_id;

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

-- name: changes
-- What this run adds, and what it takes back from files that are no longer in force.
CREATE OR REPLACE TEMP TABLE changes AS
SELECT service_id, bucket_start, status_code, requests
FROM internal.contributions
WHERE file_id IN (SELECT file_id FROM {added})
UNION ALL
SELECT service_id, bucket_start, status_code, -requests
FROM internal.contributions
WHERE file_id IN (SELECT file_id FROM {withdrawn});

-- name: settle
-- The cells of the touched buckets, before and after: nothing outside them is written.
CREATE OR REPLACE TEMP TABLE touched AS
SELECT DISTINCT bucket_start FROM changes;

CREATE OR REPLACE TEMP TABLE before AS
SELECT * FROM internal.cells WHERE bucket_start IN (SELECT bucket_start FROM touched);

DELETE FROM internal.cells WHERE bucket_start IN (SELECT bucket_start FROM touched);

INSERT INTO internal.cells
SELECT service_id, bucket_start, status_code, CAST(sum(requests) AS BIGINT) AS total
FROM (FROM before UNION ALL FROM changes)
GROUP BY service_id, bucket_start, status_code
HAVING total <> 0
ORDER BY bucket_start, service_id, status_code;

-- name: withdraw
-- Contributions of files that are no longer in force.
DELETE FROM internal.contributions WHERE file_id IN (SELECT file_id FROM {withdrawn});

DELETE FROM internal.folded_days WHERE file_id IN (SELECT file_id FROM {withdrawn});

-- name: seen
-- How far the data of each service reaches.
UPDATE internal.services SET
    first_seen = least(first_seen, changed.first_bucket),
    last_seen = greatest(last_seen, changed.last_bucket)
FROM (
    SELECT service_id, min(bucket_start) AS first_bucket, max(bucket_start) AS last_bucket
    FROM changes WHERE requests > 0 GROUP BY service_id
) AS changed
WHERE services.service_id = changed.service_id;

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
        SELECT DISTINCT service_id FROM changes JOIN internal.services USING (service_id)
        WHERE requests < 0 AND bucket_start IN (first_seen, last_seen)
    ) LEFT JOIN internal.cells USING (service_id)
    GROUP BY service_id
) AS reach, internal.snapshot
WHERE services.service_id = reach.service_id;

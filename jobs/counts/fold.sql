-- name: closing
-- Files in force whose replacement window has closed.
CREATE OR REPLACE TEMP TABLE closing AS
SELECT file_id FROM internal.files
WHERE state = 'ingested' AND NOT folded AND rows_counted > 0 AND ingested_at <= $before

-- name: fold
INSERT INTO internal.folded_buckets
SELECT bucket_start FROM internal.contributions WHERE file_id IN (FROM closing)
EXCEPT
SELECT bucket_start FROM internal.folded_buckets;

INSERT INTO internal.folded_days
SELECT file_id, CAST(bucket_start AS DATE), CAST(sum(requests) AS BIGINT)
FROM internal.contributions WHERE file_id IN (FROM closing) GROUP BY ALL;

DELETE FROM internal.shared_contributions WHERE file_id IN (FROM closing);

DELETE FROM internal.sole_buckets WHERE file_id IN (FROM closing);

UPDATE internal.files SET folded = true WHERE file_id IN (FROM closing);

-- name: differing
-- Files that do not give what was counted of them.
SELECT path FROM internal.files LEFT JOIN {recounted} USING (path)
WHERE state = 'ingested' AND NOT displaced AND path IN (SELECT unnest($paths))
GROUP BY path, rows_counted HAVING coalesce(sum(requests), 0) <> rows_counted
ORDER BY path

-- name: unfold
INSERT INTO internal.shared_contributions
SELECT file_id, service_id, bucket_start, status_code, requests
FROM {recounted}
JOIN internal.files USING (path)
JOIN internal.services USING (service_name)
WHERE state = 'ingested' AND folded AND NOT displaced;

DELETE FROM internal.folded_days WHERE file_id IN (
    SELECT file_id FROM internal.files WHERE state = 'ingested' AND NOT displaced
        AND path IN (SELECT path FROM {recounted})
);

UPDATE internal.files SET folded = false
WHERE state = 'ingested' AND NOT displaced AND path IN (SELECT path FROM {recounted});

-- name: inseparable
-- Folded files of which some can be taken back, if no bucket holds counts of others as well, which
-- stay. Files whose buckets overlap belong together, and so do their neighbours.
WITH spans AS (
    SELECT
        file_id,
        file_id IN (SELECT unnest($staying)) AS stays,
        bucket_number(epoch_us(first_request)) AS first_bucket,
        bucket_number(epoch_us(last_request)) AS last_bucket
    FROM internal.files
    WHERE state = 'ingested' AND file_id IN (SELECT unnest($leaving || $staying))
),
starts AS (
    SELECT *, coalesce(first_bucket > max(last_bucket) OVER earlier, true) AS is_start
    FROM spans
    WINDOW earlier AS (ORDER BY first_bucket, file_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
islands AS (
    SELECT *, count(*) FILTER (is_start) OVER (ORDER BY first_bucket, file_id) AS island FROM starts
)
SELECT file_id FROM islands
WHERE NOT stays AND island IN (SELECT island FROM islands WHERE stays)
ORDER BY file_id

-- name: attribute
-- What the buckets of folded files hold beyond all known contributions is theirs together; one of
-- them stands for all, since they are taken back together.
INSERT INTO internal.shared_contributions
WITH leaving AS (
    SELECT
        file_id,
        bucket_start(bucket_number(epoch_us(first_request))) AS first_bucket,
        bucket_start(bucket_number(epoch_us(last_request))) AS last_bucket
    FROM internal.files
    WHERE state = 'ingested' AND file_id IN (SELECT unnest($file_ids))
),
held AS (
    SELECT service_id, bucket_start, status_code, requests FROM internal.cells
    UNION ALL
    SELECT service_id, bucket_start, status_code, -requests FROM internal.contributions
)
SELECT (SELECT min(file_id) FROM leaving), service_id, bucket_start, status_code,
    CAST(sum(requests) AS BIGINT) AS rest
FROM held
WHERE EXISTS (FROM leaving WHERE bucket_start BETWEEN first_bucket AND last_bucket)
GROUP BY ALL HAVING rest <> 0

-- name: tidy
-- Buckets whose counts are all accounted for again.
DELETE FROM internal.folded_buckets WHERE bucket_start NOT IN (
    SELECT bucket_start
    FROM (
        SELECT bucket_start, requests FROM internal.cells
        UNION ALL
        SELECT bucket_start, -requests FROM internal.contributions
    )
    GROUP BY bucket_start HAVING sum(requests) <> 0
)

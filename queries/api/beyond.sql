-- name: missing
-- Hours of which a source brought nothing, though it was to be expected.
SELECT DISTINCT hour_start FROM deliveries
WHERE state = 'missing' AND hour_start >= date_trunc('hour', CAST($start AS TIMESTAMP))
    AND hour_start < CAST($end AS TIMESTAMP)

-- name: http_codes
-- The buckets of each service, with their codes or classes and the requests of each.
WITH parts AS (
    -- Every 5 minutes of the range, and the bucket that they belong to.
    SELECT part_start, CAST(date_trunc($interval, part_start) AS TIMESTAMP) AS bucket_start
    FROM (
        SELECT unnest(range(CAST($start AS TIMESTAMP), CAST($end AS TIMESTAMP),
            INTERVAL 5 MINUTE)) AS part_start
    )
),
buckets AS (
    -- What bucket_status calls final: the last 5 minutes of a bucket are final last.
    SELECT bucket_start
    FROM parts, internal.snapshot
    GROUP BY bucket_start
    HAVING NOT $final_only
        OR coalesce(bool_and(part_start + INTERVAL 5 MINUTE + to_seconds(settle_seconds) <= as_of), false)
),
counted AS (
    SELECT
        service_id,
        bucket_start,
        CASE
            WHEN $classes THEN status_code // 100 || 'xx'
            ELSE lpad(CAST(status_code AS VARCHAR), 3, '0')
        END AS code,
        CAST(sum(requests) AS BIGINT) AS requests
    FROM (SELECT service_id, bucket_start AS part_start, status_code, requests FROM internal.cells)
    JOIN parts USING (part_start)
    JOIN buckets USING (bucket_start)
    WHERE service_id IN (SELECT unnest($services))
        AND part_start >= CAST($start AS TIMESTAMP) AND part_start < CAST($end AS TIMESTAMP)
    GROUP BY ALL
),
zeros AS (
    -- Services without data have buckets, too, and no code in them. What is missing is no zero.
    SELECT service_id, bucket_start, code, 0 AS requests
    FROM (SELECT unnest($services) AS service_id) AS asked
    LEFT JOIN (SELECT DISTINCT service_id, code FROM counted) USING (service_id), buckets
    WHERE $fill AND bucket_start NOT IN (
        SELECT bucket_start FROM parts
        WHERE date_trunc('hour', part_start) IN (SELECT unnest(CAST($missing AS TIMESTAMP[])))
    )
),
filled AS (
    SELECT service_id, bucket_start, code, max(requests) AS requests
    FROM (FROM counted UNION ALL FROM zeros)
    GROUP BY ALL
)
SELECT
    service_id,
    strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'),
    coalesce(map_from_entries(list((code, requests) ORDER BY code) FILTER (code IS NOT NULL)), MAP {})
FROM filled
GROUP BY service_id, bucket_start
ORDER BY service_id, bucket_start

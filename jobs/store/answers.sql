-- name: outdated
-- The hours of services that changed. What they were goes.
CREATE OR REPLACE TEMP TABLE outdated AS
SELECT DISTINCT service_id, date_trunc('hour', bucket_start) AS hour_start FROM {changed};

DELETE FROM internal.answers USING outdated
WHERE answers.service_id = outdated.service_id AND answers.hour_start = outdated.hour_start;

-- name: days
SELECT DISTINCT CAST(hour_start AS DATE) AS day FROM outdated ORDER BY day

-- name: make
-- The hours of one day that changed, from their cells. Codes have three digits and timestamps one
-- form, so text sorts as what it says; sorted lists take half the time of ordered string_agg.
INSERT INTO internal.answers
WITH buckets AS (
    SELECT
        service_id,
        bucket_start,
        array_to_string(list_sort(list(lpad(CAST(status_code AS VARCHAR), 3, '0') || '":' || requests)), ',"') AS codes
    FROM internal.cells
    SEMI JOIN outdated ON outdated.service_id = cells.service_id
        AND outdated.hour_start = date_trunc('hour', cells.bucket_start)
    WHERE bucket_start >= CAST($day AS DATE) AND bucket_start < CAST($day AS DATE) + INTERVAL 1 DAY
    GROUP BY ALL
)
SELECT
    service_id,
    date_trunc('hour', bucket_start) AS hour_start,
    array_to_string(
        list_sort(list(strftime(bucket_start, '{"timestamp":"%Y-%m-%dT%H:%M:%SZ","httpCodeValues":{"') || codes || '}}')),
        ','
    )
FROM buckets
GROUP BY ALL
ORDER BY service_id, hour_start

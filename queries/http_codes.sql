-- name: services
-- Which of the services asked for are known.
SELECT service_name, service_id
FROM internal.services
WHERE service_name IN (SELECT unnest($names))

-- name: http_codes
-- The documented httpCodes of each service that has data in the range, as JSON text.
WITH codes AS (
    -- One JSON object for each bucket. A bucket that holds the start began less than five
    -- minutes before it; the end is exclusive.
    SELECT
        service_id,
        bucket_start,
        string_agg('"' || lpad(CAST(status_code AS VARCHAR), 3, '0') || '":' || requests, ',' ORDER BY status_code) AS json
    FROM internal.cells
    WHERE service_id IN (SELECT unnest($services))
        AND bucket_start > CAST($start AS TIMESTAMP) - INTERVAL 5 MINUTE
        AND bucket_start < CAST($end AS TIMESTAMP)
    GROUP BY ALL
)
SELECT
    service_id,
    string_agg(
        strftime(bucket_start, '{"timestamp":"%Y-%m-%dT%H:%M:%SZ","httpCodeValues":{') || json || '}}',
        ',' ORDER BY bucket_start
    )
FROM codes
GROUP BY ALL

-- name: snapshot
-- The snapshot's name, and every service that is known.
SELECT current_database(), coalesce(list(service_name ORDER BY service_name), []) FROM services

-- name: days
-- The UTC days with data, a digest of each day's cells, and whether the day can still change.
-- The hash is hashed once more: DuckDB combines the hashes of several columns by XOR, so that
-- in a XOR over cells, counts that two cells exchange would cancel out.
SELECT
    CAST(CAST(bucket_start AS DATE) AS VARCHAR) AS day,
    format('{:016x}', bit_xor(hash(hash(service_name, bucket_start, status_code, requests)))) AS digest,
    coalesce(CAST(day AS DATE) + 1 + to_seconds(any_value(settle_seconds)) <= any_value(as_of), false) AS final
FROM rollup_5m, internal.snapshot
WHERE bucket_start >= $first AND bucket_start < CAST($last AS DATE) + 1
    AND service_name IN (SELECT unnest($services))
GROUP BY day
ORDER BY day

-- name: documents
-- The element of the documented answer, as JSON text, of each service with data on a UTC day.
WITH buckets AS (
    SELECT
        service_name,
        bucket_start,
        string_agg('"' || lpad(CAST(status_code AS VARCHAR), 3, '0') || '":' || requests, ',' ORDER BY status_code) AS codes
    FROM rollup_5m
    WHERE bucket_start >= CAST($day AS DATE) AND bucket_start < CAST($day AS DATE) + 1
        AND service_name IN (SELECT unnest($services))
    GROUP BY ALL
)
SELECT
    service_name,
    '{"serviceName":' || to_json(service_name) || ',"httpCodes":['
    || string_agg(
        strftime(bucket_start, '{"timestamp":"%Y-%m-%dT%H:%M:%SZ","httpCodeValues":{') || codes || '}}',
        ',' ORDER BY bucket_start
    )
    || ']}'
FROM buckets
GROUP BY service_name
ORDER BY service_name

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
SELECT
    service_name,
    '{"serviceName":' || to_json(service_name) || ',"httpCodes":[' || string_agg(json, ',' ORDER BY hour_start) || ']}'
FROM internal.answers JOIN internal.services USING (service_id)
WHERE hour_start >= CAST($day AS DATE) AND hour_start < CAST($day AS DATE) + 1
    AND service_name IN (SELECT unnest($services))
GROUP BY service_name
ORDER BY service_name

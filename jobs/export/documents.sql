-- name: snapshot
-- The snapshot's name, and every service that is known.
SELECT current_database(), coalesce(list(service_name ORDER BY service_name), []) FROM services

-- name: days
-- The UTC days with data, a digest of each as day_digests has it, of the services asked for, and
-- whether the day can still change.
SELECT
    CAST(day AS VARCHAR),
    sha256(string_agg(concat(digest, '  ', service_name, chr(10)), '' ORDER BY service_name)) AS digest,
    coalesce(day + 1 + to_seconds(any_value(settle_seconds)) <= any_value(as_of), false) AS final
FROM service_digests, internal.snapshot
WHERE day BETWEEN $first AND $last AND service_name IN (SELECT unnest($services))
GROUP BY day
ORDER BY day

-- name: documents
-- The element of the documented answer, as JSON text, of each service with data on a UTC day.
SELECT
    service_name,
    '{"serviceName":' || to_json(service_name) || ',"httpCodes":['
        || string_agg(json, ',' ORDER BY hour_start) || ']}'
FROM internal.answers JOIN internal.services USING (service_id)
WHERE hour_start >= CAST($day AS DATE) AND hour_start < CAST($day AS DATE) + 1
    AND service_name IN (SELECT unnest($services))
GROUP BY service_name
ORDER BY service_name

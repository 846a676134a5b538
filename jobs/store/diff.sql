-- name: days
-- Services' days whose counts differ, cell by cell, told by a digest of each day; the digest of a
-- day without requests is NULL.
WITH cells AS (
    SELECT false AS is_new, * FROM old.rollup_5m
    UNION ALL
    SELECT true AS is_new, * FROM new.rollup_5m
),
-- Hashed twice: DuckDB joins the hashes of columns in a way in which two cells that exchange their
-- counts would cancel out.
days AS (
    SELECT
        service_name,
        CAST(bucket_start AS DATE) AS day,
        sum(requests) FILTER (NOT is_new) AS old_requests,
        sum(requests) FILTER (is_new) AS new_requests,
        bit_xor(hash(hash(bucket_start, status_code, requests))) FILTER (NOT is_new) AS old_digest,
        bit_xor(hash(hash(bucket_start, status_code, requests))) FILTER (is_new) AS new_digest
    FROM cells GROUP BY ALL
)
SELECT
    service_name,
    day,
    CAST(coalesce(old_requests, 0) AS BIGINT),
    CAST(coalesce(new_requests, 0) AS BIGINT)
FROM days
WHERE old_digest IS DISTINCT FROM new_digest
ORDER BY day, service_name

-- name: services
-- Services that only one of the two knows.
SELECT service_name, new_services.service_name IS NOT NULL AS is_new
FROM old.services AS old_services FULL JOIN new.services AS new_services USING (service_name)
WHERE old_services.service_name IS NULL OR new_services.service_name IS NULL
ORDER BY service_name

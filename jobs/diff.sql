-- name: days
-- Services' days whose counts differ, cell by cell, told by a digest of each day; the digest of a
-- day without requests is NULL.
WITH old_days AS (
    SELECT
        service_name,
        CAST(bucket_start AS DATE) AS day,
        CAST(sum(requests) AS BIGINT) AS requests,
        bit_xor(hash(bucket_start, status_code, requests)) AS digest
    FROM old.rollup_5m GROUP BY ALL
),
new_days AS (
    SELECT
        service_name,
        CAST(bucket_start AS DATE) AS day,
        CAST(sum(requests) AS BIGINT) AS requests,
        bit_xor(hash(bucket_start, status_code, requests)) AS digest
    FROM new.rollup_5m GROUP BY ALL
)
SELECT service_name, day, coalesce(old_days.requests, 0), coalesce(new_days.requests, 0)
FROM old_days FULL JOIN new_days USING (service_name, day)
WHERE old_days.digest IS DISTINCT FROM new_days.digest
ORDER BY day, service_name

-- name: services
-- Services that only one of the two knows.
SELECT service_name, new_services.service_name IS NOT NULL AS is_new
FROM old.services AS old_services FULL JOIN new.services AS new_services USING (service_name)
WHERE old_services.service_name IS NULL OR new_services.service_name IS NULL
ORDER BY service_name

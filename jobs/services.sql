-- name: add
-- Names that are new become services; the others are registered from now on.
INSERT INTO internal.services
SELECT
    (SELECT coalesce(max(service_id), 0) FROM internal.services)
        + CAST(row_number() OVER (ORDER BY service_name) AS INTEGER),
    service_name, NULL, NULL, false
FROM (SELECT unnest($names) AS service_name)
ANTI JOIN internal.services USING (service_name)

-- name: register
INSERT INTO internal.registry
SELECT service_name, $now, NULL, $run_id, NULL FROM internal.services
WHERE NOT registered AND service_name IN (SELECT unnest($names))

-- name: unregister
UPDATE internal.registry SET until = $now, until_run = $run_id
WHERE until IS NULL AND service_name IN (SELECT unnest($names))

-- name: mark_registered
UPDATE internal.services SET registered = service_name IN (SELECT service_name FROM internal.registry
    WHERE until IS NULL)

-- name: registered
SELECT service_name FROM internal.services
WHERE registered AND service_name IN (SELECT unnest($names))

-- name: list
SELECT
    service_name,
    registered,
    CASE WHEN first_seen IS NOT NULL
        THEN least(first_seen, TIMESTAMP '9999-12-31 23:55:00') END AS first_seen,
    CASE WHEN last_seen IS NOT NULL THEN least(last_seen, TIMESTAMP '9999-12-31 23:55:00') END AS last_seen,
    CAST(coalesce(sum(requests), 0) AS BIGINT) AS requests
FROM internal.services LEFT JOIN internal.cells USING (service_id)
GROUP BY ALL
ORDER BY service_name

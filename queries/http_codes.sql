-- name: services
-- Which of the services asked for are known.
SELECT service_name, service_id
FROM internal.services
WHERE service_name IN (SELECT unnest($names))

-- name: http_codes
-- The hours of these services that the range touches, as the run that counted them wrote them.
SELECT service_id, hour_start, json
FROM internal.answers
WHERE service_id IN (SELECT unnest($services))
    AND hour_start >= date_trunc('hour', CAST($start AS TIMESTAMP))
    AND hour_start < CAST($end AS TIMESTAMP)
ORDER BY service_id, hour_start

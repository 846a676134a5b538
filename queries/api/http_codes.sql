-- name: services
-- Which of the services asked for are known.
SELECT service_name, service_id
FROM internal.services
WHERE service_name IN (SELECT unnest($names))

-- name: http_codes
-- Each of these services that is known, with the hours that the range touches as the run that
-- counted them wrote them; or once, with NULLs. Not in order: sorting them here takes as long as
-- reading them. The JSON is all ASCII.
SELECT service_name, hour_start, encode(json)
FROM internal.services
LEFT JOIN internal.answers ON answers.service_id = services.service_id
    AND hour_start >= date_trunc('hour', CAST($start AS TIMESTAMP))
    AND hour_start < CAST($end AS TIMESTAMP)
WHERE service_name IN (SELECT unnest($names))

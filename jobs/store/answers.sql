-- name: outdated
-- The hours of services that changed. What they were goes.
CREATE OR REPLACE TEMP TABLE outdated AS
SELECT DISTINCT service_id, date_trunc('hour', bucket_start) AS hour_start FROM {changed};

DELETE FROM internal.answers USING outdated
WHERE answers.service_id = outdated.service_id AND answers.hour_start = outdated.hour_start;

DELETE FROM internal.service_days
    WHERE (day, service_id) IN (SELECT (CAST(hour_start AS DATE), service_id) FROM outdated);

-- name: days
SELECT DISTINCT CAST(hour_start AS DATE) AS day FROM outdated ORDER BY day

-- name: heads
-- What comes before the counts of each bucket of a day.
SELECT strftime(bucket_start, '{"timestamp":"%Y-%m-%dT%H:%M:%SZ","httpCodeValues":{') AS head
FROM range(CAST($day AS TIMESTAMP), CAST($day AS TIMESTAMP) + INTERVAL 1 DAY,
    INTERVAL 5 MINUTE) AS day(bucket_start)
ORDER BY bucket_start

-- name: sizes
-- The services with hours of the day that changed, and how many cells they have in them.
SELECT service_id, count(bucket_start) AS cells
FROM (SELECT * FROM outdated WHERE hour_start >= CAST($day AS DATE)
    AND hour_start < CAST($day AS DATE) + INTERVAL 1 DAY)
LEFT JOIN (
    SELECT service_id, bucket_start, date_trunc('hour', bucket_start) AS hour_start FROM internal.cells
    WHERE bucket_start >= CAST($day AS DATE) AND bucket_start < CAST($day AS DATE) + INTERVAL 1 DAY
) USING (service_id, hour_start)
GROUP BY service_id
ORDER BY service_id

-- name: cells
-- These cells of some of the services, by the number of their bucket in the day.
SELECT
    service_id,
    CAST((epoch_us(bucket_start) - epoch_us(CAST($day AS TIMESTAMP))) // 300000000 AS INTEGER) AS bucket,
    CAST(status_code AS INTEGER) AS status_code,
    requests
FROM internal.cells
SEMI JOIN outdated ON outdated.service_id = cells.service_id
    AND outdated.hour_start = date_trunc('hour', cells.bucket_start)
WHERE bucket_start >= CAST($day AS DATE) AND bucket_start < CAST($day AS DATE) + INTERVAL 1 DAY
    AND cells.service_id BETWEEN $first AND $last

-- name: keep
INSERT INTO internal.answers
SELECT service_id, CAST($day AS TIMESTAMP) + to_hours(hour), json FROM made

-- name: all
-- Every service and day that has answers.
CREATE OR REPLACE TEMP TABLE outdated AS SELECT service_id, hour_start FROM internal.answers

-- name: there
-- All answers that some of the services that changed have on the day, but for those that are outdated.
SELECT service_id, CAST(hour(hour_start) AS INTEGER) AS hour, json FROM internal.answers
WHERE hour_start >= CAST($day AS DATE) AND hour_start < CAST($day AS DATE) + INTERVAL 1 DAY
    AND service_id BETWEEN $first AND $last
    AND service_id IN (
        SELECT service_id FROM outdated
        WHERE hour_start >= CAST($day AS DATE) AND hour_start < CAST($day AS DATE) + INTERVAL 1 DAY
    )

-- name: names
-- What comes before the answers of a service in its element of the document.
SELECT service_id, concat('{"serviceName":', to_json(service_name), ',"httpCodes":[') AS head
FROM internal.services WHERE service_id BETWEEN $first AND $last
ORDER BY service_id

-- name: digest
INSERT INTO internal.service_days SELECT CAST($day AS DATE), service_id, digest FROM made

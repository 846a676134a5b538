-- name: count
-- Rows into groups as they are logged: what a service or status text means is asked once a
-- group, not once a row.
WITH logged AS (
    SELECT
        {file_index} AS file_index,
        {service} AS service,
        {moment} AS moment,
        CASE WHEN {moment} IS NULL THEN {moment_missing} END AS moment_missing,
        {status} AS status
    FROM {scan}
    WHERE {client_requests}
), grouped AS (
    SELECT
        file_index,
        service,
        coalesce(bucket_number(moment), CASE WHEN moment_missing THEN timeless() ELSE unreadable() END) AS bucket,
        status,
        count(*) AS rows,
        min(moment) AS first_moment,
        max(moment) AS last_moment
    FROM logged
    GROUP BY ALL
)
SELECT
    CAST(file_index AS INTEGER) AS file,
    CAST(service AS VARCHAR) AS service,
    bucket,
    {status_code} AS status_code,
    missing(status) AS status_missing,
    rows,
    first_moment,
    last_moment
FROM grouped

-- name: passed_over
-- Rows that are no requests of clients; with the others they are all rows of their files.
SELECT CAST({file_index} AS INTEGER) AS file, {reason} AS reason, count(*) AS rows
FROM {scan}
WHERE NOT ({client_requests})
GROUP BY ALL

-- name: count
-- Rows into groups as they are logged: what a service or status text means is asked once a
-- group, not once a row.
CREATE OR REPLACE TEMP TABLE counted AS
WITH logged AS (
    SELECT
        {file_index} AS file_index,
        {service} AS service,
        {moment} AS moment,
        CASE WHEN {moment} IS NULL THEN {moment_missing} END AS moment_missing,
        {status} AS status
    FROM {scan}
    WHERE {client_requests}
)
SELECT
    CAST(file_index AS INTEGER) AS file_index,
    service,
    coalesce(bucket_number(moment), CASE WHEN moment_missing THEN timeless() ELSE unreadable() END) AS bucket,
    status,
    count(*) AS rows,
    min(moment) AS first_moment,
    max(moment) AS last_moment
FROM logged
GROUP BY ALL

-- name: passed_over
-- Rows that are no requests of clients; with the others they are all rows of their files.
CREATE OR REPLACE TEMP TABLE passed_over AS
SELECT CAST({file_index} AS INTEGER) AS file_index, {reason} AS reason, count(*) AS rows
FROM {scan}
WHERE NOT ({client_requests})
GROUP BY ALL

-- name: none_passed_over
CREATE OR REPLACE TEMP TABLE passed_over (file_index INTEGER, reason VARCHAR, rows BIGINT)

-- name: promised
-- How many rows the footers say.
CREATE OR REPLACE TEMP TABLE promised AS
SELECT CAST(list_position($paths, file_name) - 1 AS INTEGER) AS file_index, num_rows AS rows
FROM parquet_file_metadata($files)

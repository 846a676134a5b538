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
        coalesce(bucket_number(moment), CASE WHEN moment_missing THEN timeless()
            ELSE unreadable() END) AS bucket,
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

-- name: count_lines
-- The same of lines of text: a line may be no row, or be broken, and all of a file is read once.
WITH logged AS (
    SELECT
        -- A scan gives the name once for many rows: here, and not behind the groups, it is cheap.
        CAST({file_index} AS INTEGER) AS file,
        coalesce("{aside}", {reason}) AS reason,
        "{broken}" AS broken,
        {service} AS service,
        {moment} AS moment,
        CASE WHEN {moment} IS NULL THEN {moment_missing} END AS moment_missing,
        {status} AS status
    FROM {scan}
), grouped AS (
    SELECT
        file,
        reason,
        CASE WHEN reason IS NULL AND NOT broken THEN service END AS service,
        CASE
            WHEN reason IS NOT NULL THEN NULL
            WHEN broken THEN broken()
            ELSE coalesce(bucket_number(moment), CASE WHEN moment_missing THEN timeless()
                ELSE unreadable() END)
        END AS bucket,
        CASE WHEN reason IS NULL AND NOT broken THEN status END AS status,
        count(*) AS rows,
        min(moment) AS first_moment,
        max(moment) AS last_moment
    FROM logged
    GROUP BY ALL
)
SELECT
    file,
    reason,
    CAST(service AS VARCHAR) AS service,
    bucket,
    {status_code} AS status_code,
    missing(status) AS status_missing,
    CAST(rows AS BIGINT) AS rows,
    first_moment,
    last_moment
FROM grouped

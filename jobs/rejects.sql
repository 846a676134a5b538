-- name: readings
CREATE OR REPLACE TEMP TABLE readings AS FROM internal.readings;

-- Snapshots before schema version 4 have none.
ALTER TABLE readings ADD COLUMN IF NOT EXISTS scan VARCHAR

-- name: files
-- Files in force with rows that could not be counted: at a path, below it, or all. Nothing is wrong
-- with rows that are only too old.
SELECT path, CAST(sum(rows) AS BIGINT), selection, condition, scan, registered_only, ingested_at,
    first_request, last_request
FROM internal.files
JOIN readings USING (reading_id)
JOIN internal.rejects USING (file_id)
WHERE state = 'ingested' AND rejects.reason <> 'older than what is kept'
    AND ($path IS NULL OR path = $path OR starts_with(path, $path || '/'))
GROUP BY ALL
ORDER BY path

-- name: rows
-- Rows as they stand in the file, beside what could not be read of them.
WITH registered AS (
    SELECT service_name FROM internal.registry
    WHERE since < $ingested_at AND coalesce(until > $ingested_at, true)
),
countable AS (
    FROM registered
    UNION
    SELECT logged FROM internal.service_aliases JOIN registered USING (service_name)
)
SELECT
    to_json("httpcodes line"),
    CASE WHEN no_line THEN ['line']
    ELSE list_filter(['timestamp', 'service', 'status'], lambda what,
        number: [no_time, no_service, no_status][number]) END
FROM (
    SELECT
        "httpcodes line",
        no_line,
        NOT coalesce(requested_at BETWEEN $first AND $last, false) AS no_time,
        service_name IS NULL
            OR service_name IN (SELECT logged FROM internal.service_aliases WHERE service_name IS NULL)
            OR ($registered_only AND service_name NOT IN (FROM countable)) AS no_service,
        status_code IS NULL AS no_status
    FROM (SELECT "httpcodes line", {broken} AS no_line, {selection} FROM {rows} AS "httpcodes line"
        WHERE {condition})
)
WHERE no_line OR no_time OR no_service OR no_status
LIMIT $most

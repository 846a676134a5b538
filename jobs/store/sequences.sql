-- name: numbered
-- The files that this run counted whose rows have numbers, by how they are read.
SELECT sequence, server, moment, scan, list(file_id ORDER BY file_id), list(path ORDER BY file_id)
FROM internal.files JOIN internal.readings USING (reading_id)
WHERE run_id = $run_id AND state = 'ingested' AND NOT displaced AND sequence IS NOT NULL
GROUP BY moment, scan, sequence, server ORDER BY ALL

-- name: note
-- Rows that are no requests of clients have numbers, too.
INSERT INTO internal.file_sequences
SELECT
    $file_ids[place],
    server,
    hour_start,
    min(number),
    max(number),
    count(number),
    count(number) - count(DISTINCT number),
    count(*) - count(number)
FROM ({rows}) WHERE hour_start IS NOT NULL GROUP BY place, server, hour_start

-- name: losses
-- Hours in a row of which enough is lost or repeated to be told.
WITH wanting AS (
    SELECT
        *,
        hour_start - to_hours(CAST(row_number() OVER (PARTITION BY source, server
            ORDER BY hour_start) AS INTEGER)) AS island
    FROM sequences, internal.snapshot
    WHERE coalesce(lost, 0) + repeated > $least * greatest(coalesce(expected, 0), rows)
        AND hour_start >= as_of - to_days(CAST($days AS INTEGER))
)
SELECT
    coalesce(source, ''),
    server,
    min(hour_start) AS start,
    max(hour_start) + INTERVAL 1 HOUR,
    CAST(coalesce(sum(expected), 0) AS BIGINT),
    CAST(coalesce(sum(lost), 0) AS BIGINT),
    CAST(sum(repeated) AS BIGINT)
FROM wanting GROUP BY source, server, island ORDER BY ALL

-- name: skipped
-- Of series of which something came lately; a series is what stands before the number.
WITH named AS (
    SELECT
        rtrim(regexp_extract(path, $series, 1), '-_.') AS series,
        try_cast(regexp_extract(path, $serial, 1) AS BIGINT) AS serial,
        ingested_at
    FROM internal.files WHERE source = $source AND regexp_matches(path, $serial)
),
lately AS (
    SELECT series, min(serial) AS first, max(serial) AS last, list(DISTINCT serial) AS known
    FROM named, internal.snapshot WHERE serial IS NOT NULL
    GROUP BY series HAVING max(ingested_at) >= any_value(as_of) - to_days(CAST($days AS INTEGER))
        AND last - first < 100000
),
skipped AS (
    SELECT series, unnest(range(first, last)) AS serial, known FROM lately
)
SELECT series, list(serial ORDER BY serial) FROM skipped
WHERE NOT list_contains(known, serial) GROUP BY series ORDER BY series

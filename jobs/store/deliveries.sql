-- name: sources
-- The sources of this run; one that is named twice is one.
CREATE OR REPLACE TEMP TABLE asked AS
SELECT
    unnest($sources) AS source,
    CAST(unnest($every) AS INTEGER) AS every_seconds,
    CAST(unnest($least) AS DOUBLE) AS least_share,
    CAST(unnest($grace) AS BIGINT) AS grace_seconds,
    CAST($now AS TIMESTAMP) AS asked_at

-- name: note
INSERT INTO internal.sources
SELECT source, any_value(every_seconds), any_value(least_share), any_value(grace_seconds), min(asked_at),
    min(asked_at)
FROM asked WHERE source NOT IN (SELECT source FROM internal.sources) GROUP BY source;

UPDATE internal.sources SET
    every_seconds = asked.every_seconds,
    least_share = asked.least_share,
    grace_seconds = asked.grace_seconds,
    asked_at = asked.asked_at
FROM asked WHERE sources.source = asked.source;

-- name: files
-- The first source that a path lies in is its own. One that is asked no more gives its files away.
UPDATE internal.files SET source = owned.source
FROM (
    SELECT path, first(places.source ORDER BY number) AS source
    FROM (
        SELECT DISTINCT path FROM internal.files
        WHERE source IS NULL OR source NOT IN (SELECT source FROM asked)
    )
    JOIN (SELECT unnest($numbers) AS number, unnest($sources) AS source, unnest($places) AS place) AS places
        ON path = place OR starts_with(path, rtrim(place, '/') || '/') OR path GLOB place OR path GLOB place
            || '/*'
    GROUP BY path
) AS owned
WHERE files.path = owned.path AND (files.source IS NULL OR files.source NOT IN (SELECT source FROM asked))

-- name: possible
-- Whether there can be gaps: none where nothing is asked of any source and fewer rows were counted than make
-- two hours usual. Planning the view takes longer than all else in a small store.
SELECT coalesce((SELECT bool_or(every_seconds > 0) FROM internal.sources), false)
    OR coalesce((SELECT sum(rows_counted) >= 100 FROM internal.file_hours), false)

-- name: gaps
-- Hours in a row that are missing or short.
WITH lacking AS (
    SELECT
        *,
        hour_start - to_hours(CAST(row_number() OVER (PARTITION BY source
            ORDER BY hour_start) AS INTEGER)) AS island
    FROM deliveries, internal.snapshot
    WHERE state IN ('missing', 'short') AND hour_start >= as_of - to_days(CAST($days AS INTEGER))
)
SELECT
    source,
    min(hour_start) AS start,
    max(hour_start) + INTERVAL 1 HOUR,
    count(*) FILTER (state = 'missing'),
    count(*) FILTER (state = 'short'),
    CAST(sum(rows_counted) AS BIGINT),
    -- What is usual of few rows says nothing.
    CASE WHEN bool_and(coalesce(expected_rows >= 50, false)) THEN CAST(sum(expected_rows) AS BIGINT) END
FROM lacking GROUP BY source, island ORDER BY source, start

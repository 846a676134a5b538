-- name: absent
CREATE OR REPLACE TEMP TABLE absent AS SELECT CAST(unnest($paths) AS VARCHAR) AS path

-- name: parts
-- The parts that access_log should have. A path in quarantine, or refused, holds something else by
-- now than what was counted. Rows without a time are few; only files that have some are asked for
-- them.
CREATE OR REPLACE TEMP TABLE parts AS
WITH files AS (
    SELECT
        reading_id,
        selection,
        condition,
        CAST(first_request AS DATE) AS day,
        path,
        first_request,
        last_request,
        file_id IN (SELECT file_id FROM internal.rejects WHERE starts_with(reason, 'timestamp')) AS has_untimed
    FROM internal.files JOIN internal.readings USING (reading_id)
    WHERE state = 'ingested'
        AND path NOT IN (SELECT path FROM internal.files WHERE state IN ('quarantined', 'refused'))
        AND path NOT IN (FROM absent)
        -- Only who has credentials could open an object.
        AND NOT contains(path, '://')
),
parts AS (
    SELECT
        concat_ws('_', 'access_log', coalesce(strftime(day, '%Y%m%d'), 'undated'), reading_id) AS name,
        any_value(selection) AS selection,
        any_value(condition) AS condition,
        coalesce(list(path ORDER BY path) FILTER (day IS NOT NULL), []) AS timed,
        coalesce(list(path ORDER BY path) FILTER (has_untimed), []) AS untimed,
        min(first_request) AS first_request,
        max(last_request) AS last_request
    FROM files
    GROUP BY reading_id, day
    HAVING timed <> [] OR untimed <> []
)
SELECT *, md5(concat_ws('|', selection, condition, timed, untimed, first_request, last_request)) AS digest FROM parts

-- name: outdated
SELECT name, selection, condition, timed, untimed, first_request, last_request
FROM parts ANTI JOIN internal.access_log_parts USING (name, digest)
ORDER BY name

-- name: timed
SELECT * FROM ({rows}) WHERE requested_at BETWEEN TIMESTAMP '{first}' AND TIMESTAMP '{last}'

-- name: untimed
SELECT * FROM ({rows}) WHERE requested_at IS NULL

-- name: names
SELECT name FROM internal.access_log_parts ORDER BY name

-- name: in_force
SELECT path, size, epoch_us(modified_at)
FROM internal.files
WHERE state = 'ingested' AND NOT contains(path, '://')

-- name: kept
-- Parts that are as they should be.
SELECT name FROM parts SEMI JOIN internal.access_log_parts USING (name, digest) ORDER BY name

-- name: forget
DROP TABLE parts;

DROP TABLE absent

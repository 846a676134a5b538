-- name: known
CREATE OR REPLACE TEMP TABLE copies AS SELECT file_id, path AS copy FROM internal.raw_copies;

CREATE OR REPLACE TEMP TABLE readings AS FROM internal.readings;

-- Snapshots before schema version 4 have none.
ALTER TABLE readings ADD COLUMN IF NOT EXISTS scan VARCHAR

-- name: known_before_version_3
CREATE OR REPLACE TEMP TABLE copies (file_id INTEGER, copy VARCHAR);

CREATE OR REPLACE TEMP TABLE readings AS
SELECT
    *,
    regexp_extract(selection, '^(.*?) AS requested_at, ', 1) AS moment,
    CAST(NULL AS VARCHAR) AS bare_timestamp,
    CAST(NULL AS VARCHAR) AS bare_service,
    CAST(NULL AS VARCHAR) AS scan
FROM internal.readings

-- name: look
-- Where the files in force are read: their copies, or they themselves. A path in quarantine, or
-- refused, holds something else by now than what was counted; so does that of a file that is
-- displaced, which snapshots before schema version 4 say of none. Only who has credentials could
-- open an object.
CREATE OR REPLACE TEMP TABLE logged AS
SELECT
    file_id,
    coalesce(copy, path) AS path,
    copy IS NOT NULL AS is_copy,
    -- STORE/raw, before the run's own folder.
    split_part(copy, '/' || run_id || '/', 1) AS copies,
    size,
    version,
    modified_at,
    reading_id,
    first_request,
    last_request
FROM (FROM internal.files UNION ALL BY NAME SELECT false AS displaced WHERE false) AS files
LEFT JOIN copies USING (file_id)
WHERE state = 'ingested'
    AND (
        is_copy
        OR displaced IS NOT TRUE
        AND path NOT IN (SELECT path FROM internal.files WHERE state IN ('quarantined', 'refused'))
        AND NOT contains(path, '://')
    )

-- name: logged
SELECT path, size, epoch_us(modified_at) FROM logged

-- name: absent
CREATE OR REPLACE TEMP TABLE absent AS SELECT CAST(unnest($paths) AS VARCHAR) AS path

-- name: partitions
-- The partitions that access_log should have, their groups, and what it is the union of. Rows without a
-- time, or with
-- one that nobody believed, are few; only files that have some are asked for them.
CREATE OR REPLACE TEMP TABLE partitions AS
WITH files AS (
    SELECT
        *,
        CAST(first_request AS DATE) AS day,
        file_id IN (SELECT file_id FROM internal.rejects
            WHERE starts_with(reason, 'timestamp')) AS has_untimed
    FROM logged
    WHERE path NOT IN (FROM absent)
),
partitions AS (
    SELECT
        concat_ws('_', 'access_log', coalesce(strftime(day, '%Y%m%d'), 'undated'), reading_id) AS name,
        reading_id,
        coalesce(list(path ORDER BY path) FILTER (day IS NOT NULL), []) AS timed,
        coalesce(list(path ORDER BY path) FILTER (has_untimed), []) AS untimed,
        min(first_request) AS first_request,
        max(last_request) AS last_request,
        any_value(copies) AS copies
    FROM files
    GROUP BY reading_id, day
    HAVING timed <> [] OR untimed <> []
)
SELECT
    partitions.*,
    moment,
    coalesce(bare_timestamp, moment) AS timed_moment,
    scan,
    md5(concat_ws('|', moment, timed_moment, timed, untimed, first_request, last_request, copies,
        scan)) AS digest
FROM partitions JOIN readings USING (reading_id);

CREATE OR REPLACE TEMP TABLE groups AS
WITH groups AS (
    SELECT concat_ws('_', 'access_log', reading_id) AS name, reading_id,
        list(partitions.name ORDER BY partitions.name) AS partitions
    FROM partitions
    GROUP BY reading_id
)
SELECT
    groups.*, condition, bare_service,
    -- Its partitions say the moment already.
    regexp_replace(selection, '^.*? AS requested_at, ', '') AS selection,
    md5(concat_ws('|', selection, condition, bare_service, partitions)) AS digest
FROM groups JOIN readings USING (reading_id);

CREATE OR REPLACE TEMP TABLE whole AS
SELECT 'access_log' AS name, md5(coalesce(string_agg(name, '|' ORDER BY name), '')) AS digest FROM groups

-- name: every
SELECT name, moment, timed_moment, timed, untimed, first_request, last_request, copies, scan
FROM partitions ORDER BY name

-- name: outdated
SELECT name, moment, timed_moment, timed, untimed, first_request, last_request, copies, scan
FROM partitions ANTI JOIN internal.access_log_parts USING (name, digest)
ORDER BY name

-- name: groups
SELECT
    name, selection, condition, bare_service, partitions,
    (name, digest) NOT IN (SELECT (name, digest) FROM internal.access_log_parts)
FROM groups ORDER BY name

-- name: timed
-- The moment is said once: planning it takes longer than all the rest.
FROM (SELECT *, {timed_moment} AS "httpcodes moment" FROM {scan})
WHERE "httpcodes moment" BETWEEN TIMESTAMP '{first}' AND TIMESTAMP '{last}'

-- name: untimed
-- Rows without a time, or with one that nobody believed.
FROM (SELECT *, {moment} AS "httpcodes moment" FROM {scan})
WHERE coalesce("httpcodes moment" NOT BETWEEN TIMESTAMP '{first}' AND TIMESTAMP '{last}', true)

-- name: undated
-- The same, of files that have no other rows.
SELECT *, {moment} AS "httpcodes moment" FROM {scan}

-- name: group
-- Columns that stand for themselves let questions about a time or a service reach the files, which
-- pass over what can't hold an answer.
SELECT
    "httpcodes moment" AS requested_at, {service} AS service_name, status_code, method, path,
    bytes_sent, duration_ms, client_ip, user_agent, referer, cache_status, source_file
FROM (
    SELECT {selection}, "httpcodes moment", {bare_service} AS "httpcodes service"
    FROM ({partitions})
    WHERE {condition}
)

-- name: forget
DROP TABLE IF EXISTS whole;

DROP TABLE IF EXISTS groups;

DROP TABLE IF EXISTS partitions;

DROP TABLE IF EXISTS absent;

DROP TABLE logged;

DROP TABLE copies;

DROP TABLE readings

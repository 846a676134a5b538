-- name: refused
-- The times of files that were refused for want of a proof, and may be still, or lie in others now.
CREATE OR REPLACE TEMP TABLE refused AS
SELECT first_request, last_request FROM internal.files WHERE state = 'refused' AND first_request IS NOT NULL

-- name: fresh
-- The files that this run counts, and the cells that they count for.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT file_id, path, fingerprint, named_service, first_request, last_request, rows_counted
FROM internal.files JOIN {added} USING (file_id) WHERE rows_counted > 0

-- name: earlier
-- Files that were counted before, of times that new ones reach: those that this run replaces are
-- going, those whose content lies nowhere any more are gone, the others stay.
CREATE OR REPLACE TEMP TABLE earlier AS
SELECT
    file_id,
    path,
    displaced,
    folded,
    CASE
        WHEN file_id IN (FROM {withdrawn}) THEN 'going'
        WHEN (fingerprint, named_service) IN (FROM {present}) THEN 'staying'
        ELSE 'gone'
    END AS role
FROM internal.files AS files
SEMI JOIN fresh ON fresh.first_request <= coalesce(files.last_request, fresh.first_request)
    AND fresh.last_request >= coalesce(files.first_request, fresh.last_request)
WHERE (state = 'ingested' AND file_id NOT IN (FROM {added})) OR file_id IN (FROM {withdrawn})

-- name: gone
SELECT file_id, path, displaced FROM earlier WHERE role = 'gone'

-- name: stay
UPDATE earlier SET role = 'staying' WHERE file_id IN (SELECT unnest($file_ids))

-- name: fresh_cells
CREATE OR REPLACE TEMP TABLE fresh_cells AS
SELECT service_id, bucket_start, status_code, sum(requests) AS held
FROM {incoming} WHERE file_id IN (SELECT file_id FROM fresh) GROUP BY ALL

-- name: meeting
-- Only files that count for the same cells, or for none, may hold the same rows; of those that stay,
-- only what lies in the new ones as a whole.
DELETE FROM earlier
WHERE NOT folded AND file_id IN (SELECT file_id FROM internal.files WHERE rows_counted > 0)
    AND file_id NOT IN (
    SELECT file_id
    FROM internal.contributions LEFT JOIN fresh_cells USING (service_id, bucket_start, status_code)
    WHERE file_id IN (SELECT file_id FROM earlier)
    GROUP BY file_id
    HAVING CASE
        WHEN file_id IN (SELECT file_id FROM earlier WHERE role = 'staying')
            THEN bool_and(coalesce(requests <= held, false))
        ELSE count(held) > 0
    END
)

-- name: files
SELECT
    file_id,
    path,
    role,
    EXISTS (FROM refused WHERE refused.first_request <= files.last_request
        AND refused.last_request >= files.first_request),
    epoch_us(first_request) // 1000000,
    epoch_us(last_request) // 1000000
FROM internal.files AS files JOIN (
    SELECT file_id, 'new' AS role FROM fresh UNION ALL SELECT file_id, role FROM earlier WHERE NOT folded
) USING (file_id)
ORDER BY file_id

-- name: lines
-- What they hold: cells, and rows rejected or passed over by reason. What earlier programs passed
-- over nobody counted.
CREATE OR REPLACE TEMP TABLE lines AS
WITH parties AS (
    SELECT file_id FROM fresh UNION ALL SELECT file_id FROM earlier WHERE NOT folded
),
held AS (
    SELECT file_id, service_id, bucket_start, status_code, NULL AS reason, requests
    FROM (FROM internal.contributions UNION ALL FROM {incoming})
    WHERE file_id IN (FROM parties)
    UNION ALL
    SELECT file_id, NULL, NULL, NULL, reason, rows FROM internal.rejects WHERE file_id IN (FROM parties)
    UNION ALL
    SELECT file_id, NULL, NULL, NULL, concat('passed over: ', reason), rows FROM internal.passed_over
    WHERE file_id IN (FROM parties)
        AND NOT EXISTS (FROM internal.files WHERE rows_passed_over IS NULL AND file_id IN (FROM parties))
)
SELECT
    *,
    dense_rank() OVER (ORDER BY service_id, bucket_start, status_code, reason) - 1 AS cell,
    dense_rank() OVER (ORDER BY service_id, status_code) AS kind
FROM held

-- name: held
SELECT
    file_id, cell, kind, reason IS NULL AS counts, requests,
    coalesce(bucket_number(epoch_us(bucket_start)), 0) AS bucket
FROM lines

-- name: name_cell
SELECT concat_ws(' ', service_name, strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'), printf('%03d', status_code))
FROM (SELECT DISTINCT service_id, bucket_start, status_code FROM lines WHERE cell = $cell)
JOIN internal.services USING (service_id)

-- name: merge
-- They have another name now: their counts go, as many come with the new files. Copies, too.
INSERT INTO {withdrawn}
SELECT file_id FROM chosen EXCEPT FROM {withdrawn}

-- name: mark_merged
UPDATE internal.files SET
    state = 'merged',
    displaced = false,
    reason = $reason,
    merged_into = (SELECT list(identity(fingerprint, named_service) ORDER BY file_id) FROM fresh
        WHERE file_id IN (SELECT unnest($into)))
WHERE file_id IN (FROM chosen)
    OR state = 'duplicate' AND (fingerprint, named_service) IN (
        SELECT (fingerprint, named_service) FROM internal.files WHERE file_id IN (FROM chosen)
    )

-- name: chosen_paths
-- Those that were not taken back before.
SELECT file_id, path FROM fresh JOIN {added} USING (file_id) WHERE file_id IN (FROM chosen)

-- name: choose
CREATE OR REPLACE TEMP TABLE chosen AS SELECT unnest($file_ids) AS file_id

-- name: folded_away
-- New files at least half of which may be what folded files held that are gone: all that is known of
-- those is what the cells hold beyond all contributions.
WITH beyond AS (
    SELECT service_id, bucket_start, status_code, sum(requests) AS requests
    FROM (
        SELECT * FROM internal.cells
        UNION ALL
        SELECT service_id, bucket_start, status_code, -requests FROM internal.contributions
    )
    WHERE bucket_start IN (FROM internal.folded_buckets)
        AND bucket_start IN (SELECT bucket_start FROM fresh_cells)
    GROUP BY ALL
),
alike AS (
    SELECT file_id, sum(least(own.requests, beyond.requests)) AS requests
    FROM {incoming} AS own JOIN beyond USING (service_id, bucket_start, status_code)
    WHERE file_id IN (SELECT file_id FROM fresh) GROUP BY file_id
)
SELECT fresh.file_id, count(*), min(files.path), min(files.first_request), max(files.last_request)
FROM fresh
JOIN alike USING (file_id)
JOIN internal.files AS files
    ON fresh.first_request <= files.last_request AND fresh.last_request >= files.first_request
WHERE 2 * alike.requests >= fresh.rows_counted
    AND files.file_id IN (SELECT file_id FROM earlier WHERE role = 'gone' AND folded)
GROUP BY fresh.file_id

-- name: corrected
-- New files of times that what their paths held reaches, which lies in another file by now.
SELECT fresh.file_id, min(files.file_id)
FROM fresh JOIN internal.files AS files USING (path)
WHERE files.state = 'merged' AND fresh.first_request <= files.last_request
    AND fresh.last_request >= files.first_request
GROUP BY fresh.file_id

-- name: rows
SELECT rows_read, rows_counted, rows_rejected, rows_passed_over FROM internal.files WHERE file_id = $file_id

-- name: rejected
SELECT reason, rows FROM internal.rejects WHERE file_id = $file_id

-- name: passed_over
SELECT reason, rows FROM internal.passed_over WHERE file_id = $file_id

-- name: copies
SELECT files.path
FROM internal.files AS files JOIN fresh USING (fingerprint, named_service)
WHERE files.state = 'duplicate' AND fresh.file_id = $file_id
ORDER BY files.path

-- name: refuse
-- As if they had not been read; what their paths held before counts as it did.
DELETE FROM {added} WHERE file_id IN (FROM chosen);

DELETE FROM {incoming} WHERE file_id IN (FROM chosen);

DELETE FROM internal.rejects WHERE file_id IN (FROM chosen);

DELETE FROM internal.passed_over WHERE file_id IN (FROM chosen);

CREATE OR REPLACE TEMP TABLE restored AS
SELECT file_id FROM internal.files JOIN {withdrawn} USING (file_id)
WHERE state = 'replaced' AND path IN (SELECT path FROM fresh WHERE file_id IN (FROM chosen));

UPDATE internal.files SET state = 'ingested', reason = NULL WHERE file_id IN (FROM restored);

DELETE FROM {withdrawn} WHERE file_id IN (FROM restored);

-- name: mark_refused
UPDATE internal.files SET
    state = 'refused',
    reason = $reason,
    rows_read = 0,
    rows_counted = 0,
    rows_rejected = 0,
    rows_passed_over = 0,
    format = NULL,
    reading_id = NULL
WHERE file_id IN (FROM chosen)
    OR state = 'duplicate' AND (fingerprint, named_service) IN (
        SELECT (fingerprint, named_service) FROM internal.files WHERE file_id IN (FROM chosen)
    )

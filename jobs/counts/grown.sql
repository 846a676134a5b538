-- name: texts
-- Text that counts, and whether it lies anywhere still.
CREATE OR REPLACE TEMP TABLE texts AS
SELECT
    file_id,
    path,
    fingerprint,
    named_service,
    size,
    folded,
    first_request,
    rows_counted,
    file_id IN (FROM {added}) AS is_new,
    (fingerprint, named_service) IN (FROM {present}) AS is_there
FROM internal.files JOIN internal.readings USING (reading_id)
WHERE state = 'ingested' AND rows_counted > 0 AND contains(scan, $broken)

-- name: pairs
-- A shorter one and a longer one that may begin with it: either came with this run, and the longer
-- one can be read. A log begins with the first of its requests, whatever comes behind.
SELECT
    short.file_id,
    short.path,
    short.fingerprint,
    short.size,
    short.is_new,
    short.is_there,
    short.folded,
    short.rows_counted,
    long.file_id,
    long.path,
    long.is_new
FROM texts AS short JOIN texts AS long
    ON short.file_id <> long.file_id AND short.named_service = long.named_service
    AND short.first_request = long.first_request AND short.rows_counted <= long.rows_counted
WHERE (short.is_new OR long.is_new) AND (long.is_new OR long.is_there)
ORDER BY long.path, short.path

-- name: taken_back
-- Those of these files that this run counted and took back again.
SELECT file_id FROM (SELECT unnest($file_ids) AS file_id) WHERE file_id NOT IN (FROM {added})

-- name: undo
UPDATE internal.files SET state = 'ingested', reason = NULL WHERE file_id IN (SELECT unnest($file_ids))

-- name: stays
DELETE FROM {withdrawn} WHERE file_id IN (SELECT unnest($file_ids))

-- name: any_text
SELECT count(*) > 0 FROM internal.files JOIN {added} USING (file_id) JOIN internal.readings USING (reading_id)
WHERE contains(scan, $broken)

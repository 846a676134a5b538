-- name: identified
-- The files of the hours that this run brought something of, by how they are read.
WITH known AS (
    SELECT file_id, path, size, modified_at, version, files.run_id, moment, condition, scan, request_id
    FROM internal.files JOIN internal.readings USING (reading_id)
    WHERE state = 'ingested' AND NOT displaced AND request_id IS NOT NULL
),
brought AS (
    SELECT DISTINCT hour_start FROM internal.file_hours JOIN known USING (file_id) WHERE run_id = $run_id
)
SELECT
    (request_id, condition, moment, scan) AS way,
    file_id,
    path,
    size,
    epoch_us(modified_at),
    EXISTS (
        FROM {listed} AS listed
        WHERE listed.path = known.path AND listed.size = known.size AND listed.version = known.version
    ) AS seen
FROM known
WHERE file_id IN (SELECT file_id FROM internal.file_hours SEMI JOIN brought USING (hour_start))
ORDER BY way, file_id

-- name: begin
CREATE OR REPLACE TEMP TABLE ids (file_id INTEGER, hour_start TIMESTAMP, id UHUGEINT)

-- name: ids
-- Of 128 bits, so that memory does not hang on how long ids are.
INSERT INTO ids
SELECT DISTINCT $file_ids[place], hour_start, md5_number(id)
FROM ({rows})
WHERE id IS NOT NULL AND hour_start IN (
    SELECT hour_start FROM internal.file_hours JOIN internal.files USING (file_id) WHERE run_id = $run_id
)

-- name: note
DELETE FROM internal.shared_requests
WHERE (file_id, hour_start) IN (SELECT DISTINCT file_id, hour_start FROM ids)
    AND (other_id, hour_start) IN (SELECT DISTINCT file_id, hour_start FROM ids);

INSERT INTO internal.shared_requests
WITH shared AS (
    SELECT hour_start, id FROM ids GROUP BY hour_start, id HAVING count(*) > 1
),
-- Of one run, the later is the one whose name says so.
ranked AS (
    SELECT hour_start, id, file_id, place
    FROM ids SEMI JOIN shared USING (hour_start, id)
    JOIN (SELECT file_id, row_number() OVER (ORDER BY run_id, path) AS place FROM internal.files)
        USING (file_id)
)
SELECT ranked.file_id, others.file_id, hour_start, count(*)
FROM ranked JOIN ranked AS others USING (hour_start, id)
WHERE others.place < ranked.place GROUP BY ALL;

DROP TABLE ids;

-- name: overlaps
SELECT
    files.path,
    others.path,
    min(hour_start),
    count(*),
    CAST(sum(requests) AS BIGINT) AS requests
FROM internal.shared_requests
JOIN internal.files AS files USING (file_id)
JOIN internal.files AS others ON others.file_id = other_id
WHERE files.state = 'ingested' AND others.state = 'ingested'
    AND ($run_id IS NULL OR $run_id IN (files.run_id, others.run_id))
GROUP BY files.path, others.path ORDER BY requests DESC, files.path, others.path

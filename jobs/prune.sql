-- name: straddling
-- The first day of files that were folded under schema version 1, so that nothing tells what they
-- counted on which side of the horizon.
SELECT CAST(date_trunc('day', min(first_request)) AS TIMESTAMP)
FROM internal.files ANTI JOIN internal.folded_days USING (file_id)
WHERE state = 'ingested' AND folded AND first_request < $before AND last_request >= $before

-- name: past_files
-- Content whose rows all lie before the horizon: if it came back, none of them would count. Without
-- any time in it, it never counted; unless it was taken back unread, nothing need be remembered.
SELECT list(file_id), list(path)
FROM internal.files
GROUP BY coalesce(fingerprint, CAST(file_id AS VARCHAR)), named_service
HAVING max(ingested_at) < $before AND coalesce(max(last_request) < $before, bool_and(state <> 'forgotten'))

-- name: figures
SELECT
    count(*),
    CAST(coalesce(sum(requests), 0) AS BIGINT),
    (
        SELECT count(*) FROM internal.contributions
        WHERE file_id IN (FROM {closing}) OR coalesce(bucket_start < $before, false)
    )
FROM internal.cells WHERE bucket_start < $before

-- name: expired
-- What each file in force had counted before the horizon.
CREATE OR REPLACE TEMP TABLE expired AS
SELECT file_id, CAST(sum(requests) AS BIGINT) AS requests
FROM (
    SELECT file_id, requests FROM internal.contributions WHERE bucket_start < $before
    UNION ALL
    SELECT file_id, requests FROM internal.folded_days WHERE day < $before
    UNION ALL
    SELECT file_id, rows_counted FROM internal.files ANTI JOIN internal.folded_days USING (file_id)
    WHERE state = 'ingested' AND folded AND last_request < $before
)
GROUP BY file_id

-- name: horizon
UPDATE internal.snapshot SET kept_from = $before

-- name: expire
-- The counts go, and the ledger says what became of the rows: as if they had come too late.
DELETE FROM internal.cells WHERE bucket_start < (SELECT kept_from FROM internal.snapshot);

DELETE FROM internal.answers WHERE hour_start < (SELECT kept_from FROM internal.snapshot);

DELETE FROM internal.file_hours WHERE hour_start < (SELECT kept_from FROM internal.snapshot);

DELETE FROM internal.file_sequences WHERE hour_start < (SELECT kept_from FROM internal.snapshot);

DELETE FROM internal.shared_requests WHERE hour_start < (SELECT kept_from FROM internal.snapshot);

DELETE FROM internal.service_days WHERE day < (SELECT kept_from FROM internal.snapshot);

DELETE FROM internal.shared_contributions WHERE bucket_start < (SELECT kept_from FROM internal.snapshot);

DELETE FROM internal.sole_buckets WHERE bucket_start < (SELECT kept_from FROM internal.snapshot);

DELETE FROM internal.folded_buckets WHERE bucket_start < (SELECT kept_from FROM internal.snapshot);

DELETE FROM internal.folded_days WHERE day < (SELECT kept_from FROM internal.snapshot);

UPDATE internal.files SET rows_counted = rows_counted - requests, rows_rejected = rows_rejected + requests
FROM expired WHERE files.file_id = expired.file_id;

-- Nothing of them is left to be taken back.
UPDATE internal.files SET folded = false WHERE state = 'ingested' AND folded AND rows_counted = 0;

UPDATE expired SET requests = requests + rows
FROM internal.rejects WHERE rejects.file_id = expired.file_id AND reason = 'older than what is kept';

DELETE FROM internal.rejects WHERE reason = 'older than what is kept'
    AND file_id IN (SELECT file_id FROM expired);

INSERT INTO internal.rejects SELECT file_id, 'older than what is kept', requests FROM expired;

-- name: forget
DELETE FROM internal.files WHERE file_id IN (SELECT unnest($files))

-- name: forget_rejects
DELETE FROM internal.file_hours WHERE file_id NOT IN (SELECT file_id FROM internal.files);

DELETE FROM internal.file_sequences WHERE file_id NOT IN (SELECT file_id FROM internal.files);

DELETE FROM internal.shared_requests WHERE file_id NOT IN (SELECT file_id FROM internal.files)
    OR other_id NOT IN (SELECT file_id FROM internal.files);

DELETE FROM internal.held_together WHERE file_id NOT IN (SELECT file_id FROM internal.files)
    OR other_id NOT IN (SELECT file_id FROM internal.files);

DELETE FROM internal.unmeasured WHERE file_id NOT IN (SELECT file_id FROM internal.files);

DELETE FROM internal.rejects WHERE file_id NOT IN (SELECT file_id FROM internal.files);

DELETE FROM internal.passed_over WHERE file_id NOT IN (SELECT file_id FROM internal.files)

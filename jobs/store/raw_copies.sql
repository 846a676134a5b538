-- name: wanted
-- Files in force whose copies are kept.
SELECT file_id, path, run_id, fingerprint, size, epoch_us(modified_at)
FROM internal.files
WHERE state = 'ingested' AND ingested_at > $since

-- name: expired
-- How many copies are kept no longer.
SELECT count(*)
FROM internal.raw_copies ANTI JOIN (
    FROM internal.files WHERE state = 'ingested' AND ingested_at > $since
) USING (file_id)

-- name: note
DELETE FROM internal.raw_copies;

INSERT INTO internal.raw_copies SELECT unnest($file_ids), unnest($paths)

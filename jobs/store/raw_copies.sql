-- name: wanted
-- Files in force whose copies are kept.
SELECT file_id, files.path, run_id, fingerprint, size, epoch_us(modified_at), raw_copies.path
FROM internal.files LEFT JOIN internal.raw_copies USING (file_id)
WHERE state = 'ingested' AND ingested_at > $since AND (NOT displaced OR raw_copies.path IS NOT NULL)
ORDER BY raw_copies.path NULLS LAST

-- name: expired
-- How many copies are kept no longer.
SELECT count(*)
FROM internal.raw_copies ANTI JOIN (
    FROM internal.files WHERE state = 'ingested' AND ingested_at > $since
) USING (file_id)

-- name: note
DELETE FROM internal.raw_copies;

INSERT INTO internal.raw_copies SELECT unnest($file_ids), unnest($paths)

-- name: measured
DELETE FROM internal.unmeasured
WHERE what = $what AND file_id IN (SELECT unnest($file_ids))

-- name: unmeasured
INSERT INTO internal.unmeasured SELECT unnest($file_ids), $what, $run_id

-- name: told
SELECT what, count(*), min(path)
FROM internal.unmeasured AS left_out JOIN internal.files USING (file_id)
WHERE state = 'ingested' AND coalesce(left_out.run_id = $run_id, true)
GROUP BY what ORDER BY what

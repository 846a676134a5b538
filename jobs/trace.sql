-- name: service
SELECT service_id FROM internal.services WHERE service_name = $service

-- name: published
SELECT status_code, requests FROM internal.cells
WHERE service_id = $service_id AND bucket_start = $bucket AND ($code IS NULL OR status_code = $code)
ORDER BY status_code

-- name: contributed
-- What files in force added, of which that is kept apart.
SELECT path, files.run_id, ingested_at, status_code, requests
FROM internal.contributions JOIN internal.files AS files USING (file_id)
WHERE service_id = $service_id AND bucket_start = $bucket AND ($code IS NULL OR status_code = $code)
ORDER BY ingested_at, files.run_id, path, status_code

-- name: folded
-- Folded files that reach the bucket's hour; of those that earlier programs folded, only the span is known.
SELECT path, fingerprint, displaced, run_id, ingested_at
FROM internal.files AS files
WHERE state = 'ingested' AND folded
    AND first_request < CAST($bucket AS TIMESTAMP) + INTERVAL 5 MINUTE AND last_request >= $bucket
    AND (
        file_id NOT IN (SELECT file_id FROM internal.file_hours)
        OR file_id IN (SELECT file_id FROM internal.file_hours
            WHERE hour_start = date_trunc('hour', CAST($bucket AS TIMESTAMP)))
    )
ORDER BY path

-- name: recounted
SELECT path, status_code, CAST(sum(requests) AS BIGINT) FROM {recounted}
WHERE service_name = $service AND bucket_start = $bucket AND ($code IS NULL OR status_code = $code)
GROUP BY ALL ORDER BY ALL

-- name: rejected
-- What was rejected of these files; of which time, nobody knows.
SELECT path, reason, rows FROM rejected_rows WHERE path IN (SELECT unnest($paths)) ORDER BY ALL

-- name: earlier
-- Contents that reached the bucket's hour and count no more, and files that wait for somebody.
SELECT path, state, reason, run_id
FROM internal.files AS files
WHERE state NOT IN ('ingested', 'duplicate')
    AND first_request < CAST($bucket AS TIMESTAMP) + INTERVAL 5 MINUTE AND last_request >= $bucket
    AND (
        file_id NOT IN (SELECT file_id FROM internal.file_hours)
        OR file_id IN (SELECT file_id FROM internal.file_hours
            WHERE hour_start = date_trunc('hour', CAST($bucket AS TIMESTAMP)))
    )
ORDER BY file_id

-- name: before
-- The same count in an earlier snapshot, of any schema version.
SELECT coalesce(CAST(sum(requests) AS BIGINT), 0) FROM {side}.rollup_5m
WHERE service_name = $service AND bucket_start = $bucket AND ($code IS NULL OR status_code = $code)

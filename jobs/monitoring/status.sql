-- name: snapshot
-- Which snapshot this is, and up to when its buckets can't change any more.
SELECT
    current_database(),
    time_bucket(INTERVAL 5 MINUTE, as_of - to_seconds(settle_seconds)),
    schema_version
FROM internal.snapshot

-- name: published
-- The run that is asked for if it published; else the newest that did more than take back.
SELECT * EXCLUDE (started_at, files_forgotten) FROM runs
WHERE files_forgotten = 0
ORDER BY run_id IS NOT DISTINCT FROM $run_id DESC, run_id DESC
LIMIT 1

-- name: services
-- The furthest behind first; a bucket is heard of up to its end.
SELECT service_name, CASE WHEN last_seen IS NOT NULL
    THEN least(last_seen + INTERVAL 5 MINUTE, TIMESTAMP '9999-12-31 23:59:59') END AS watermark
FROM services
ORDER BY watermark NULLS FIRST, service_name

-- name: unusable
SELECT path, state, reason FROM source_files
WHERE state IN ('quarantined', 'refused')
ORDER BY path

-- name: rejected
SELECT reason, CAST(sum(rows) AS BIGINT) FROM rejected_rows GROUP BY reason ORDER BY reason

-- name: passed_over
SELECT reason, CAST(sum(rows) AS BIGINT) FROM passed_over_rows GROUP BY reason ORDER BY reason

-- name: watermark
-- The latest request of the files in force that a source delivered, be they there still or not. A
-- moment of the future, which earlier programs believed, is none.
SELECT max(last_request)
FROM source_files
WHERE state = 'ingested' AND last_request < ingested_at + INTERVAL 1 DAY + INTERVAL 5 MINUTE AND EXISTS (
    FROM (SELECT unnest($places) AS place)
    WHERE path = place OR starts_with(path, rtrim(place, '/') || '/')
        OR path GLOB place OR path GLOB place || '/*'
)

-- name: backlog
-- Listed files that nothing is known of as they stand: the next run reads them. By the
-- modification time too, as the ledger trusts no stamp of a file that was counted when it had
-- only just been written.
SELECT count(*), coalesce(CAST(sum(listed.size) AS BIGINT), 0)
FROM (
    SELECT unnest($paths) AS path, unnest($sizes) AS size, unnest($versions) AS version,
        unnest($modified_us) AS modified_us
) AS listed
WHERE NOT EXISTS (
    FROM internal.files AS known
    WHERE known.path = listed.path
        AND known.size = listed.size
        AND (known.version = listed.version OR known.modified_at = make_timestamp(listed.modified_us))
        AND known.state <> 'replaced'
)

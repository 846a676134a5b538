-- name: readings
-- How these files were read, as SELECT lists.
SELECT selection, condition, list(path ORDER BY path), scan
FROM internal.files JOIN internal.readings USING (reading_id)
WHERE state = 'ingested' AND NOT displaced AND path IN (SELECT unnest($paths))
GROUP BY reading_id, selection, condition, scan
ORDER BY reading_id

-- name: counted
-- What the rows of files give when they are counted one by one, by services as logged.
SELECT
    source_file AS path,
    service_name AS service,
    bucket_number(epoch_us(requested_at)) AS bucket,
    status_code,
    count(*) AS requests
FROM ({rows}) AS rows
WHERE requested_at IS NOT NULL AND service_name IS NOT NULL AND status_code IS NOT NULL
GROUP BY ALL

-- name: nothing
SELECT
    '' AS path, '' AS service, 0::BIGINT AS bucket, 0::SMALLINT AS status_code, 0::BIGINT AS requests
WHERE false

-- name: recounted
CREATE OR REPLACE TEMP TABLE recounted AS
SELECT
    path,
    -- Aliases of nothing are what no service could be made of.
    CASE WHEN aliases.logged IS NULL THEN counted.service ELSE aliases.service_name END AS service_name,
    bucket_start(bucket) AS bucket_start,
    status_code,
    CAST(sum(requests) AS BIGINT) AS requests
FROM ({counted}) AS counted LEFT JOIN internal.service_aliases AS aliases ON aliases.logged = counted.service
WHERE aliases.logged IS NULL OR aliases.service_name IS NOT NULL
GROUP BY ALL;

-- Rows of buckets that were pruned since.
DELETE FROM recounted WHERE bucket_start < (SELECT kept_from FROM internal.snapshot);

-- Rows of moments that nobody believed, or that no calendar holds: from the question above, a file's
-- statistics may hide them.
DELETE FROM recounted WHERE bucket_start IS NULL;

DELETE FROM recounted USING internal.files
WHERE files.path = recounted.path AND files.state = 'ingested'
    AND (bucket_start < plausible_from OR bucket_start >= plausible_until);

-- Rows of services that were not registered when the file was counted.
DELETE FROM recounted USING internal.files
WHERE files.path = recounted.path AND files.state = 'ingested' AND NOT files.displaced
    AND files.registered_only
    AND NOT EXISTS (
        FROM internal.registry
        WHERE registry.service_name = recounted.service_name
            -- Walls of clocks stand in for runs that nobody knows any more.
            AND coalesce(since_run < files.run_id, since < files.ingested_at)
            AND coalesce(until_run > files.run_id, until > files.ingested_at, true)
    )

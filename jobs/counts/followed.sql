-- name: uncounted
-- Files of a table for which nothing counts at their paths.
SELECT path FROM (SELECT unnest($paths) AS path)
WHERE path NOT IN (
    SELECT path FROM internal.files
    WHERE state IN ('ingested', 'duplicate', 'merged', 'forgotten') AND NOT displaced
)
ORDER BY path LIMIT 1

-- name: copies
-- Files of a table that hold what another of its files holds, which counts.
SELECT copies.path, counted.path
FROM internal.files AS copies JOIN internal.files AS counted USING (fingerprint, named_service)
WHERE copies.state = 'duplicate' AND counted.state = 'ingested'
    AND copies.path IN (SELECT unnest($paths)) AND counted.path IN (SELECT unnest($paths))
ORDER BY copies.path

-- name: compared
-- How many requests some files hold more, and how many fewer, than others held: cell by cell.
WITH differences AS (
    SELECT
        sum(CASE WHEN file_id IN (SELECT unnest($new)) THEN requests ELSE -requests END) AS more
    FROM (FROM internal.contributions UNION ALL FROM {incoming})
    WHERE file_id IN (SELECT unnest($old)) OR file_id IN (SELECT unnest($new))
    GROUP BY service_id, bucket_start, status_code
)
SELECT
    CAST(coalesce(sum(more) FILTER (more > 0), 0) AS BIGINT),
    CAST(coalesce(-sum(more) FILTER (more < 0), 0) AS BIGINT)
FROM differences

-- name: keep
UPDATE internal.files SET displaced = true WHERE file_id IN (SELECT unnest($file_ids))

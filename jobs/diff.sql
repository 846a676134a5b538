-- name: sides
-- What two sides hold: their services, and a digest of what each has on each day.
CREATE TEMP TABLE sides (is_new BOOLEAN, service_name VARCHAR, day DATE, digest VARCHAR);
CREATE TEMP TABLE known (is_new BOOLEAN, service_name VARCHAR);
CREATE TEMP TABLE cells (
    is_new BOOLEAN, service_name VARCHAR, day DATE, bucket_start TIMESTAMP, status_code SMALLINT,
        requests BIGINT
);

-- name: of_snapshot
INSERT INTO sides SELECT {is_new}, service_name, day, digest FROM {side}.service_digests

-- name: of_old_snapshot
-- Before schema version 4 digests have to be made from the counts.
INSERT INTO sides
WITH buckets AS (
    SELECT
        service_name,
        bucket_start,
        string_agg(printf('"%03d":%d', status_code, requests), ',' ORDER BY status_code) AS codes
    FROM {side}.rollup_5m GROUP BY ALL
)
SELECT
    {is_new},
    service_name,
    CAST(bucket_start AS DATE) AS day,
    sha256(concat('{{"serviceName":', to_json(service_name), ',"httpCodes":[', string_agg(
        concat('{{"timestamp":"', strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'), '","httpCodeValues":{{',
            codes, '}}}}'),
        ',' ORDER BY bucket_start
    ), ']}}'))
FROM buckets GROUP BY service_name, day

-- name: services_of_snapshot
INSERT INTO known SELECT {is_new}, service_name FROM {side}.services

-- name: of_index
INSERT INTO sides SELECT $is_new, unnest($services), CAST(unnest($days) AS DATE), unnest($digests)

-- name: services_of_index
INSERT INTO known SELECT $is_new, unnest($services)

-- name: differing
-- Services' days that are not the same on both sides.
CREATE TEMP TABLE differing AS
SELECT service_name, day, bool_or(NOT is_new) AS is_old, bool_or(is_new) AS is_new
FROM sides GROUP BY service_name, day
HAVING count(*) <> 2 OR min(digest) <> max(digest)

-- name: differing_days
SELECT service_name, CAST(day AS VARCHAR) FROM differing ORDER BY ALL

-- name: cells_of_snapshot
INSERT INTO cells
SELECT {is_new}, service_name, CAST(bucket_start AS DATE) AS day, bucket_start, status_code, requests
FROM {side}.rollup_5m
WHERE (service_name, CAST(bucket_start AS DATE)) IN (SELECT (service_name, day) FROM differing)

-- name: cells_of_documents
INSERT INTO cells
SELECT
    $is_new,
    serviceName,
    CAST(bucket.timestamp AS DATE),
    CAST(bucket.timestamp AS TIMESTAMP),
    CAST(code.key AS SMALLINT),
    code.value
FROM (
    SELECT serviceName, bucket, unnest(map_entries(bucket.httpCodeValues)) AS code
    FROM (
        SELECT serviceName, unnest(httpCodes) AS bucket
        FROM read_json($files, columns = {
            'serviceName': 'VARCHAR',
            'httpCodes': 'STRUCT("timestamp" VARCHAR, httpCodeValues MAP(VARCHAR, BIGINT))[]'
        }, maximum_object_size = 1000000000)
    )
)

-- name: days
-- The buckets that differ; one side may know no more than digests.
WITH buckets AS (
    SELECT service_name, day, bucket_start
    FROM cells GROUP BY service_name, day, bucket_start, status_code
    HAVING sum(CASE WHEN is_new THEN requests ELSE -requests END) <> 0
),
named AS (
    SELECT service_name, day, list(DISTINCT strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ')) AS buckets
    FROM buckets GROUP BY service_name, day
),
figures AS (
    SELECT
        service_name,
        day,
        CAST(sum(requests) FILTER (NOT is_new) AS BIGINT) AS old,
        CAST(sum(requests) FILTER (is_new) AS BIGINT) AS new
    FROM cells GROUP BY service_name, day
)
SELECT
    service_name,
    day,
    CASE WHEN is_old THEN old ELSE 0 END AS old,
    CASE WHEN is_new THEN new ELSE 0 END AS new,
    CASE WHEN (old IS NOT NULL OR NOT is_old) AND (new IS NOT NULL OR NOT is_new) THEN list_sort(buckets) END
FROM differing
LEFT JOIN figures USING (service_name, day)
LEFT JOIN named USING (service_name, day)
ORDER BY day, service_name

-- name: services
-- Services that only one of the two knows.
SELECT service_name, bool_or(is_new) FROM known GROUP BY service_name
HAVING count(DISTINCT is_new) = 1
ORDER BY service_name

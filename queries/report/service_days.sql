-- name: days
-- The UTC days with data from $first to $last, else of the latest $most days, and a digest of all
-- that the pages of a day are made of: its cells, those of the days that they are compared with,
-- its files, and what of it is final. A hash is hashed once more where hashes are combined by XOR,
-- in which counts that two cells exchange would cancel out.
WITH bounds AS (
    SELECT coalesce(CAST($first AS DATE),
        CAST(max(bucket_start) AS DATE) - CAST($most AS INTEGER) + 1) AS first
    FROM rollup_5m
),
cells AS (
    SELECT CAST(bucket_start AS DATE) AS day,
        bit_xor(hash(hash(service_name, bucket_start, status_code, requests))) AS digest
    FROM rollup_5m
    WHERE service_name IN (SELECT unnest($services))
        AND bucket_start >= (SELECT first - 29 FROM bounds)
    GROUP BY day
),
asked AS (
    SELECT day
    FROM cells
    WHERE day BETWEEN (SELECT first FROM bounds) AND coalesce(CAST($last AS DATE), day)
),
-- The hours around reach into the days beside, and those of the weeks before into theirs.
compared AS (
    SELECT asked.day, bit_xor(hash(hash(cells.day, cells.digest))) AS digest
    FROM asked JOIN cells ON cells.day BETWEEN asked.day - 29 AND asked.day + 1
        AND (cells.day - asked.day + 29) % 7 <= 2
    GROUP BY asked.day
),
files AS (
    SELECT asked.day, bit_xor(hash(hash(path, ingested_at, rows_counted, rows_rejected, folded))) AS digest
    FROM asked JOIN source_files ON state = 'ingested' AND last_request >= asked.day
        AND first_request < asked.day + 1
    GROUP BY asked.day
)
SELECT
    CAST(day AS VARCHAR),
    format('{:016x}', hash(
        compared.digest,
        files.digest,
        least(greatest(as_of - to_seconds(settle_seconds), day), CAST(day + 1 AS TIMESTAMP)),
        settle_seconds
    ))
FROM compared LEFT JOIN files USING (day), internal.snapshot
ORDER BY day

-- name: totals
-- For the index: requests of these days, 4xx and 5xx.
SELECT
    CAST(CAST(bucket_start AS DATE) AS VARCHAR) AS day,
    CAST(sum(requests) AS BIGINT),
    CAST(coalesce(sum(requests) FILTER (status_code BETWEEN 400 AND 499), 0) AS BIGINT),
    CAST(coalesce(sum(requests) FILTER (status_code BETWEEN 500 AND 599), 0) AS BIGINT),
    count(DISTINCT service_name)
FROM rollup_5m
WHERE CAST(CAST(bucket_start AS DATE) AS VARCHAR) IN (SELECT unnest($days))
    AND service_name IN (SELECT unnest($services))
GROUP BY day
ORDER BY day DESC

-- name: services
-- Each service with data on the day, and whether it has data the day before and after.
SELECT
    service_name,
    CAST(sum(requests) FILTER (today) AS BIGINT) AS n,
    CAST(coalesce(sum(requests) FILTER (today AND status_code BETWEEN 400 AND 499), 0) AS BIGINT),
    CAST(coalesce(sum(requests) FILTER (today AND status_code BETWEEN 500 AND 599), 0) AS BIGINT),
    bool_or(bucket_start < $start),
    bool_or(bucket_start >= $until)
FROM (
    SELECT *, bucket_start >= $start AND bucket_start < $until AS today
    FROM rollup_5m
    WHERE bucket_start >= CAST($start AS TIMESTAMP) - to_days(1)
        AND bucket_start < CAST($until AS TIMESTAMP) + to_days(1)
        AND service_name IN (SELECT unnest($services))
)
GROUP BY service_name
HAVING bool_or(today)
ORDER BY n DESC, service_name

-- name: changes
-- Of each service the codes whose counts changed most since $back days before: code, before, now.
WITH compared AS (
    SELECT
        service_name,
        status_code,
        CAST(coalesce(sum(requests) FILTER (bucket_start < $since), 0) AS BIGINT) AS before,
        CAST(coalesce(sum(requests) FILTER (bucket_start >= $since), 0) AS BIGINT) AS now
    FROM rollup_5m
    WHERE (
            bucket_start >= $since AND bucket_start < $until
            OR bucket_start >= CAST($since AS TIMESTAMP) - to_days($back)
                AND bucket_start < CAST($until AS TIMESTAMP) - to_days($back)
        )
        AND service_name IN (SELECT unnest($services))
    GROUP BY ALL
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY service_name ORDER BY abs(now - before) DESC,
        status_code) AS place
    FROM compared
    WHERE now <> before
)
SELECT service_name, CAST(status_code AS INTEGER), before, now
FROM ranked
WHERE place <= $most
ORDER BY service_name, place

-- name: files
-- Of each service the files that brought most of its counts of the day, and how many requests
-- and files there are in all. Of folded files nobody knows it any more.
WITH brought AS (
    SELECT service_name, path, CAST(sum(requests) AS BIGINT) AS n
    FROM contributions JOIN source_files USING (file_id)
    WHERE bucket_start >= $start AND bucket_start < $until
        AND service_name IN (SELECT unnest($services))
    GROUP BY ALL
),
ranked AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY service_name ORDER BY n DESC, path) AS place,
        count() OVER (PARTITION BY service_name) AS files,
        CAST(sum(n) OVER (PARTITION BY service_name) AS BIGINT) AS all_brought
    FROM brought
)
SELECT service_name, path, n, files, all_brought
FROM ranked
WHERE place <= $most
ORDER BY service_name, place

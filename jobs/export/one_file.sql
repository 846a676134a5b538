-- name: parquet
COPY ({cells}) TO {target} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)

-- name: csv
COPY (SELECT * REPLACE (strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ') AS bucket_start) FROM ({cells}))
TO {target} (FORMAT csv, USE_TMP_FILE false)

-- name: cells
-- The rows of rollup_5m, in one order whatever the order in which runs wrote them.
SELECT service_name, bucket_start, status_code, requests
FROM rollup_5m
WHERE bucket_start >= $first AND bucket_start < CAST($last AS DATE) + 1
    AND service_name IN (SELECT unnest($services))
ORDER BY bucket_start, service_name, status_code

-- name: numbered
SELECT * REPLACE (CAST(row_number() OVER () AS VARCHAR) AS source_file) FROM ({rows} LIMIT {most})

-- name: file
SELECT rows_read, rows_counted, first_request, last_request
FROM source_files WHERE state = 'ingested'

-- name: way
-- How the file was read.
SELECT selection, condition, scan FROM internal.files JOIN internal.readings USING (reading_id)

-- name: rejected
SELECT reason, rows FROM rejected_rows ORDER BY rows DESC, reason

-- name: passed_over
SELECT reason, rows FROM passed_over_rows ORDER BY rows DESC, reason

-- name: services
SELECT service_name, CAST(sum(requests) AS BIGINT) AS requests FROM rollup_5m
GROUP BY service_name ORDER BY requests DESC, service_name LIMIT $most

-- name: first_rows
-- In order of the file: source_file stands in for the number of the row.
SELECT
    strftime(requested_at, '%Y-%m-%dT%H:%M:%S.%fZ'),
    service_name,
    status_code,
    strftime(bucket_start(bucket_number(epoch_us(requested_at))), '%Y-%m-%dT%H:%M:%SZ')
FROM ({rows}) ORDER BY CAST(source_file AS BIGINT)

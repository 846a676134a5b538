-- name: readings
-- How these files were read, as SELECT lists.
SELECT selection, list(path ORDER BY path)
FROM internal.files JOIN internal.readings USING (reading_id)
WHERE state = 'ingested' AND path IN (SELECT unnest($paths))
GROUP BY reading_id, selection
ORDER BY reading_id

-- name: recounted
-- What the rows of files give when they are counted one by one.
CREATE OR REPLACE TEMP TABLE recounted AS
SELECT
    source_file AS path,
    service_name,
    bucket_start(bucket_number(epoch_us(requested_at))) AS bucket_start,
    status_code,
    count(*) AS requests
FROM ({rows})
WHERE requested_at IS NOT NULL AND service_name IS NOT NULL AND status_code IS NOT NULL
GROUP BY ALL

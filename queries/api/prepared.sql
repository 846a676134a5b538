-- name: services
SELECT service_name, service_id FROM internal.services

-- name: final_until
-- As bucket_status says it: the last moment that is the end of a bucket and final.
SELECT coalesce((epoch_us(as_of) - settle_seconds * 1000000) // 300000000 * 300, 0)
FROM internal.snapshot

-- name: one
-- The hours of a service that have data, in a range of time (microseconds since the epoch; hours
-- come back). The JSON is all ASCII.
SELECT service_id, epoch_us(hour_start) // 3600000000, encode(json)
FROM internal.answers
WHERE service_id = $services[1]
    AND hour_start >= make_timestamp($start) AND hour_start < make_timestamp($end)

-- name: several
-- The same of several services; for one it takes longer.
SELECT service_id, epoch_us(hour_start) // 3600000000, encode(json)
FROM internal.answers
WHERE service_id IN (SELECT unnest($services))
    AND hour_start >= make_timestamp($start) AND hour_start < make_timestamp($end)

-- The snapshot that is open, as it stands at $now. All buckets that end at final_until or before
-- are final: a bucket's end has to lie further back than the settle time.
SELECT
    CAST(epoch(CAST($now AS TIMESTAMP) - as_of) AS DOUBLE) AS age_seconds,
    -- Earlier programs believed moments of the future.
    (SELECT max(last_seen) FROM services
        WHERE last_seen < as_of + INTERVAL 1 DAY + INTERVAL 5 MINUTE) AS newest_bucket,
    make_timestamp((epoch_us(as_of) - settle_seconds * 1000000) // 300000000 * 300000000) AS final_until
FROM internal.snapshot

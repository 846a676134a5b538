-- name: rows
-- The services of the map: those that stand out ($first, in this order), then the largest. How
-- many have requests at all.
SELECT
    service_name,
    CAST(sum(requests) AS BIGINT) AS n,
    CAST(coalesce(sum(requests) FILTER (status_code BETWEEN 400 AND 499), 0) AS BIGINT),
    CAST(coalesce(sum(requests) FILTER (status_code BETWEEN 500 AND 599), 0) AS BIGINT),
    count() OVER ()
FROM rollup_5m
WHERE bucket_start >= $start AND bucket_start < $until
    AND service_name IN (SELECT unnest($services))
GROUP BY service_name
ORDER BY nullif(list_position(CAST($first AS VARCHAR[]), service_name), 0) NULLS LAST, n DESC, service_name
LIMIT $most

-- name: cells
-- Of these services in each step that has a request: the requests, those answered 4xx and 5xx,
-- and the lower bound of each share: Wilson's interval of 95 %, so that 1 failed request of 10
-- is not 1,000 of 10,000.
WITH counted AS (
    SELECT
        service_name,
        (epoch_us(bucket_start) - epoch_us(CAST($start AS TIMESTAMP))) // (CAST($step AS BIGINT) * 1000000)
            AS step,
        sum(requests) AS n,
        unnest([4, 5]) AS class,
        unnest([
            coalesce(sum(requests) FILTER (status_code BETWEEN 400 AND 499), 0),
            coalesce(sum(requests) FILTER (status_code BETWEEN 500 AND 599), 0)
        ]) AS k
    FROM rollup_5m
    WHERE bucket_start >= $start AND bucket_start < $until
        AND service_name IN (SELECT unnest($shown))
    GROUP BY service_name, step
)
SELECT
    class, service_name,
    CAST($start AS TIMESTAMP) + to_seconds(step * $step),
    CAST(n AS BIGINT),
    CAST(k AS BIGINT),
    greatest(0, (k / n + 1.92 / n - 1.96 * sqrt((k / n * (1 - k / n) + 0.96 / n) / n)) / (1 + 3.84 / n))
FROM counted
ORDER BY class, service_name, step

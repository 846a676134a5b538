-- name: newest
-- The end of the last bucket with a request.
SELECT max(bucket_start) + INTERVAL 5 MINUTE FROM rollup_5m

-- name: top
-- Which services gave which of these codes ($low to $high, several of both) most often between two
-- moments; of how many requests of the service, and which share it was in the span before, which is
-- as long. Names are cut in the middle to $width.
WITH wanted AS (
    SELECT unnest(CAST($low AS INTEGER[])) AS low, unnest(CAST($high AS INTEGER[])) AS high
),
counted AS (
    SELECT
        service_name,
        CAST(status_code AS INTEGER) AS status_code,
        coalesce(sum(requests) FILTER (bucket_start >= $start), 0) AS k,
        coalesce(sum(requests) FILTER (bucket_start < $start), 0) AS k_before
    FROM rollup_5m
    WHERE bucket_start >= CAST($start AS TIMESTAMP) - (CAST($until AS TIMESTAMP) - CAST($start AS TIMESTAMP))
        AND bucket_start < $until
        AND service_name IN (SELECT unnest($services))
    GROUP BY ALL
),
shared AS (
    SELECT
        *,
        sum(k) OVER same AS n,
        sum(k_before) OVER same AS n_before
    FROM counted
    WINDOW same AS (PARTITION BY service_name)
)
SELECT
    CASE
        WHEN length(service_name) > $width
            THEN left(service_name, ($width - 1) // 2) || '…' || right(service_name, ($width - 1) // 2)
        ELSE service_name
    END AS service,
    printf('%03d', status_code) AS code,
    CAST(k AS BIGINT) AS answers,
    CAST(n AS BIGINT) AS requests,
    round(100 * k / n, 2) AS percent,
    CASE WHEN n_before > 0 THEN round(100 * k_before / n_before, 2) END AS before
FROM shared SEMI JOIN wanted ON status_code BETWEEN low AND high
WHERE k > 0
ORDER BY answers DESC, service_name, status_code

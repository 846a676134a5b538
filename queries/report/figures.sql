-- name: known
-- The snapshot's name, the moment up to which buckets are final, the settle time, and every
-- service that is known.
SELECT
    current_database(),
    make_timestamp((epoch_us(as_of) - settle_seconds * 1000000) // 300000000 * 300000000),
    settle_seconds / 3600,
    (SELECT coalesce(list(service_name ORDER BY service_name), []) FROM services)
FROM internal.snapshot

-- name: reach
-- The first and the last bucket with a request to these services; the last that is plausible, if
-- one is.
SELECT
    min(least(bucket_start, TIMESTAMP '9999-12-30')),
    coalesce(
        max(bucket_start) FILTER (bucket_start < as_of + INTERVAL 1 DAY + INTERVAL 5 MINUTE),
        max(least(bucket_start, TIMESTAMP '9999-12-30'))
    )
FROM rollup_5m, internal.snapshot
WHERE service_name IN (SELECT unnest($services))

-- name: classes
-- Requests by class in each step of the period, those without any too. Steps are told apart as
-- integers, and become moments after the aggregation: that is faster.
WITH steps AS (
    SELECT unnest(range(CAST($start AS TIMESTAMP), CAST($until AS TIMESTAMP),
        to_seconds($step))) AS step_start
),
counted AS (
    SELECT
        (epoch_us(bucket_start) - epoch_us(CAST($start AS TIMESTAMP))) // (CAST($step AS BIGINT) * 1000000)
            AS step,
        status_code // 100 AS class,
        sum(requests) AS requests
    FROM rollup_5m
    WHERE bucket_start >= $start AND bucket_start < $until
        AND service_name IN (SELECT unnest($services))
    GROUP BY ALL
)
SELECT
    step_start,
    CAST(coalesce(sum(requests) FILTER (class = 2), 0) AS BIGINT),
    CAST(coalesce(sum(requests) FILTER (class = 3), 0) AS BIGINT),
    CAST(coalesce(sum(requests) FILTER (class = 4), 0) AS BIGINT),
    CAST(coalesce(sum(requests) FILTER (class = 5), 0) AS BIGINT),
    CAST(coalesce(sum(requests) FILTER (class NOT BETWEEN 2 AND 5), 0) AS BIGINT)
FROM steps LEFT JOIN counted ON step_start = CAST($start AS TIMESTAMP) + to_seconds(step * $step)
GROUP BY step_start
ORDER BY step_start

-- name: changes
-- The services whose requests, or whose 5xx answers, changed most since $back days before; how
-- many requests there were before, in all.
WITH totals AS (
    SELECT
        service_name,
        bucket_start >= $since AS later,
        sum(requests) AS requests,
        sum(requests) FILTER (status_code BETWEEN 500 AND 599) AS errors
    FROM rollup_5m
    WHERE (
            bucket_start >= $since AND bucket_start < $until
            OR bucket_start >= CAST($since AS TIMESTAMP) - to_days($back)
                AND bucket_start < CAST($until AS TIMESTAMP) - to_days($back)
        )
        AND service_name IN (SELECT unnest($services))
    GROUP BY ALL
),
compared AS (
    SELECT
        service_name,
        CAST(coalesce(sum(requests) FILTER (NOT later), 0) AS BIGINT) AS requests_before,
        CAST(coalesce(sum(requests) FILTER (later), 0) AS BIGINT) AS requests,
        CAST(coalesce(sum(errors) FILTER (NOT later), 0) AS BIGINT) AS errors_before,
        CAST(coalesce(sum(errors) FILTER (later), 0) AS BIGINT) AS errors
    FROM totals
    GROUP BY service_name
),
ranked AS (
    SELECT
        *,
        row_number() OVER (ORDER BY abs(requests - requests_before) DESC, service_name) AS by_requests,
        row_number() OVER (ORDER BY abs(errors - errors_before) DESC, service_name) AS by_errors,
        CAST(sum(requests_before) OVER () AS BIGINT) AS all_before
    FROM compared
)
SELECT
    service_name, requests_before, requests, errors_before, errors,
    by_requests <= $most AND requests <> requests_before,
    by_errors <= $most AND errors <> errors_before,
    all_before
FROM ranked
WHERE by_requests <= $most OR by_errors <= $most
ORDER BY by_requests, by_errors

-- name: lateness
-- Files in force with requests of the period, by how many of $edges (hours) their newest request
-- was older than when the run that counted them started. Earlier programs believed moments of the
-- future, which are left out.
SELECT
    len(list_filter(CAST($edges AS DOUBLE[]),
        lambda edge: epoch(ingested_at - last_request) > edge * 3600)) AS span,
    count(*),
    CAST(sum(rows_counted) AS BIGINT)
FROM source_files
WHERE state = 'ingested' AND last_request >= $start AND first_request < $until
    AND last_request < ingested_at + INTERVAL 1 DAY + INTERVAL 5 MINUTE
GROUP BY span

-- name: latest
-- The files that came latest; how many there are, and how many came after the settle time.
SELECT
    path, last_request, ingested_at, rows_counted,
    epoch(ingested_at - last_request) / 3600 AS hours,
    count() OVER (),
    count() FILTER (hours * 3600 > settle_seconds) OVER ()
FROM source_files, internal.snapshot
WHERE state = 'ingested' AND last_request >= $start AND first_request < $until
    AND last_request < ingested_at + INTERVAL 1 DAY + INTERVAL 5 MINUTE
ORDER BY hours DESC, path
LIMIT $most

-- name: rejected
-- Rows of these files that could not be counted, by reason.
SELECT rejected_rows.reason, CAST(sum(rows) AS BIGINT) AS rows, count(DISTINCT path) AS files
FROM rejected_rows JOIN source_files USING (path)
WHERE state = 'ingested' AND last_request >= $start AND first_request < $until
GROUP BY ALL
ORDER BY 2 DESC, 1

-- name: quarantine
-- Files that could not be used: the newest, and how many there are.
SELECT path, state, reason, ingested_at, count() OVER () AS files
FROM source_files
WHERE state IN ('quarantined', 'refused')
ORDER BY ingested_at DESC, path
LIMIT $most

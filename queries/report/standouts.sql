-- name: standouts
-- Spans in which a service gave an answer that is no success (a code, or the class 4xx or 5xx)
-- more often than its past and its number of requests explain. Windows of several lengths
-- ($scales, each so many times $fine seconds) are looked at, the longest of an hour. `what` is a
-- status code, or -4 and -5 for the classes.
WITH chosen AS (
    SELECT service_id, service_name FROM internal.services WHERE service_name IN (SELECT unnest($services))
),
-- The period, $margin seconds on either side of it, and the same in the weeks before.
seen AS (
    SELECT service_id, epoch_us(bucket_start) // (CAST($fine AS BIGINT) * 1000000) AS slot, status_code,
        requests
    FROM internal.cells SEMI JOIN chosen USING (service_id)
    WHERE bucket_start >= CAST($start
        AS TIMESTAMP) - to_days(7 * CAST($weeks AS INTEGER)) - to_seconds($margin)
        AND bucket_start < CAST($until AS TIMESTAMP) + to_seconds($margin)
        AND (epoch(bucket_start) - epoch(CAST($start AS TIMESTAMP)) + $margin + 604800 * $weeks) % 604800
            < epoch(CAST($until AS TIMESTAMP)) - epoch(CAST($start AS TIMESTAMP)) + 2 * $margin
),
by_slot AS MATERIALIZED (
    SELECT service_id, slot, CAST(sum(requests) AS BIGINT) AS n FROM seen GROUP BY ALL
),
failures AS MATERIALIZED (
    SELECT
        service_id,
        slot,
        unnest(CASE WHEN status_code BETWEEN 400 AND 599 THEN [status_code, -(status_code // 100)]
            ELSE [status_code] END) AS what,
        requests AS k
    FROM seen
    WHERE status_code NOT BETWEEN 100 AND 399
),
-- Windows of all lengths in the period; beyond it, hours to compare with.
lengths AS (
    SELECT
        unnest(CAST($scales AS BIGINT[])) AS scale,
        scale = list_max(CAST($scales AS BIGINT[])) AS is_hour,
        epoch(CAST($start AS TIMESTAMP)) / $fine AS first_slot,
        epoch(CAST($until AS TIMESTAMP)) / $fine AS end_slot
),
loads AS MATERIALIZED (
    SELECT service_id, scale, slot // scale AS w, CAST(sum(n) AS BIGINT) AS n
    FROM by_slot JOIN lengths ON is_hour OR slot >= first_slot AND slot < end_slot
    GROUP BY ALL
),
failed AS MATERIALIZED (
    SELECT service_id, what, scale, slot // scale AS w, CAST(sum(k) AS BIGINT) AS k
    FROM failures JOIN lengths ON is_hour OR slot >= first_slot AND slot < end_slot
    GROUP BY ALL
),
-- What a service of which little is known is expected to do: what services do, the large ones
-- no more than the small.
common AS (
    SELECT what, sum(k / n) / (SELECT count(DISTINCT service_id) FROM by_slot) AS share
    FROM (SELECT service_id, what, sum(k) AS k FROM failures GROUP BY ALL)
        JOIN (SELECT service_id, sum(n) AS n FROM by_slot GROUP BY service_id) USING (service_id)
    GROUP BY what
),
in_period AS (
    SELECT *
    FROM loads
    WHERE w * scale * $fine >= epoch(CAST($start AS TIMESTAMP))
        AND w * scale * $fine < epoch(CAST($until AS TIMESTAMP))
),
-- So many windows are looked at that some are odd by chance; the bar is raised by their number.
looked AS (
    SELECT ln(coalesce(sum(windows * whats), 1) / CAST($chance AS DOUBLE)) AS bar
    FROM (SELECT service_id, count(*) AS windows FROM in_period GROUP BY service_id)
        JOIN (SELECT service_id, count(DISTINCT what) AS whats FROM failures
            GROUP BY service_id) USING (service_id)
),
candidates AS MATERIALIZED (
    SELECT service_id, what, scale, w, n, k, w * scale // list_max(CAST($scales AS BIGINT[])) AS hour
    FROM in_period JOIN failed USING (service_id, scale, w)
    WHERE k >= $least
),
-- The hours to compare with: the same and its neighbours in the weeks before, and those around.
offsets AS (
    SELECT true AS past, week, near - 168 * week AS away
    FROM range(1, $weeks + 1) AS w(week), range(-1, 2) AS n(near)
    UNION ALL
    SELECT false, 0, near FROM range(-6, 7) AS n(near) WHERE near <> 0
),
looked_up AS MATERIALIZED (
    SELECT service_id, what, hour, past, week, hour + away AS w
    FROM (SELECT DISTINCT service_id, what, hour FROM candidates) CROSS JOIN offsets
),
hourly AS (
    SELECT service_id, w, n FROM loads WHERE scale = list_max(CAST($scales AS BIGINT[]))
),
hourly_failed AS (
    SELECT service_id, what, w, k FROM failed WHERE scale = list_max(CAST($scales AS BIGINT[]))
),
compared AS (
    SELECT
        service_id, what, hour, past,
        sum(n) AS reference_n,
        coalesce(sum(k), 0) AS reference_k,
        count(DISTINCT week) AS weeks
    FROM looked_up JOIN hourly USING (service_id, w) LEFT JOIN hourly_failed USING (service_id, what, w)
    GROUP BY ALL
),
-- The weeks before where there are any, else the hours around.
reference AS (
    SELECT
        service_id, what, hour,
        coalesce(arg_max(reference_n, past), 0) AS reference_n,
        coalesce(arg_max(reference_k, past), 0) AS reference_k,
        coalesce(max(compared.weeks) FILTER (past), 0) AS weeks
    FROM (SELECT DISTINCT service_id, what, hour FROM candidates)
        LEFT JOIN compared USING (service_id, what, hour)
    GROUP BY ALL
),
-- With some requests of what is common mixed in, and the upper bound of Wilson's interval, so
-- that a short past promises little.
expected AS (
    SELECT
        *,
        reference_n + 20 AS m,
        (reference_k + 20 * share) / m AS p,
        (p + 2 / m + 2 * sqrt(p * (1 - p) / m + 1 / (m * m))) / (1 + 4 / m) AS upper
    FROM reference JOIN common USING (what)
),
-- Chernoff's bound: the chance of k or more of n is e to the power of minus this, or less.
-- Beside being unlikely, the excess has to be worth a sentence.
judged AS MATERIALIZED (
    SELECT
        *,
        k * ln(k / n / upper) + CASE WHEN k < n THEN (n - k) * ln((1 - k / n) / (1 - upper))
            ELSE 0 END AS evidence
    FROM candidates JOIN expected USING (service_id, what, hour)
    WHERE k > n * upper
        AND k * (1 - p) >= 2 * p * (n - k)
        AND k - n * p >= greatest($least, $least_share * n)
        AND evidence > (SELECT bar FROM looked)
),
-- How much more than chance the share moves in usual windows of this length: 1 is chance alone.
-- The quarter that moved most is left out, so that an event does not excuse itself; 0.368 is
-- what is left of a normal variance then.
asked AS (
    SELECT DISTINCT service_id, what, scale FROM judged
),
usual AS (
    SELECT service_id, what, scale, slot // scale AS w, sum(n) AS n, coalesce(sum(k), 0) AS k
    FROM asked
        JOIN by_slot USING (service_id)
        LEFT JOIN (SELECT service_id, what, slot, sum(k) AS k FROM failures SEMI
            JOIN asked USING (service_id, what) GROUP BY ALL)
            USING (service_id, what, slot)
    GROUP BY ALL
),
residuals AS (
    SELECT
        service_id, what, scale,
        median(k / n) OVER same AS middle,
        CASE WHEN middle > 0 THEN middle ELSE sum(k) OVER same / sum(n) OVER same END AS centre,
        pow(k - n * centre, 2) / (n * greatest(centre * (1 - centre), 1e-9)) AS residual
    FROM usual
    WINDOW same AS (PARTITION BY service_id, what, scale)
),
noise AS (
    SELECT service_id, what, scale, greatest(1, avg(residual) / 0.368) AS phi
    FROM (SELECT *, percent_rank() OVER (PARTITION BY service_id, what, scale ORDER BY residual) AS place
        FROM residuals)
    WHERE place <= 0.75
    GROUP BY ALL
),
found AS (
    SELECT *, evidence / phi AS score,
        w - row_number() OVER (PARTITION BY service_id, what, scale ORDER BY w) AS island
    FROM judged JOIN noise USING (service_id, what, scale)
    WHERE score > (SELECT bar FROM looked)
),
-- Neighbouring windows are one span. A code is preferred to its class where it is most of it.
spans AS (
    SELECT
        service_id, what, scale, island,
        min(w) * scale AS first_slot,
        (max(w) + 1) * scale AS end_slot,
        sum(reference_n) AS reference_n,
        sum(reference_k) AS reference_k,
        max(weeks) AS weeks,
        (sum(n * p) + sum(k)) / (2 * sum(n)) AS midway,
        sum(score) * CASE WHEN what >= 0 THEN 1.2 ELSE 1 END AS score
    FROM found
    GROUP BY service_id, what, scale, island
),
-- Long windows reach beyond what happened in them: only slots nearer to it than to the usual.
fitted AS (
    SELECT
        spans.* EXCLUDE (first_slot, end_slot, midway),
        min(failed.w) AS first_slot,
        max(failed.w) + 1 AS end_slot
    FROM spans
        JOIN failed ON failed.service_id = spans.service_id AND failed.what = spans.what AND failed.scale = 1
            AND failed.w >= spans.first_slot AND failed.w < spans.end_slot
        JOIN loads ON loads.service_id = spans.service_id AND loads.scale = 1 AND loads.w = failed.w
    WHERE failed.k >= loads.n * midway
    GROUP BY ALL
),
ranked AS (
    SELECT
        *,
        CASE WHEN what < 0 THEN -what ELSE what // 100 END AS class,
        row_number() OVER (ORDER BY score DESC, scale, service_id, what, first_slot) AS place
    FROM fitted
),
-- Of spans of different lengths over the same, the clearest.
single AS (
    SELECT *
    FROM ranked
    WHERE NOT EXISTS (
        FROM ranked AS better
        WHERE better.service_id = ranked.service_id AND better.what = ranked.what
            AND better.place < ranked.place
            AND better.first_slot < ranked.end_slot AND better.end_slot > ranked.first_slot
    )
),
-- Either a class or its codes, whichever is clearer.
classes AS (
    SELECT *
    FROM single
    WHERE what < 0 AND NOT EXISTS (
        FROM single AS code
        WHERE code.service_id = single.service_id AND code.what >= 0 AND code.class = single.class
            AND code.place < single.place
            AND code.first_slot < single.end_slot AND code.end_slot > single.first_slot
    )
),
kept AS (
    FROM classes
    UNION ALL
    SELECT *
    FROM single
    WHERE what >= 0 AND NOT EXISTS (
        FROM classes
        WHERE classes.service_id = single.service_id AND classes.class = single.class
            AND classes.first_slot < single.end_slot AND classes.end_slot > single.first_slot
    )
),
counted AS (
    SELECT
        place,
        CAST(sum(n) AS BIGINT) AS requests,
        CAST(coalesce(sum(k), 0) AS BIGINT) AS answers
    FROM kept
        JOIN by_slot ON by_slot.service_id = kept.service_id AND slot >= first_slot AND slot < end_slot
        LEFT JOIN failed ON failed.service_id = kept.service_id AND failed.what = kept.what
            AND failed.scale = 1 AND failed.w = slot
    GROUP BY place
)
SELECT
    service_name,
    CAST(what AS INTEGER),
    make_timestamp(first_slot * CAST($fine AS BIGINT) * 1000000),
    make_timestamp(end_slot * CAST($fine AS BIGINT) * 1000000),
    requests,
    answers,
    CAST(reference_n AS BIGINT),
    CAST(reference_k AS BIGINT),
    CAST(weeks AS INTEGER)
FROM kept JOIN counted USING (place) JOIN chosen USING (service_id)
ORDER BY place

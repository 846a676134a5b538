-- name: codes
-- Requests by status code over time, of all these services together or of each apart. `bars` are
-- the commands of an SVG path: a bar a step, one wide, the highest 100; what is not none is at
-- least 2 high. `parts` are the counts of the longer spans in which a reader's pointer finds them.
WITH counted AS (
    SELECT
        CASE WHEN $apart THEN service_name ELSE '' END AS service_name,
        status_code,
        (epoch_us(bucket_start) - epoch_us(CAST($start AS TIMESTAMP))) // (CAST($step AS BIGINT) * 1000000)
            AS step,
        CAST(sum(requests) AS BIGINT) AS k
    FROM rollup_5m
    WHERE bucket_start >= $start AND bucket_start < $until
        AND service_name IN (SELECT unnest($services))
    GROUP BY ALL
),
-- The most frequent codes of those that are no success.
frequent AS (
    SELECT service_name, status_code
    FROM counted
    WHERE status_code NOT BETWEEN 200 AND 399
    GROUP BY service_name, status_code
    QUALIFY row_number() OVER (PARTITION BY service_name ORDER BY sum(k) DESC, status_code) <= $most
),
-- Beside them the classes: -4 is 4xx; -9 is all.
listed AS (
    SELECT service_name, status_code AS what, step, k FROM counted SEMI
        JOIN frequent USING (service_name, status_code)
    UNION ALL
    SELECT service_name, -(status_code // 100), step, sum(k)
    FROM counted WHERE status_code BETWEEN 200 AND 599 GROUP BY ALL
    UNION ALL
    SELECT service_name, -9, step, sum(k) FROM counted GROUP BY ALL
),
sized AS (
    SELECT *, max(k) OVER (PARTITION BY service_name, what) AS most FROM listed
),
drawn AS (
    SELECT
        service_name, what, sum(k) AS total, any_value(most) AS most,
        string_agg('M' || step || ' 100v-' || greatest(2, CAST(100 * k // most AS INTEGER)) || 'h1V100', ''
            ORDER BY step) AS bars
    FROM sized
    GROUP BY ALL
),
parted AS (
    SELECT service_name, what, list({part: part, k: k} ORDER BY part) AS parts
    FROM (SELECT service_name, what, CAST(step * $step // $part AS INTEGER) AS part,
        CAST(sum(k) AS BIGINT) AS k FROM listed GROUP BY ALL)
    GROUP BY ALL
)
SELECT service_name, CAST(what AS INTEGER) AS what, CAST(total AS BIGINT), CAST(most AS BIGINT), bars, parts
FROM drawn JOIN parted USING (service_name, what)
ORDER BY service_name, what >= 0, what <> -9, abs(what)

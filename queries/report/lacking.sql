-- name: lacking
-- Hours of the period that sources brought nothing of, or less than was to be expected.
SELECT source, hour_start, state, rows_counted, reason FROM deliveries
WHERE state IN ('missing', 'short') AND hour_start >= $start AND hour_start < $until
ORDER BY source, hour_start

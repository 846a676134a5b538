-- name: possible
-- Whether an hour holds rows of two files or more (with a run: of one that it counted, and another): a
-- copy shares its hours with what it is a copy of.
-- Planning to compare them takes longer than all else in a small store.
SELECT EXISTS (
    SELECT hour_start
    FROM internal.file_hours AS hours JOIN internal.files USING (file_id)
    WHERE state = 'ingested' AND NOT folded AND hours.rows_counted > 0 AND sketch IS NOT NULL
    GROUP BY hour_start
    HAVING count(*) > 1 AND coalesce(bool_or(run_id = CAST($run_id AS VARCHAR)), true)
)

-- name: fresh_files
-- Files of a run that others may hold together: for every cell, all files together count twice as many.
-- Where a file counts alone they do not.
CREATE OR REPLACE TEMP TABLE fresh_files AS
SELECT file_id
FROM (
    FROM internal.shared_contributions
    UNION ALL
    SELECT * EXCLUDE (sidecar) FROM internal.sidecar_contributions
) AS own
JOIN internal.cells AS cells USING (service_id, bucket_start, status_code)
WHERE file_id IN (SELECT file_id FROM internal.files WHERE run_id = $run_id AND state = 'ingested'
    AND NOT folded)
    AND file_id NOT IN (SELECT file_id FROM internal.sole_buckets)
GROUP BY file_id HAVING bool_and(cells.requests >= 2 * own.requests)

-- name: few
DELETE FROM fresh_files
WHERE file_id NOT IN (
    SELECT file_id FROM internal.contributions WHERE file_id IN (FROM fresh_files)
    GROUP BY file_id HAVING count(DISTINCT (service_id, status_code, requests)) >= $proof
)

-- name: any_candidate
SELECT count(*) > 0 FROM fresh_files

-- name: note
-- What lies in a candidate as a whole, if it is all of it; what is too much is left out, if that is
-- the sum of some of these.
INSERT INTO internal.held_together
WITH counts AS (
    SELECT file_id, (service_id, bucket_start, status_code) AS cell, requests FROM internal.contributions
),
within AS (
    SELECT held.file_id AS holder, files.file_id
    FROM fresh_files JOIN internal.files AS held USING (file_id)
    JOIN internal.files AS files ON files.first_request >= held.first_request
        AND files.last_request <= held.last_request AND files.rows_counted < held.rows_counted
    WHERE files.state = 'ingested' AND NOT files.folded
),
fitting AS (
    SELECT holder, within.file_id
    FROM within JOIN counts USING (file_id)
    LEFT JOIN counts AS held ON held.file_id = holder AND held.cell = counts.cell
    GROUP BY ALL HAVING bool_and(coalesce(counts.requests <= held.requests, false))
),
surplus AS (
    SELECT holder, cell, coalesce(any_value(together.requests), 0) - any_value(held.requests) AS requests
    FROM (SELECT DISTINCT holder FROM fitting) JOIN counts AS held ON held.file_id = holder
    LEFT JOIN (
        SELECT holder, cell, sum(requests) AS requests FROM fitting JOIN counts USING (file_id) GROUP BY ALL
    ) AS together USING (holder, cell)
    GROUP BY ALL
),
left_out AS (
    SELECT fitting.holder, fitting.file_id
    FROM fitting JOIN counts USING (file_id)
    JOIN surplus ON surplus.holder = fitting.holder AND surplus.cell = counts.cell
    GROUP BY ALL HAVING bool_and(counts.requests <= surplus.requests)
),
exact AS (
    SELECT holder
    FROM surplus LEFT JOIN (
        SELECT holder, cell, sum(requests) AS requests FROM left_out JOIN counts USING (file_id) GROUP BY ALL
    ) AS extra USING (holder, cell)
    GROUP BY holder HAVING bool_and(surplus.requests = coalesce(extra.requests, 0))
)
SELECT holder, file_id FROM fitting SEMI JOIN exact USING (holder) ANTI JOIN left_out USING (holder, file_id)

-- name: suspected
-- Files that hold, hour by hour, what another holds, or what all others in a folder, of a run, or of
-- these hours hold together: as many rows, and the same sum of hashes.
WITH held AS (
    SELECT
        file_id,
        path,
        run_id,
        regexp_replace(path, '[^/]*$', '') AS folder,
        hour_start,
        hours.rows_counted AS rows,
        sketch
    FROM internal.file_hours AS hours JOIN internal.files AS files USING (file_id)
    WHERE state = 'ingested' AND NOT folded AND hours.rows_counted > 0 AND sketch IS NOT NULL
),
whole AS (
    SELECT
        file_id,
        any_value(path) AS path,
        any_value(run_id) AS run_id,
        any_value(folder) AS folder,
        count(*) AS hours,
        min(hour_start) AS first_hour,
        max(hour_start) AS last_hour,
        sum(rows) AS rows,
        sum(sketch) AS sketch
    FROM held GROUP BY file_id
),
groups AS (
    SELECT folder, run_id, hour_start, sum(rows) AS rows, sum(sketch) AS sketch, count(*) AS files
    FROM held GROUP BY GROUPING SETS ((folder, run_id, hour_start), (folder, hour_start),
        (run_id, hour_start), (hour_start))
),
matching AS (
    SELECT file_id, groups.folder AS in_folder, groups.run_id AS of_run, max(files) AS most
    FROM held JOIN groups USING (hour_start),
        LATERAL (SELECT CAST(coalesce(groups.folder = held.folder, true)
            AND coalesce(groups.run_id = held.run_id, true) AS INTEGER) AS own)
    WHERE groups.rows = held.rows * (1 + own) AND groups.sketch = held.sketch * (1 + own) AND files > own
    GROUP BY ALL
    HAVING count(*) = (SELECT hours FROM whole WHERE whole.file_id = held.file_id)
),
together AS (
    SELECT matching.file_id, list(others.file_id ORDER BY others.file_id) AS other_ids
    FROM matching
    JOIN whole USING (file_id)
    JOIN whole AS others ON others.file_id <> whole.file_id
        AND others.first_hour >= whole.first_hour AND others.last_hour <= whole.last_hour
        AND coalesce(others.folder = in_folder, true) AND coalesce(others.run_id = of_run, true)
    GROUP BY matching.file_id, in_folder, of_run
    -- What reaches beyond the file's hours is not held by it.
    HAVING sum(others.rows) = any_value(whole.rows) AND sum(others.sketch) = any_value(whole.sketch)
),
pairs AS (
    SELECT whole.file_id, [others.file_id] AS other_ids
    FROM whole JOIN whole AS others USING (rows, sketch, first_hour, last_hour)
    WHERE whole.file_id <> others.file_id
),
-- Some of many, as the run found that counted them.
noted AS (
    SELECT file_id, list(other_id ORDER BY other_id) AS other_ids
    FROM internal.held_together SEMI JOIN whole USING (file_id)
    GROUP BY file_id HAVING bool_and(other_id IN (SELECT file_id FROM whole))
),
found AS (
    SELECT file_id, arg_min(other_ids, len(other_ids)) AS other_ids
    FROM (FROM together UNION ALL FROM pairs UNION ALL FROM noted) GROUP BY file_id
),
-- Equal counts of a handful of cells prove nothing.
evident AS (
    SELECT file_id FROM internal.contributions WHERE file_id IN (SELECT file_id FROM found)
    GROUP BY file_id HAVING count(DISTINCT (service_id, status_code, requests)) >= $proof
)
SELECT
    whole.path,
    (SELECT list(others.path ORDER BY others.path) FROM whole AS others
        WHERE list_contains(other_ids, others.file_id)),
    CAST(whole.rows AS BIGINT)
FROM found JOIN whole USING (file_id) SEMI JOIN evident USING (file_id)
WHERE $run_id IS NULL OR whole.run_id = $run_id OR EXISTS (
    FROM whole AS others WHERE list_contains(other_ids, others.file_id) AND others.run_id = $run_id
)
ORDER BY whole.run_id DESC, whole.file_id DESC

-- name: findings
-- Every line is a contradiction: which check, where, what should be there, and what is there.
WITH RECURSIVE cells AS (
    SELECT service_id, bucket_start, status_code, sum(requests) AS requests, count(*) AS lines,
        min(requests) AS least
    FROM internal.cells GROUP BY ALL
),
contributed AS (
    SELECT service_id, bucket_start, status_code, sum(requests) AS requests
    FROM internal.contributions GROUP BY ALL
),
-- What the files in force say of themselves, beside what is kept of them.
in_force AS (
    SELECT files.*, coalesce(given.requests, 0) AS given, coalesce(refused.rows, 0) AS refused,
        coalesce(passed.rows, 0) AS passed
    FROM internal.files AS files
    LEFT JOIN (SELECT file_id, sum(requests) AS requests FROM internal.contributions
        GROUP BY file_id) AS given USING (file_id)
    LEFT JOIN (SELECT file_id, sum(rows) AS rows FROM internal.rejects
        GROUP BY file_id) AS refused USING (file_id)
    LEFT JOIN (SELECT file_id, sum(rows) AS rows FROM internal.passed_over
        GROUP BY file_id) AS passed USING (file_id)
    WHERE state = 'ingested'
),
contents AS (
    SELECT *, concat_ws(' ', fingerprint, nullif(named_service, '')) AS content FROM internal.files
),
-- What holds the rows of merged files may have been merged, too.
held AS (
    SELECT file_id, unnest(merged_into) AS content FROM internal.files WHERE state = 'merged'
    UNION
    SELECT held.file_id, unnest(merged_into)
    FROM held JOIN contents USING (content) WHERE state = 'merged'
),
-- Rows of files that were merged together, beside those of what they were merged into.
exchanged AS (
    SELECT min(path) AS path, merged_into, sum(rows_read + rows_passed_over) AS rows FROM internal.files
    WHERE state = 'merged' AND rows_read > 0 GROUP BY merged_into
),
received AS (
    SELECT exchanged.path, exchanged.rows AS given, sum(contents.rows) AS taken
    FROM exchanged JOIN (
        SELECT content, max(rows_read + rows_passed_over) AS rows FROM contents
        WHERE state IN ('ingested', 'merged') GROUP BY content
    ) AS contents ON list_contains(merged_into, content)
    GROUP BY exchanged.path, exchanged.rows, merged_into
    HAVING count(*) = len(merged_into)
)
SELECT 'rows read = counted + rejected' AS check, path AS place, rows_read AS expected,
    rows_counted + rows_rejected AS found
FROM internal.files WHERE rows_read <> rows_counted + rows_rejected
UNION ALL
SELECT 'rows counted = contributions', path, CASE WHEN folded THEN 0 ELSE rows_counted END, given
FROM in_force WHERE given <> CASE WHEN folded THEN 0 ELSE rows_counted END
UNION ALL
SELECT 'rows counted = days of a folded file', path, CASE WHEN folded THEN rows_counted ELSE 0 END,
    days.requests
FROM in_force JOIN (SELECT file_id, sum(requests) AS requests FROM internal.folded_days
    GROUP BY file_id) AS days USING (file_id)
WHERE days.requests <> CASE WHEN folded THEN rows_counted ELSE 0 END
UNION ALL
SELECT 'rows counted = hours of the file', path, rows_counted, coalesce(hours.requests, 0)
FROM in_force LEFT JOIN (SELECT file_id, sum(rows_counted) AS requests FROM internal.file_hours
    GROUP BY file_id) AS hours USING (file_id)
-- Programs before schema version 4 did not note the hours of files that they folded.
WHERE coalesce(hours.requests, 0) <> rows_counted AND (NOT folded OR hours.requests IS NOT NULL)
UNION ALL
SELECT 'folded days of files in force only', concat('file_id ', file_id), 0, sum(requests)
FROM internal.folded_days WHERE file_id NOT IN (SELECT file_id FROM in_force) GROUP BY file_id
UNION ALL
SELECT 'nothing is older than what is kept', concat('service_id ', service_id), 0, sum(cells.requests)
FROM cells WHERE bucket_start < (SELECT kept_from FROM internal.snapshot) GROUP BY service_id
UNION ALL
SELECT 'rows rejected = rejects', path, rows_rejected, refused FROM in_force WHERE rows_rejected <> refused
UNION ALL
SELECT 'rows passed over = reasons', path, coalesce(rows_passed_over, 0), passed FROM in_force
    WHERE coalesce(rows_passed_over, 0) <> passed
UNION ALL
SELECT 'contributions of files in force only', concat('file_id ', file_id), 0, sum(requests)
FROM internal.contributions WHERE file_id NOT IN (SELECT file_id FROM in_force) GROUP BY file_id
UNION ALL
SELECT 'rollup = rows counted of the files in force', 'all buckets', counted, total
FROM (SELECT coalesce(sum(rows_counted), 0) AS counted FROM in_force),
    (SELECT coalesce(sum(requests), 0) AS total FROM cells)
WHERE counted <> total
UNION ALL
SELECT
    'rollup = contributions',
    concat_ws(' ', coalesce(service_name, concat('service_id ', service_id)),
        strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'), status_code),
    coalesce(contributed.requests, 0),
    coalesce(cells.requests, 0)
FROM cells FULL JOIN contributed USING (service_id, bucket_start, status_code)
LEFT JOIN internal.services USING (service_id)
WHERE CASE
    WHEN bucket_start IN (FROM internal.folded_buckets)
        THEN coalesce(cells.requests, 0) < coalesce(contributed.requests, 0)
    ELSE cells.requests IS DISTINCT FROM contributed.requests
END
UNION ALL
SELECT 'a cell stands once and counts something',
    concat_ws(' ', 'service_id', service_id, bucket_start, status_code), 1, lines
FROM cells WHERE lines > 1 OR least < 1
UNION ALL
SELECT 'every cell has a service', concat('service_id ', service_id), 1,
    count(*) FILTER (service_name IS NOT NULL)
FROM (SELECT DISTINCT service_id FROM cells) LEFT JOIN internal.services USING (service_id)
GROUP BY service_id HAVING count(service_name) <> 1
UNION ALL
SELECT 'a service stands once', service_name, 1, count(*) FROM internal.services
    GROUP BY service_name HAVING count(*) > 1
UNION ALL
SELECT 'a path is in force once', path, 1, count(*) FROM in_force WHERE NOT displaced
    GROUP BY path HAVING count(*) > 1
UNION ALL
SELECT 'a content is in force once', min(path), 1, count(*) FROM in_force GROUP BY fingerprint,
    named_service HAVING count(*) > 1
UNION ALL
SELECT 'a duplicate has a file in force', path, 1, 0
FROM internal.files AS files ANTI JOIN in_force USING (fingerprint, named_service)
    WHERE files.state = 'duplicate'
UNION ALL
SELECT 'the rows of a merged file are in force', path, 1, 0
FROM internal.files WHERE state = 'merged'
    AND file_id NOT IN (SELECT held.file_id FROM held JOIN contents USING (content) WHERE state = 'ingested')
UNION ALL
-- Some may be older than what is kept, and known no more.
SELECT 'rows of merged files = rows of what holds them', path, given, taken
FROM received WHERE given > taken OR (given < taken AND (SELECT kept_from FROM internal.snapshot) IS NULL)
ORDER BY ALL

-- name: days
SELECT CAST(bucket_start AS DATE) AS day FROM internal.cells
UNION
SELECT CAST(hour_start AS DATE) FROM internal.answers
UNION
SELECT day FROM internal.service_days
ORDER BY day

-- name: unlike
-- Hours of a day whose answer is not what their cells say, letter for letter.
WITH buckets AS (
    SELECT
        service_id,
        bucket_start,
        string_agg(printf('"%03d":%d', status_code, requests), ',' ORDER BY status_code) AS codes
    FROM internal.cells
    WHERE bucket_start >= CAST($day AS DATE) AND bucket_start < CAST($day AS DATE) + INTERVAL 1 DAY
    GROUP BY ALL
),
expected AS (
    SELECT
        service_id,
        date_trunc('hour', bucket_start) AS hour_start,
        string_agg(
            concat('{"timestamp":"', strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'), '","httpCodeValues":{',
                codes, '}}'),
            ',' ORDER BY bucket_start
        ) AS json
    FROM buckets
    GROUP BY ALL
),
-- An hour that stands twice is as wrong as none.
made AS (
    SELECT service_id, hour_start, string_agg(json, ',') AS json
    FROM internal.answers
    WHERE hour_start >= CAST($day AS DATE) AND hour_start < CAST($day AS DATE) + INTERVAL 1 DAY
    GROUP BY ALL
),
-- Bucket by bucket, to name the first that differs.
differing AS (
    SELECT
        service_id,
        hour_start,
        coalesce(string_split(expected.json, ',{'), []) AS wanted,
        coalesce(string_split(made.json, ',{'), []) AS present,
        list_filter(range(1, len(wanted) + len(present) + 1),
            lambda i: wanted[i] IS DISTINCT FROM present[i])[1] AS first
    FROM expected FULL JOIN made USING (service_id, hour_start)
    WHERE expected.json IS DISTINCT FROM made.json
)
SELECT
    'answers = rollup' AS check,
    concat_ws(' ', coalesce(service_name, concat('service_id ', service_id)),
        strftime(hour_start, '%Y-%m-%dT%H:%M:%SZ')) AS place,
    coalesce('{' || ltrim(wanted[first], '{'), 'nothing') AS expected,
    coalesce('{' || ltrim(present[first], '{'), 'nothing') AS found
FROM differing LEFT JOIN internal.services USING (service_id)
ORDER BY ALL

-- name: undigested
-- Services of a day whose digest is not that of their answers, which are compared with the cells.
WITH made AS (
    SELECT service_id, sha256(concat(
        '{"serviceName":', to_json(any_value(service_name)), ',"httpCodes":[',
            string_agg(json, ',' ORDER BY hour_start), ']}'
    )) AS digest
    FROM internal.answers JOIN internal.services USING (service_id)
    WHERE hour_start >= CAST($day AS DATE) AND hour_start < CAST($day AS DATE) + INTERVAL 1 DAY
    GROUP BY service_id
),
-- One that stands twice is as wrong as none.
kept AS (
    SELECT service_id, string_agg(lower(hex(digest)), ' ') AS digest
    FROM internal.service_days SEMI JOIN internal.services USING (service_id)
    WHERE day = CAST($day AS DATE) GROUP BY service_id
)
SELECT
    'digests = answers' AS check,
    concat_ws(' ', coalesce(service_name, concat('service_id ', service_id)), CAST($day AS DATE)) AS place,
    coalesce(made.digest, 'nothing'),
    coalesce(kept.digest, 'nothing')
FROM made FULL JOIN kept USING (service_id) LEFT JOIN internal.services USING (service_id)
WHERE made.digest IS DISTINCT FROM kept.digest
ORDER BY ALL

-- name: digests
SELECT CAST(day AS VARCHAR), digest FROM day_digests ORDER BY day

-- name: in_force
-- The files in force, for a look at what lies at their paths.
SELECT path, fingerprint, displaced FROM internal.files WHERE state = 'ingested' ORDER BY path

-- name: of_lines
-- Files that are text, and whether each line of them is a row, or none.
SELECT path, NOT contains(scan, 'read_json_objects') FROM internal.files
    JOIN internal.readings USING (reading_id)
WHERE state = 'ingested' AND contains(scan, $broken)

-- name: incomplete
-- Files whose footers promise other rows than those that were met when they were counted.
SELECT 'rows of the file = counted + rejected + passed over', path, num_rows, rows_read + rows_passed_over
FROM (SELECT unnest($paths) AS path, unnest($rows) AS num_rows) AS promised JOIN internal.files USING (path)
WHERE state = 'ingested' AND NOT displaced AND num_rows <> rows_read + rows_passed_over
ORDER BY path

-- name: miscounted
-- What the rows of these files gave when they were counted again, beside what was kept: cell by
-- cell, or all together where the file is folded.
WITH files AS (
    SELECT file_id, path, rows_counted, folded FROM internal.files
    WHERE state = 'ingested' AND NOT displaced AND path IN (SELECT unnest($paths))
),
kept AS (
    SELECT path, service_name, bucket_start, status_code, sum(requests) AS requests
    FROM contributions JOIN files USING (file_id)
    GROUP BY ALL
),
counted AS (SELECT * FROM {recounted} WHERE path IN (SELECT path FROM files WHERE NOT folded))
SELECT
    'contributions = rows of the file' AS check,
    concat_ws(' ', path, service_name, strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'), status_code) AS place,
    coalesce(counted.requests, 0) AS expected,
    coalesce(kept.requests, 0) AS found
FROM counted FULL JOIN kept USING (path, service_name, bucket_start, status_code)
WHERE counted.requests IS DISTINCT FROM kept.requests
UNION ALL
SELECT 'rows counted = rows of the file', path, coalesce(sum(requests), 0), rows_counted
FROM files LEFT JOIN {recounted} USING (path)
WHERE folded GROUP BY path, rows_counted HAVING coalesce(sum(requests), 0) <> rows_counted
ORDER BY ALL

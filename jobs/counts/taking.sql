-- name: texts
-- Named services, and whether one looks like something else: an address, a machine, a dial-up name.
CREATE OR REPLACE TEMP TABLE texts AS
SELECT
    service,
    lower(text) AS name,
    regexp_full_match(name, '\d{1,3}(\.\d{1,3}){3}|[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*') AS address,
    regexp_full_match(name, '([^.:\[\]]+|ip-\d+-\d+-\d+-\d+\..*'
        || '|.*\.(localdomain|localhost|local|internal|intranet|lan|corp|home|home\.arpa))\.?(:\d+)?')
        AS machine,
    regexp_matches(name, '^[^.]*\d{1,3}[-x]\d{1,3}[-x]\d{1,3}|^\d{1,3}\.\d{1,3}\.\d{1,3}\.[^.]*[a-z]')
        OR regexp_matches(name,
            '^[^.]*(dial|dsl|ppp|pool|dhcp|dyn|cable|client|modem|slip|pc|cpe)[a-z]*[-_]?\d')
        OR regexp_matches(name, '(^|\D)\d{1,3}([-.x]\d{1,3}){3}\D')
        OR regexp_matches(name,
            '[.-](dip\d*|[av]?dsl|dyn(amic)?|dhcp|dial-?up|pppo?e?|fbx|abo|broadband|hsd\d|fios)[.-]')
        AS dialled
FROM logged WHERE NOT missing(text) AND length(text) <= $longest

-- name: any_doubtful
SELECT coalesce(bool_or(address OR machine OR dialled), false) OR ($clientless AND $detailed) FROM texts

-- name: doubts
-- Files whose named services look like something else. Bare addresses are more likely clients;
-- where no column holds the client, so are names that networks give their customers. What a
-- web server writes of requests (detailed) makes a name without a dot a machine's, and almost as
-- many names as rows those of clients: of a few dozen rows two in three, of many one in five.
WITH looked_at AS (
    SELECT file, name, address, machine, dialled, sum(rows) AS rows
    FROM (SELECT file, service, sum(rows) AS rows FROM counted GROUP BY ALL) JOIN texts USING (service)
    GROUP BY ALL
), figures AS (
    SELECT
        file,
        sum(rows) AS rows,
        count(*) AS names,
        count(*) FILTER (address) AS addresses,
        count(*) FILTER (dialled) AS dialled,
        coalesce(sum(rows) FILTER (address), 0) AS rows_of_addresses,
        coalesce(sum(rows) FILTER (machine), 0) AS rows_of_machines
    FROM looked_at GROUP BY file
)
SELECT
    file,
    CASE
        WHEN 2 * rows_of_addresses >= rows THEN 'addresses, perhaps of clients'
        WHEN $detailed AND 2 * rows_of_machines >= rows
            THEN 'names without a domain, or of a network within, perhaps of machines'
        WHEN NOT $clientless THEN NULL
        WHEN dialled + addresses >= 3 AND dialled > 0 AND 2 * (dialled + addresses) >= names
            THEN 'names of clients, it seems'
        WHEN addresses >= 2 AND names >= 5 AND 10 * addresses >= names AND 20 * rows_of_addresses >= rows
            THEN 'names and addresses, perhaps of clients'
        WHEN $detailed AND (names >= 200 AND 5 * names >= rows OR names >= 20 AND 3 * names >= 2 * rows)
            THEN 'almost as many names as rows, perhaps of clients'
    END AS doubt
FROM figures
WHERE doubt IS NOT NULL

-- name: newest
-- The last moment of each file that is plausible.
SELECT file, max(last_moment) FROM counted
WHERE last_moment < $until AND last_moment >= epoch_us(CAST($earliest AS TIMESTAMP)) GROUP BY file

-- name: batch
-- The files whose rows are taken.
CREATE OR REPLACE TEMP TABLE batch AS
SELECT
    CAST(unnest($numbers) AS INTEGER) AS file,
    unnest($file_ids) AS file_id,
    unnest($paths) AS path,
    unnest($sizes) AS size,
    make_timestamp(unnest($modified_us)) AS modified_at,
    unnest($versions) AS version,
    unnest($fingerprints) AS fingerprint,
    unnest($named_services) AS named_service,
    unnest($read_under) AS read_under

-- name: in_paths
-- The service that each path names.
SELECT file, {service_in_path} FROM batch

-- name: logged_names
-- What is longer than any name is none, and is not kept.
SELECT service, text FROM logged WHERE NOT missing(text) AND length(text) <= $longest ORDER BY service

-- name: canonical
CREATE OR REPLACE TEMP TABLE canonical AS
SELECT unnest($services) AS service, unnest($texts) AS logged,
    CAST(unnest($canonical) AS VARCHAR) AS service_name

-- name: name_services
-- What the logged names mean; a canonical name that is new becomes a service.
INSERT INTO internal.services
SELECT
    (SELECT coalesce(max(service_id), 0) FROM internal.services)
        + CAST(row_number() OVER (ORDER BY service_name) AS INTEGER),
    service_name, NULL, NULL, false
FROM (SELECT DISTINCT service_name FROM canonical WHERE service_name IS NOT NULL AND NOT {registered_only})
ANTI JOIN internal.services USING (service_name);

CREATE OR REPLACE TEMP TABLE names AS
SELECT service, logged, service_name, service_id
FROM canonical
LEFT JOIN (FROM internal.services WHERE registered OR NOT {registered_only}) USING (service_name);

-- Scanners invent hosts: where these don't count, they leave nothing behind either. Names in paths
-- come once a file.
INSERT INTO internal.service_aliases
SELECT DISTINCT logged, service_name FROM names
WHERE logged IS DISTINCT FROM service_name
    AND (service_id IS NOT NULL OR NOT {registered_only})
    AND logged NOT IN (SELECT logged FROM internal.service_aliases);

-- name: plausible
-- From when to when the moments of each file are believed. A file that lies in earlier times as a
-- whole, and whose columns say by their type that these are moments, is an archive, but for the year
-- 1 and the first weeks of 1970: there lie zeros, and moments whose unit was taken for another.
CREATE OR REPLACE TEMP TABLE plausible AS
SELECT
    file,
    CASE WHEN NOT coalesce(is_archive, false) THEN CAST($earliest AS TIMESTAMP) END AS plausible_from,
    bucket_start(bucket_number(epoch_us(CAST($until AS TIMESTAMP))) + 1) AS plausible_until
FROM batch
LEFT JOIN (
    SELECT
        file,
        make_timestamp(min(first_moment)) AS first,
        make_timestamp(max(last_moment)) AS last,
        $says_by_type AND last < $earliest AND first >= TIMESTAMP '0002-01-01'
            AND (last < TIMESTAMP '1970-01-01' OR first >= TIMESTAMP '1970-03-01') AS is_archive
    FROM counted WHERE bucket > timeless() AND (first_moment IS NOT NULL OR last_moment IS NOT NULL)
    GROUP BY file
) AS reach USING (file)

-- name: judge
-- Each group with its verdict: a cell that it counts for, or why it counts for none.
CREATE OR REPLACE TEMP TABLE places AS
SELECT
    file,
    file_id,
    plausible_from,
    plausible_until
FROM batch JOIN plausible USING (file);

CREATE OR REPLACE TEMP TABLE judged_services AS
SELECT
    service,
    service_id,
    CASE
        WHEN missing(text) THEN 'service missing'
        WHEN service_name IS NULL THEN 'service unreadable'
        WHEN service_id IS NULL THEN 'service not registered'
    END AS reason
FROM logged LEFT JOIN names USING (service);

CREATE OR REPLACE TEMP VIEW judged_batch AS
SELECT
    file_id,
    service_id,
    bucket,
    status_code,
    rows,
    CASE
        WHEN bucket = broken() THEN 'line unreadable'
        WHEN bucket = timeless() THEN 'timestamp missing'
        -- Asked again, now that no statistics of a file can answer.
        WHEN bucket NOT BETWEEN bucket_number(-62135596800000000) AND bucket_number(253402300799999999)
            THEN 'timestamp unreadable'
        WHEN bucket_start(bucket) < plausible_from THEN 'timestamp implausible'
        WHEN bucket_start(bucket) >= plausible_until THEN 'timestamp in the future'
        WHEN service IS NULL THEN 'service missing'
        WHEN judged_services.reason IS NOT NULL THEN judged_services.reason
        WHEN status_missing THEN 'status missing'
        WHEN status_code IS NULL THEN 'status unreadable'
        WHEN bucket_start(bucket) < (SELECT kept_from FROM internal.snapshot) THEN 'older than what is kept'
    END AS reason
FROM counted
JOIN places USING (file)
LEFT JOIN judged_services USING (service);

-- name: unlike
-- Whether different names in these logs are one service.
SELECT count(service_id) > count(DISTINCT service_id) FROM names

-- name: take
-- What the batch adds, and what it could not add.
INSERT INTO {incoming}
SELECT file_id, service_id, bucket_start(bucket), status_code, {rows} FROM judged_batch
    WHERE reason IS NULL {grouped}

-- name: verdicts
CREATE OR REPLACE TEMP TABLE hours AS
WITH buckets AS (
    SELECT
        file_id,
        bucket_number(epoch_us(bucket_start)) AS bucket,
        CAST((bucket % 12 + 12) % 12 AS INTEGER) AS place,
        sum(requests) AS counted,
        sum((requests & 2147483647) * CAST(hash(hash(service_id, bucket_start,
            status_code)) & 4294967295 AS BIGINT)) AS sketch
    FROM {incoming} WHERE file_id IN (SELECT file_id FROM batch) GROUP BY file_id, bucket_start
)
SELECT
    file_id,
    bucket_start(bucket - place) AS hour_start,
    CAST(sum(counted) AS BIGINT) AS counted,
    CAST(0 AS BIGINT) AS rejected,
    bit_or(CAST(1 << place AS SMALLINT)) AS buckets,
    sum(sketch) AS sketch
FROM buckets GROUP BY file_id, hour_start;

CREATE OR REPLACE TEMP TABLE verdicts AS
SELECT file_id, CAST(NULL AS VARCHAR) AS reason, CAST(sum(counted) AS BIGINT) AS rows
FROM hours GROUP BY file_id

-- name: passed_over
INSERT INTO internal.passed_over
SELECT file_id, reason, rows FROM passed_over JOIN batch USING (file)

-- name: rejects
INSERT INTO verdicts
SELECT file_id, reason, CAST(sum(rows) AS BIGINT) AS rows FROM judged_batch WHERE reason IS NOT NULL
    GROUP BY ALL;

-- Rows of a time that is none, or not believed, lie in no hour.
INSERT INTO hours
SELECT file_id, bucket_start(bucket - (bucket % 12 + 12) % 12) AS hour_start, 0, CAST(sum(rows) AS BIGINT), 0,
    NULL
FROM judged_batch
WHERE reason IS NOT NULL AND reason NOT LIKE 'timestamp %' AND reason <> 'older than what is kept'
GROUP BY file_id, hour_start;

INSERT INTO internal.rejects
SELECT file_id, reason, rows FROM verdicts WHERE reason IS NOT NULL;

-- name: hours
INSERT INTO internal.file_hours
SELECT
    file_id, hour_start, CAST(sum(counted) AS BIGINT), CAST(sum(rejected) AS BIGINT),
        CAST(max(buckets) AS SMALLINT), any_value(sketch)
FROM hours GROUP BY file_id, hour_start

-- name: misfits
-- Files of which every row is rejected for one reason, which says that the reading is wrong rather
-- than the rows: nothing was found inside a text; or there is text in more than one row that can't
-- be read, but for services, which clients write as they like; or it is more than a handful of rows.
-- Numbers and texts of which none gives a moment that is believed are something else than times.
-- Broken lines alone are no log, whatever was said of its columns.
SELECT file, role, rows, CASE WHEN believed THEN 'read' ELSE 'believed' END AS can_be
FROM (
    SELECT
        file_id,
        split_part(any_value(reason), ' ', 1) AS role,
        any_value(reason) LIKE '% unreadable' AS unreadable,
        any_value(reason) NOT IN ('timestamp implausible', 'timestamp in the future') AS believed,
        CAST(sum(rows) AS BIGINT) AS rows
    FROM verdicts
    GROUP BY file_id
    HAVING count(*) = 1
        AND bool_and(coalesce(regexp_full_match(reason,
            '(timestamp|service|status) (missing|unreadable)|line unreadable|'
            || 'timestamp (implausible|in the future)'), false))
)
JOIN batch USING (file_id)
WHERE role = 'line'
    OR (
        NOT $said
        AND (
            role IN (SELECT unnest(CAST($in_text AS VARCHAR[])))
            OR (unreadable AND rows > 1 AND role <> 'service'
                AND role IN (SELECT unnest(CAST($texts AS VARCHAR[]))))
            OR (rows >= 10 AND (believed OR NOT $by_type))
        )
    )
UNION ALL BY NAME
SELECT file, 'status' AS role, CAST(sum(rows) AS BIGINT) AS rows, 'read' AS can_be
FROM passed_over
WHERE NOT $said AND reason IN (SELECT unnest(CAST($nothing AS VARCHAR[])))
    AND file IN (SELECT file FROM batch)
    AND file NOT IN (SELECT file FROM counted WHERE file IS NOT NULL)
GROUP BY file

-- name: record
INSERT INTO internal.files BY NAME
WITH read AS (
    SELECT
        file,
        min(first_moment) FILTER (believed) AS first_moment,
        max(last_moment) FILTER (believed) AS last_moment
    FROM (
        SELECT
            *,
            bucket > timeless() AND bucket_start(bucket) < plausible_until
                AND coalesce(bucket_start(bucket) >= plausible_from, true) AS believed
        FROM counted JOIN plausible USING (file)
        WHERE first_moment IS NOT NULL OR last_moment IS NOT NULL
    )
    GROUP BY file
), judged_rows AS (
    SELECT
        file_id,
        sum(rows) AS rows,
        sum(rows) FILTER (reason IS NULL) AS taken,
        sum(rows) FILTER (reason IS NOT NULL) AS refused
    FROM verdicts GROUP BY file_id
), passed AS (
    SELECT file, sum(rows) AS rows FROM passed_over GROUP BY file
)
SELECT
    batch.* EXCLUDE (file),
    $format AS format,
    $reading_id AS reading_id,
    coalesce(judged_rows.rows, 0) AS rows_read,
    coalesce(taken, 0) AS rows_counted,
    coalesce(refused, 0) AS rows_rejected,
    coalesce(passed.rows, 0) AS rows_passed_over,
    make_timestamp(first_moment) AS first_request,
    make_timestamp(last_moment) AS last_request,
    $ingested_at AS ingested_at,
    $run_id AS run_id,
    'ingested' AS state,
    $registered_only AS registered_only,
    plausible_from,
    plausible_until
FROM batch
JOIN plausible USING (file)
LEFT JOIN read USING (file)
LEFT JOIN judged_rows USING (file_id)
LEFT JOIN passed USING (file)

-- name: taken
SELECT
    count(*),
    CAST(sum(rows_read) AS BIGINT),
    CAST(sum(rows_counted) AS BIGINT)
FROM internal.files WHERE file_id IN (SELECT file_id FROM batch)

-- name: long_named
SELECT DISTINCT file_id FROM counted JOIN batch USING (file)
WHERE service IN (SELECT service FROM logged WHERE length(text) > $longest)

-- name: rejected
SELECT reason, CAST(sum(rows) AS BIGINT) FROM verdicts WHERE reason IS NOT NULL GROUP BY reason

-- name: reasons_passed_over
SELECT reason, CAST(sum(rows) AS BIGINT) FROM passed_over JOIN batch USING (file) GROUP BY reason

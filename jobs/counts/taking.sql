-- name: doubts
-- Files whose named services look like something else. Bare addresses are more likely clients;
-- where no column holds the client, so are names that networks give their customers. What a
-- web server writes of requests (detailed) makes a name without a dot a machine's, and almost as
-- many names as rows those of clients.
WITH named AS (
    SELECT file, lower(text) AS name, sum(rows) AS rows
    FROM (SELECT file, service, sum(rows) AS rows FROM counted GROUP BY ALL) JOIN logged USING (service)
    WHERE NOT missing(text) AND length(text) <= $longest GROUP BY ALL
), looked_at AS (
    SELECT
        file,
        rows,
        regexp_full_match(name, '\d{1,3}(\.\d{1,3}){3}|[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*') AS address,
        regexp_full_match(name, '[^.:\[\]]+|ip-\d+-\d+-\d+-\d+\..*|.*\.(localdomain|compute\.internal)')
            AND name <> 'localhost' AS machine,
        regexp_matches(name, '^[^.]*\d{1,3}[-x]\d{1,3}[-x]\d{1,3}|^\d{1,3}\.\d{1,3}\.\d{1,3}\.[^.]*[a-z]')
            OR regexp_matches(name, '^[^.]*(dial|dsl|ppp|pool|dhcp|dyn|cable|client|modem|slip|pc|cpe)[a-z]*[-_]?\d')
            AS dialled
    FROM named
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
        WHEN $detailed AND 2 * rows_of_machines >= rows THEN 'names without a domain, perhaps of machines'
        WHEN NOT $clientless THEN NULL
        WHEN dialled + addresses >= 3 AND dialled > 0 AND 2 * (dialled + addresses) >= names
            THEN 'names of clients, it seems'
        WHEN addresses >= 2 AND names >= 5 AND 10 * addresses >= names AND 20 * rows_of_addresses >= rows
            THEN 'names and addresses, perhaps of clients'
        WHEN $detailed AND names >= 200 AND 5 * names >= rows THEN 'almost as many names as rows, perhaps of clients'
    END AS doubt
FROM figures
WHERE doubt IS NOT NULL

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
SELECT unnest($services) AS service, unnest($texts) AS logged, CAST(unnest($canonical) AS VARCHAR) AS service_name

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

-- Scanners invent hosts: where these don't count, they leave nothing behind either.
INSERT INTO internal.service_aliases
SELECT logged, service_name FROM names
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
    FROM counted WHERE bucket > timeless() GROUP BY file
) AS reach USING (file)

-- name: judge
-- Each group with its verdict: a cell that it counts for, or why it counts for none.
CREATE OR REPLACE TEMP TABLE judged_batch AS
SELECT
    file_id,
    service_id,
    bucket,
    status_code,
    rows,
    CASE
        WHEN bucket = timeless() THEN 'timestamp missing'
        -- Asked again, now that no statistics of a file can answer.
        WHEN bucket NOT BETWEEN bucket_number(-62135596800000000) AND bucket_number(253402300799999999)
            THEN 'timestamp unreadable'
        WHEN bucket_start(bucket) < plausible_from THEN 'timestamp implausible'
        WHEN bucket_start(bucket) >= plausible_until THEN 'timestamp in the future'
        WHEN service IS NULL OR service IN (SELECT service FROM logged WHERE missing(text)) THEN 'service missing'
        WHEN service_name IS NULL THEN 'service unreadable'
        WHEN service_id IS NULL THEN 'service not registered'
        WHEN status_missing THEN 'status missing'
        WHEN status_code IS NULL THEN 'status unreadable'
        WHEN bucket_start(bucket) < (SELECT kept_from FROM internal.snapshot) THEN 'older than what is kept'
    END AS reason
FROM counted
JOIN batch USING (file)
JOIN plausible USING (file)
LEFT JOIN names USING (service)

-- name: take
-- What the batch adds, and what it could not add.
CREATE OR REPLACE TEMP TABLE verdicts AS
SELECT file_id, reason, CAST(sum(rows) AS BIGINT) AS rows FROM judged_batch GROUP BY ALL;

INSERT INTO internal.contributions
SELECT file_id, service_id, bucket_start(bucket), status_code, rows FROM judged_batch WHERE reason IS NULL;

INSERT INTO internal.rejects
SELECT file_id, reason, rows FROM verdicts WHERE reason IS NOT NULL;

INSERT INTO internal.passed_over
SELECT file_id, reason, rows FROM passed_over JOIN batch USING (file);

-- name: misfits
-- Files of which every row is rejected for one reason, which says that the reading is wrong rather
-- than the rows: nothing was found inside a text; or there is text in more than one row that can't
-- be read, but for services, which clients write as they like; or it is more than a handful of rows.
SELECT file, role, rows
FROM (
    SELECT
        file_id,
        split_part(any_value(reason), ' ', 1) AS role,
        any_value(reason) LIKE '% unreadable' AS unreadable,
        CAST(sum(rows) AS BIGINT) AS rows
    FROM verdicts
    GROUP BY file_id
    HAVING count(*) = 1
        AND bool_and(coalesce(regexp_full_match(reason, '(timestamp|service|status) (missing|unreadable)'), false))
)
JOIN batch USING (file_id)
WHERE role IN (SELECT unnest(CAST($in_text AS VARCHAR[])))
    OR (unreadable AND rows > 1 AND role <> 'service' AND role IN (SELECT unnest(CAST($texts AS VARCHAR[]))))
    OR rows >= 10

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

-- name: changes
-- What the sources list, files that this run counts, and files in force before it that go.
CREATE OR REPLACE TEMP TABLE listed (path VARCHAR, size BIGINT, version VARCHAR);
CREATE OR REPLACE TEMP TABLE added (file_id INTEGER);
CREATE OR REPLACE TEMP TABLE withdrawn (file_id INTEGER);

-- name: see
-- The files that the sources hold now.
CREATE OR REPLACE TEMP TABLE listed AS
SELECT
    unnest($paths) AS path,
    unnest($sizes) AS size,
    unnest($versions) AS version

-- name: settle
-- A file is settled if nothing about it has to be looked at: its path, size and version are
-- known, and what was decided of it still holds.
CREATE OR REPLACE TEMP TABLE settled AS
SELECT listed.path, known.state, known.reason
FROM listed
JOIN internal.files AS known
    ON known.path = listed.path AND known.size = listed.size AND known.version = listed.version
WHERE known.state IN ('ingested', 'forgotten', 'refused')
    OR (known.state = 'quarantined' AND NOT $retry)
    OR (known.state = 'duplicate' AND known.fingerprint IN (SELECT fingerprint FROM internal.files WHERE state = 'ingested'))

-- name: unchanged
SELECT count(DISTINCT path) FROM settled
WHERE state NOT IN ('quarantined', 'refused') AND path NOT IN (SELECT path FROM internal.files JOIN added USING (file_id))

-- name: still
SELECT path, reason FROM settled WHERE state = $state ORDER BY path

-- name: unsettled
-- Files to look at; those that were counted before come first, so that content which moved from
-- one path to another is withdrawn at the old path before it is met at the new one.
SELECT path
FROM listed ANTI JOIN settled USING (path)
ORDER BY path NOT IN (SELECT path FROM internal.files WHERE state = 'ingested'), path

-- name: known
-- What the ledger says of these contents: at their own paths, and at others.
WITH asked AS (SELECT unnest($paths) AS path, unnest($fingerprints) AS fingerprint),
here AS (
    SELECT
        path,
        bool_or(state = 'ingested' AND NOT $afresh) AS counted,
        bool_or(state = 'forgotten') AS forgotten,
        bool_or(state = 'duplicate') AS duplicate,
        any_value(reason) FILTER (state = 'quarantined') AS quarantined
    FROM asked JOIN internal.files USING (path, fingerprint)
    GROUP BY path
),
-- Not path by path: of one content there may be thousands of copies.
held AS (
    SELECT
        fingerprint,
        min(path) FILTER (state = 'ingested') AS first,
        max(path) FILTER (state = 'ingested') AS last,
        min(path) FILTER (state = 'forgotten') AS forgotten_twin
    FROM internal.files
    WHERE state IN ('ingested', 'forgotten') AND fingerprint IN (SELECT fingerprint FROM asked)
    GROUP BY fingerprint
),
summed AS (
    SELECT *, coalesce(nullif(first, path), nullif(last, path)) AS twin
    FROM asked LEFT JOIN here USING (path) LEFT JOIN held USING (fingerprint)
)
SELECT
    path,
    counted
        OR (duplicate AND twin IS NOT NULL)
        -- Forgotten content may come back to a path that something else was counted from since.
        OR (forgotten AND path NOT IN (SELECT path FROM internal.files WHERE state = 'ingested')) AS unchanged,
    quarantined,
    twin,
    forgotten_twin
FROM summed

-- name: touch
-- The same content under a new modification time: only what the file system says has changed.
UPDATE internal.files SET version = touched.version, modified_at = make_timestamp(touched.modified_us)
FROM (
    SELECT
        unnest($paths) AS path,
        unnest($fingerprints) AS fingerprint,
        unnest($versions) AS version,
        unnest($modified_us) AS modified_us
) AS touched
WHERE files.path = touched.path AND files.fingerprint = touched.fingerprint AND state <> 'replaced'

-- name: drop_earlier
-- An earlier broken content, or what was said of this one; what the path held before that stays,
-- for as long as nothing sound takes its place.
DELETE FROM internal.files
WHERE path IN (SELECT unnest($paths)) AND state IN ('quarantined', 'refused')
    OR (path, fingerprint) IN (SELECT unnest($paths), unnest($fingerprints)) AND state = 'forgotten'

-- name: drop_other_verdicts
-- Content that the path held for a while and that was not counted.
DELETE FROM internal.files
USING (SELECT unnest($paths) AS path, unnest($fingerprints) AS fingerprint) AS touched
WHERE files.path = touched.path AND files.fingerprint IS DISTINCT FROM touched.fingerprint
    AND state IN ('quarantined', 'refused')

-- name: drop_verdicts
-- What was said of content that is at its path no more.
DELETE FROM internal.files
WHERE path IN (SELECT unnest($paths)) AND state IN ('quarantined', 'refused', 'duplicate')

-- name: heirs
-- Files in force that go, and a duplicate of each that can take its place without being read: the
-- content was delivered at its path, too. Not where the same content is counted again.
CREATE OR REPLACE TEMP TABLE heirs AS
SELECT gone.file_id AS gone_id, min(heir.file_id) AS heir_id
FROM internal.files AS gone JOIN internal.files AS heir USING (fingerprint)
WHERE gone.path IN (SELECT unnest($paths)) AND gone.state = 'ingested' AND heir.state = 'duplicate'
    AND gone.fingerprint NOT IN (SELECT unnest($fingerprints))
GROUP BY gone.file_id

-- name: heir
CREATE OR REPLACE TEMP TABLE heirs AS
SELECT gone.file_id AS gone_id, heir.file_id AS heir_id
FROM internal.files AS gone JOIN internal.files AS heir USING (fingerprint)
WHERE gone.path = $path AND gone.state = 'ingested' AND heir.path = $heir AND heir.state = 'duplicate'

-- name: inherit
UPDATE internal.contributions SET file_id = heir_id FROM heirs WHERE file_id = gone_id;

UPDATE internal.folded_days SET file_id = heir_id FROM heirs WHERE file_id = gone_id;

UPDATE internal.rejects SET file_id = heir_id FROM heirs WHERE file_id = gone_id;

UPDATE internal.passed_over SET file_id = heir_id FROM heirs WHERE file_id = gone_id;

UPDATE internal.files SET
    state = 'ingested',
    reason = NULL,
    format = gone.format,
    reading_id = gone.reading_id,
    rows_read = gone.rows_read,
    rows_counted = gone.rows_counted,
    rows_rejected = gone.rows_rejected,
    rows_passed_over = gone.rows_passed_over,
    first_request = gone.first_request,
    last_request = gone.last_request,
    ingested_at = gone.ingested_at,
    run_id = gone.run_id,
    folded = gone.folded,
    registered_only = gone.registered_only,
    plausible_from = gone.plausible_from,
    plausible_until = gone.plausible_until
FROM heirs JOIN internal.files AS gone ON gone.file_id = gone_id
WHERE files.file_id = heir_id;

UPDATE internal.files SET state = 'replaced', reason = 'the content of its path changed'
WHERE file_id IN (SELECT gone_id FROM heirs);

-- name: withdraw
-- Files in force whose path now holds something else.
INSERT INTO withdrawn
SELECT file_id FROM internal.files WHERE path IN (SELECT unnest($paths)) AND state = 'ingested'

-- name: mark_withdrawn
UPDATE internal.files SET state = 'replaced', reason = $reason
WHERE path IN (SELECT unnest($paths)) AND state = 'ingested'

-- name: named
-- The files at a path or below it that something is held against or counted for, and copies of
-- what they hold, which would take their place.
WITH named AS (
    SELECT path, fingerprint FROM internal.files
    WHERE (path = $path OR starts_with(path, $path || '/')) AND state IN ('ingested', 'duplicate', 'quarantined', 'refused')
)
SELECT path FROM named
UNION
SELECT copies.path FROM internal.files AS copies JOIN named USING (fingerprint)
WHERE copies.state IN ('ingested', 'duplicate')
ORDER BY path

-- name: mark_forgotten
UPDATE internal.files SET state = 'forgotten', reason = 'taken back by hand'
WHERE path IN (SELECT unnest($paths)) AND state IN ('ingested', 'duplicate', 'quarantined', 'refused')

-- name: in_force
SELECT path, fingerprint, folded, rows_counted, first_request, last_request FROM internal.files
WHERE path IN (SELECT unnest($paths)) AND state = 'ingested' ORDER BY path

-- name: between
SELECT path, fingerprint, folded, rows_counted, first_request, last_request FROM internal.files
WHERE state = 'ingested' AND first_request <= $last AND last_request >= $first ORDER BY path

-- name: copies
SELECT path FROM internal.files
WHERE state = 'duplicate' AND fingerprint = $fingerprint ORDER BY path

-- name: next_file_id
SELECT coalesce(max(file_id), 0) + 1 FROM internal.files

-- name: record
-- Content that is in force at its path stays so, whatever a second look at it gave.
INSERT INTO internal.files BY NAME
SELECT
    given.*,
    $state AS state,
    $ingested_at AS ingested_at,
    $run_id AS run_id,
    0 AS rows_read,
    0 AS rows_counted,
    0 AS rows_rejected
FROM (
    SELECT
        unnest($file_ids) AS file_id,
        unnest($paths) AS path,
        unnest($sizes) AS size,
        make_timestamp(unnest($modified_us)) AS modified_at,
        unnest($versions) AS version,
        unnest($fingerprints) AS fingerprint,
        unnest($reasons) AS reason
) AS given
ANTI JOIN (FROM internal.files WHERE state = 'ingested') AS held USING (path, fingerprint)

-- name: replaced
SELECT count(*) FROM internal.files WHERE path IN (SELECT unnest($paths)) AND state = 'ingested'

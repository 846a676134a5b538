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
WHERE known.state IN ('ingested', 'forgotten')
    OR (known.state = 'quarantined' AND NOT $retry)
    OR (known.state = 'duplicate' AND known.fingerprint IN (SELECT fingerprint FROM internal.files WHERE state = 'ingested'))

-- name: unchanged
SELECT count(DISTINCT path) FROM settled
WHERE state <> 'quarantined' AND path NOT IN (SELECT path FROM internal.files WHERE file_id >= $first_new_file)

-- name: settled_quarantine
SELECT path, reason FROM settled WHERE state = 'quarantined' ORDER BY path

-- name: unsettled
-- Files to look at; those that were counted before come first, so that content which moved from
-- one path to another is withdrawn at the old path before it is met at the new one.
SELECT path
FROM listed ANTI JOIN settled USING (path)
ORDER BY path NOT IN (SELECT path FROM internal.files WHERE state = 'ingested'), path

-- name: orphans
-- Duplicates whose twin went in this run: now they are the ones that hold the content.
SELECT path
FROM listed
JOIN internal.files AS known USING (path)
WHERE known.state = 'duplicate'
    AND known.fingerprint NOT IN (SELECT fingerprint FROM internal.files WHERE state = 'ingested')
ORDER BY path

-- name: known
-- What the ledger says of these contents: at their own paths, and at others.
WITH met AS (
    SELECT asked.path, known.path AS known_path, known.path = asked.path AS here, known.state, known.reason
    FROM (SELECT unnest($paths) AS path, unnest($fingerprints) AS fingerprint) AS asked
    JOIN internal.files AS known USING (fingerprint)
),
summed AS (
    SELECT
        path,
        bool_or(here AND state IN ('ingested', 'forgotten')) AS decided,
        bool_or(here AND state = 'duplicate') AS duplicate,
        any_value(reason) FILTER (here AND state = 'quarantined') AS quarantined,
        min(known_path) FILTER (NOT here AND state = 'ingested') AS twin,
        min(known_path) FILTER (NOT here AND state = 'forgotten') AS forgotten_twin
    FROM met GROUP BY path
)
SELECT path, decided OR (duplicate AND twin IS NOT NULL) AS unchanged, quarantined, twin, forgotten_twin
FROM summed

-- name: touch
-- The same content under a new modification time: only what the file system says has changed.
UPDATE internal.files SET version = $version, modified_at = make_timestamp($modified_us)
WHERE path = $path AND fingerprint = $fingerprint AND state <> 'replaced'

-- name: drop_other_verdicts
-- What was said of other content that its path held for a while.
DELETE FROM internal.files
WHERE path = $path AND fingerprint IS DISTINCT FROM $fingerprint AND state IN ('quarantined', 'duplicate')

-- name: drop_verdicts
-- What was said of content that is at its path no more.
DELETE FROM internal.files
WHERE path IN (SELECT unnest($paths)) AND state IN ('quarantined', 'duplicate')

-- name: withdraw
-- Files in force whose path now holds something else.
INSERT INTO withdrawn
SELECT file_id FROM internal.files WHERE path IN (SELECT unnest($paths)) AND state = 'ingested'

-- name: mark_replaced
UPDATE internal.files SET state = 'replaced', reason = 'the content of its path changed'
WHERE file_id IN (SELECT file_id FROM withdrawn) AND state = 'ingested'

-- name: asked
-- The files at a path or below it that something is held against or counted for, and copies of
-- what they hold, which would take their place.
WITH named AS (
    SELECT path, fingerprint FROM internal.files
    WHERE (path = $path OR starts_with(path, $path || '/')) AND state IN ('ingested', 'duplicate', 'quarantined')
)
SELECT path FROM named
UNION
SELECT copies.path FROM internal.files AS copies JOIN named USING (fingerprint)
WHERE copies.state IN ('ingested', 'duplicate')
ORDER BY path

-- name: mark_forgotten
UPDATE internal.files SET state = 'forgotten', reason = 'taken back by hand'
WHERE path IN (SELECT unnest($paths)) AND state IN ('ingested', 'duplicate', 'quarantined')

-- name: next_file_id
SELECT coalesce(max(file_id), 0) + 1 FROM internal.files

-- name: record
INSERT INTO internal.files BY NAME
SELECT
    unnest($file_ids) AS file_id,
    unnest($paths) AS path,
    unnest($sizes) AS size,
    make_timestamp(unnest($modified_us)) AS modified_at,
    unnest($versions) AS version,
    unnest($fingerprints) AS fingerprint,
    unnest($reasons) AS reason,
    $state AS state,
    $ingested_at AS ingested_at,
    $run_id AS run_id,
    0 AS rows_read,
    0 AS rows_counted,
    0 AS rows_rejected

-- name: withdrawn
SELECT count(*) FROM withdrawn

-- name: changes
-- What the sources list, files that this run counts and what they add, and files in force before it
-- that go.
CREATE OR REPLACE TEMP TABLE listed (
    path VARCHAR, size BIGINT, version VARCHAR, named_service VARCHAR, read_under VARCHAR
);
CREATE OR REPLACE TEMP TABLE added (file_id INTEGER);
CREATE OR REPLACE TEMP TABLE withdrawn (file_id INTEGER);
CREATE OR REPLACE TEMP TABLE incoming (
    file_id INTEGER, service_id INTEGER, bucket_start TIMESTAMP, status_code SMALLINT, requests BIGINT
);

-- Contents that lie where the sources list them.
CREATE OR REPLACE TEMP VIEW present AS
SELECT fingerprint, files.named_service FROM internal.files AS files JOIN listed USING (path)
WHERE state IN ('ingested', 'duplicate') AND NOT displaced;

-- Where the rows of merged files count by now: what they were merged into may have been merged, too.
CREATE OR REPLACE TEMP MACRO identity(fingerprint, named_service) AS
    concat_ws(' ', fingerprint, nullif(named_service, ''));
CREATE OR REPLACE TEMP VIEW living AS
WITH RECURSIVE links AS (
    SELECT file_id, unnest(merged_into) AS content FROM internal.files WHERE state = 'merged'
    UNION
    SELECT links.file_id, unnest(merged_into)
    FROM links JOIN internal.files AS files ON content = identity(fingerprint, named_service)
    WHERE state = 'merged'
)
SELECT links.file_id, path AS holder
FROM links JOIN internal.files AS files ON content = identity(fingerprint, named_service)
WHERE state = 'ingested';

-- name: add
INSERT INTO added SELECT unnest($file_ids)

-- name: see
-- The files that the sources hold now, and how they would be read.
CREATE OR REPLACE TEMP TABLE listed AS
SELECT
    unnest($paths) AS path,
    unnest($sizes) AS size,
    unnest($versions) AS version,
    unnest($named_services) AS named_service,
    unnest($read_under) AS read_under

-- name: adopt
-- Programs before schema version 4 did not say which service a path gave its file.
UPDATE internal.files SET named_service = listed.named_service, read_under = listed.read_under
FROM listed
WHERE files.path = listed.path AND files.read_under IS NULL AND listed.named_service <> ''
    AND state IN ('ingested', 'duplicate', 'forgotten')

-- name: decide
-- A file is decided if nothing about it has to be looked at: its path, size and version are
-- known, and what was decided of it still holds, under the options that it was decided under. A
-- file is refused for as long as what it would replace is folded.
CREATE OR REPLACE TEMP TABLE decided AS
SELECT listed.path, known.state, known.reason, known.fingerprint, known.named_service
FROM listed
JOIN internal.files AS known
    ON known.path = listed.path AND known.size = listed.size AND known.version = listed.version
WHERE NOT displaced AND (
    known.state IN ('ingested', 'forgotten', 'merged')
    OR (
        known.state = 'refused'
        AND known.read_under = listed.read_under
        AND listed.path IN (SELECT path FROM internal.files WHERE state = 'ingested' AND folded
            AND NOT displaced)
        AND (known.fingerprint, known.named_service) NOT IN (
            SELECT (fingerprint, named_service) FROM internal.files WHERE state = 'ingested'
        )
    )
    OR (known.state = 'quarantined' AND known.read_under = listed.read_under AND NOT $retry)
    OR (
        known.state = 'duplicate'
        AND (known.fingerprint, known.named_service) IN (
            SELECT (fingerprint, named_service) FROM internal.files WHERE state = 'ingested'
        )
    )
)

-- name: unchanged
SELECT count(DISTINCT path) FROM decided
WHERE state NOT IN ('quarantined', 'refused')
    AND path NOT IN (SELECT path FROM internal.files JOIN added USING (file_id))

-- name: still
SELECT path, reason FROM decided WHERE state = $state ORDER BY path

-- name: unusable
-- Files that could not be counted and that the sources do not list.
SELECT DISTINCT path FROM internal.files ANTI JOIN listed USING (path)
WHERE state IN ('quarantined', 'refused') ORDER BY path

-- name: undecided
-- Files to look at.
SELECT path FROM listed ANTI JOIN decided USING (path) ORDER BY path

-- name: doubtful
-- Those of them that may hold known content, or something else in its place: at known paths, or of
-- a size that known content has. All others hold what was never met.
SELECT path FROM listed ANTI JOIN decided USING (path)
WHERE path IN (SELECT path FROM internal.files WHERE state <> 'replaced')
    OR size IN (SELECT size FROM internal.files WHERE state IN ('ingested', 'forgotten', 'merged'))
ORDER BY path

-- name: reopen
-- What was refused is looked at again where what it would replace lies at another path by now.
DELETE FROM decided
WHERE state = 'refused'
    AND path NOT IN (SELECT path FROM internal.files WHERE state = 'ingested' AND folded AND NOT displaced)

-- name: known
-- What the ledger says of these contents: at their own paths, and at others.
WITH asked AS (
    SELECT
        unnest($paths) AS path,
        unnest($fingerprints) AS fingerprint,
        unnest($named_services) AS named_service,
        unnest($read_under) AS read_under
),
here AS (
    SELECT
        asked.path,
        -- What counts stays counted as it is, whatever the options say now.
        any_value(files.named_service) FILTER (state IN ('ingested', 'duplicate')) AS counted_as,
        bool_or(state = 'ingested' AND NOT $afresh) AS counted,
        bool_or(state = 'forgotten') AS forgotten,
        bool_or(state = 'duplicate') AS duplicate,
        any_value(reason) FILTER (state = 'quarantined'
            AND files.read_under = asked.read_under) AS quarantined
    FROM asked JOIN internal.files AS files USING (path, fingerprint)
    WHERE NOT displaced
    GROUP BY asked.path
),
-- Not path by path: of one content there may be thousands of copies.
held AS (
    SELECT
        fingerprint,
        named_service,
        min(path) FILTER (state = 'ingested') AS first,
        max(path) FILTER (state = 'ingested') AS last,
        min(path) FILTER (state = 'forgotten') AS forgotten_twin,
        bool_or(state = 'merged') AS merged
    FROM internal.files
    WHERE state IN ('ingested', 'forgotten', 'merged') AND fingerprint IN (SELECT fingerprint FROM asked)
    GROUP BY fingerprint, named_service
),
summed AS (
    SELECT *, coalesce(nullif(first, path), nullif(last, path)) AS twin
    FROM (
        SELECT asked.* REPLACE (coalesce(counted_as, named_service) AS named_service), here.* EXCLUDE (path)
        FROM asked LEFT JOIN here USING (path)
    )
    LEFT JOIN held USING (fingerprint, named_service)
)
SELECT
    path,
    counted
        OR merged
        OR (duplicate AND twin IS NOT NULL)
        -- Forgotten content may come back to a path that something else was counted from since.
        OR (forgotten AND path NOT IN (SELECT path FROM internal.files WHERE state = 'ingested'
            AND NOT displaced)) AS unchanged,
    quarantined,
    twin,
    forgotten_twin
FROM summed

-- name: other_services
-- What counts for another service, at another path. Content that counted nothing doubles nothing.
SELECT asked.path, files.path, files.fingerprint, files.named_service, displaced
FROM (
    SELECT
        unnest($paths) AS path,
        unnest($fingerprints) AS fingerprint,
        unnest($named_services) AS named_service
) AS asked
JOIN internal.files AS files USING (fingerprint)
WHERE state = 'ingested' AND rows_counted > 0
    AND files.named_service <> asked.named_service AND files.path <> asked.path
ORDER BY files.path DESC

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
    AND NOT displaced

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
WHERE path IN (SELECT unnest($paths)) AND state IN ('quarantined', 'refused', 'duplicate') AND NOT displaced

-- name: heirs
-- Files in force that go, and a duplicate of each that can take its place without being read: the
-- content was delivered at its path, too. Not where the same content is counted again.
CREATE OR REPLACE TEMP TABLE heirs AS
SELECT gone.file_id AS gone_id, first(heir.file_id ORDER BY heir.displaced, heir.file_id) AS heir_id
FROM internal.files AS gone JOIN internal.files AS heir USING (fingerprint, named_service)
WHERE gone.path IN (SELECT unnest($paths)) AND gone.state = 'ingested' AND NOT gone.displaced
    AND heir.state = 'duplicate'
    AND (gone.path, gone.fingerprint) NOT IN (SELECT (unnest($paths), unnest($fingerprints)))
GROUP BY gone.file_id

-- name: heir
CREATE OR REPLACE TEMP TABLE heirs AS
SELECT gone.file_id AS gone_id, heir.file_id AS heir_id
FROM internal.files AS gone JOIN internal.files AS heir USING (fingerprint, named_service)
WHERE gone.file_id = $file_id AND heir.path = $heir AND heir.state = 'duplicate'

-- name: inherit
-- A row moves to the path of its heir, and takes all that hangs on its number along.
UPDATE internal.files SET
    path = heir.path,
    size = heir.size,
    modified_at = heir.modified_at,
    version = heir.version,
    displaced = heir.displaced
FROM heirs JOIN internal.files AS heir ON heir.file_id = heir_id
WHERE files.file_id = gone_id;

DELETE FROM internal.files WHERE file_id IN (SELECT heir_id FROM heirs);

-- name: withdraw
-- Files in force that go.
INSERT INTO withdrawn SELECT unnest($file_ids)

-- name: any_withdrawn
SELECT count(*) > 0 FROM withdrawn

-- name: mark_withdrawn
UPDATE internal.files SET state = 'replaced', displaced = false, reason = $reason
WHERE file_id IN (SELECT unnest($file_ids))

-- name: restore
UPDATE internal.files SET state = 'ingested', displaced = true, reason = NULL
WHERE file_id IN (SELECT unnest($file_ids))

-- name: stays
DELETE FROM withdrawn WHERE file_id IN (SELECT unnest($file_ids))

-- name: drop_copies
-- Copies of what this run took out of force.
DELETE FROM internal.files
WHERE state = 'duplicate'
    AND (fingerprint, named_service) IN (
        SELECT (fingerprint, named_service) FROM internal.files
            WHERE file_id IN (SELECT file_id FROM withdrawn)
    )
    AND (fingerprint, named_service) NOT IN (
        SELECT (fingerprint, named_service) FROM internal.files WHERE state = 'ingested'
    )

-- name: release
-- Merged files whose rows count nowhere any more are what $state says: should they come, they are
-- new, unless they were taken back.
UPDATE internal.files SET state = $state, reason = $reason, merged_into = NULL
WHERE state = 'merged' AND file_id NOT IN (SELECT file_id FROM living)

-- name: merged_files
SELECT count(*) FROM internal.files WHERE state = 'merged'

-- name: merged
-- Files at a path or below it whose rows count in others, and one of these.
SELECT path, min(holder) FROM internal.files JOIN living USING (file_id)
WHERE path = $path OR starts_with(path, $path || '/')
GROUP BY path ORDER BY path

-- name: holder
SELECT min(holder) FROM living WHERE file_id = $file_id

-- name: named
-- Rows at a path or below it that something is counted for, and of all copies of what they hold,
-- which would take their place; rows that something is held against, at paths of which nothing
-- counts. What came to such a path since, and was never counted, stays to be counted.
WITH named AS (
    SELECT * FROM internal.files WHERE path = $path OR starts_with(path, $path || '/')
),
counted AS (SELECT * FROM named WHERE state IN ('ingested', 'duplicate'))
SELECT file_id, path FROM named
WHERE state IN ('quarantined', 'refused') AND path NOT IN (SELECT path FROM counted)
UNION
SELECT copies.file_id, copies.path
FROM internal.files AS copies JOIN counted USING (fingerprint, named_service)
WHERE copies.state IN ('ingested', 'duplicate')
ORDER BY path

-- name: mark_forgotten
UPDATE internal.files SET state = 'forgotten', displaced = false, reason = 'taken back by hand'
WHERE file_id IN (SELECT unnest($file_ids))

-- name: forgotten_counts
INSERT INTO withdrawn
SELECT file_id FROM internal.files WHERE file_id IN (SELECT unnest($file_ids)) AND state = 'ingested'

-- name: in_force
SELECT file_id, path, fingerprint, named_service, folded, displaced, rows_counted, first_request, last_request
FROM internal.files
WHERE path IN (SELECT unnest($paths)) AND state = 'ingested' AND NOT displaced ORDER BY path

-- name: below
SELECT file_id, path, fingerprint, named_service, folded, displaced, rows_counted, first_request, last_request
FROM internal.files
WHERE starts_with(path, $folder || '/') AND state = 'ingested' ORDER BY path

-- name: counted
SELECT file_id, path, fingerprint, named_service, folded, displaced, rows_counted, first_request, last_request
FROM internal.files
WHERE file_id IN (SELECT unnest($file_ids)) AND state = 'ingested' ORDER BY path

-- name: between
SELECT file_id, path, fingerprint, named_service, folded, displaced, rows_counted, first_request, last_request
FROM internal.files
WHERE state = 'ingested' AND first_request <= $last AND last_request >= $first ORDER BY path

-- name: paths
SELECT DISTINCT path FROM internal.files WHERE state <> 'replaced' ORDER BY path

-- name: copies
SELECT path FROM internal.files
WHERE state = 'duplicate' AND fingerprint = $fingerprint AND named_service = $named_service ORDER BY path

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
        unnest($named_services) AS named_service,
        unnest($read_under) AS read_under,
        unnest($reasons) AS reason
) AS given
ANTI JOIN (FROM internal.files WHERE state = 'ingested' AND NOT displaced) AS held USING (path, fingerprint)

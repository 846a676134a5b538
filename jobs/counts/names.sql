-- name: met
-- What was found at the paths that were looked at.
CREATE OR REPLACE TEMP TABLE met AS
SELECT
    unnest($paths) AS path,
    unnest($fingerprints) AS fingerprint,
    unnest($named_services) AS named_service,
    unnest($sizes) AS size,
    unnest($versions) AS version,
    make_timestamp(unnest($modified_us)) AS modified_at

-- name: as_counted
-- Where content is met under a service that it does not count for, it is what it counts for.
UPDATE met SET named_service = known.named_service
FROM (
    SELECT fingerprint, min(named_service) AS named_service FROM internal.files
    WHERE state IN ('ingested', 'forgotten') GROUP BY fingerprint
) AS known
WHERE known.fingerprint = met.fingerprint
    AND (met.fingerprint, met.named_service) NOT IN (
        SELECT (fingerprint, named_service) FROM internal.files WHERE state IN ('ingested', 'forgotten')
    )

-- name: at_home
-- Whether all that is known of what was met lies where it is known to, and counts. Then nothing moves.
SELECT
    NOT EXISTS (FROM internal.files WHERE displaced)
    AND NOT EXISTS (
        FROM internal.files AS known JOIN met USING (path)
        WHERE state <> 'replaced' AND (state, known.fingerprint, known.named_service)
            IS DISTINCT FROM ('ingested', met.fingerprint, met.named_service)
    )
    AND NOT EXISTS (
        FROM internal.files AS known JOIN met USING (fingerprint)
        WHERE state <> 'replaced' AND (state, known.path, known.named_service)
            IS DISTINCT FROM ('ingested', met.path, met.named_service)
    )

-- name: adopt
-- What counts at its path stays counted as it is, whatever the options say now.
UPDATE met SET named_service = known.named_service
FROM internal.files AS known
WHERE known.path = met.path AND known.fingerprint = met.fingerprint AND NOT known.displaced
    AND known.state IN ('ingested', 'duplicate');

-- Programs before schema version 4 did not say which service a path gave its file: content that is
-- gone from the path where they counted it is taken for what is met first.
UPDATE internal.files SET named_service = first.named_service
FROM (SELECT fingerprint, min(named_service) AS named_service FROM met GROUP BY fingerprint) AS first
WHERE files.fingerprint = first.fingerprint AND read_under IS NULL
    AND files.path NOT IN (SELECT path FROM {listed}) AND state = 'ingested'

-- name: judge
-- What lies where now, as far as anybody looked.
CREATE OR REPLACE TEMP TABLE lying AS
SELECT path, fingerprint, named_service, size, version, modified_at FROM met
UNION ALL
SELECT path, known.fingerprint, known.named_service, known.size, known.version, known.modified_at
FROM internal.files AS known JOIN {decided} USING (path, fingerprint, named_service, state)
WHERE NOT displaced
    -- Of content that came back to its path there may be two rows.
    QUALIFY row_number() OVER (PARTITION BY path ORDER BY known.file_id DESC) = 1;

-- Content in force of which something else lies at its path.
CREATE OR REPLACE TEMP TABLE homeless AS
SELECT file_id, path, displaced, files.fingerprint, files.named_service
FROM internal.files AS files LEFT JOIN lying USING (path)
WHERE state = 'ingested'
    AND (displaced OR lying.path IS NOT NULL)
    AND (files.fingerprint, files.named_service) IS DISTINCT FROM (lying.fingerprint, lying.named_service);

-- Where it lies instead: where it is new, else where a copy is, else where one was and nobody looked
-- since.
CREATE OR REPLACE TEMP TABLE homes AS
WITH places AS (
    SELECT *, false AS displaced, CAST((path, fingerprint, named_service) IN (
        SELECT (path, fingerprint, named_service) FROM internal.files WHERE state = 'duplicate'
    ) AS INTEGER) AS rank
    FROM lying
    UNION ALL
    SELECT path, fingerprint, named_service, size, version, modified_at, displaced,
        2 + CAST(displaced AS INTEGER)
    FROM internal.files
    WHERE state = 'duplicate' AND (displaced OR path NOT IN (SELECT path FROM lying))
)
SELECT homeless.file_id, homeless.path AS earlier, homeless.displaced AS was_displaced, places.*
FROM homeless JOIN places USING (fingerprint, named_service)
QUALIFY row_number() OVER (PARTITION BY homeless.file_id ORDER BY rank, places.path) = 1;

-- Paths to which known content was moved that lay elsewhere: what they held before is not corrected
-- by that. Forgotten content that comes back to its own path takes the place of what came since.
CREATE OR REPLACE TEMP TABLE moved_over AS
SELECT path
FROM lying
WHERE (fingerprint, named_service) IN (SELECT (fingerprint, named_service) FROM internal.files
    WHERE state IN ('ingested', 'forgotten', 'merged'))
    AND (path, fingerprint) NOT IN (SELECT (path, fingerprint) FROM internal.files WHERE state = 'forgotten')

-- name: vacated
SELECT earlier FROM homes WHERE NOT was_displaced

-- name: arrange
-- Every content in force gets the path where it lies; what lies nowhere stays, as of a file that
-- is gone. A row keeps its number, and with it all that hangs on it. Where a copy was known, the
-- two exchange their paths: the content was delivered at both.
UPDATE internal.files SET
    path = homes.earlier,
    size = former.size,
    version = former.version,
    modified_at = former.modified_at,
    displaced = was_displaced OR earlier IN (FROM moved_over)
FROM homes JOIN internal.files AS former USING (file_id)
WHERE files.path = homes.path AND files.fingerprint = homes.fingerprint
    AND files.named_service = homes.named_service
    AND files.state = 'duplicate';

UPDATE internal.files SET
    path = homes.path,
    size = homes.size,
    version = homes.version,
    modified_at = homes.modified_at,
    displaced = homes.displaced
FROM homes
WHERE files.file_id = homes.file_id;

UPDATE internal.files SET
    displaced = (files.fingerprint, files.named_service) IS DISTINCT FROM (lying.fingerprint,
        lying.named_service)
FROM lying
WHERE files.path = lying.path AND state IN ('ingested', 'duplicate')
    AND CASE
        WHEN displaced THEN files.fingerprint = lying.fingerprint
            AND files.named_service = lying.named_service
        ELSE files.path IN (FROM moved_over)
    END

-- name: rotated
-- Files that went from their paths for content which goes on from what went from another path.
WITH gone AS (
    SELECT file_id, path, fingerprint, named_service, last_request
    FROM internal.files
    WHERE state = 'replaced' AND NOT folded AND rows_counted > 0
        AND file_id IN (SELECT file_id FROM {withdrawn})
),
come AS (
    SELECT file_id, path, first_request
    FROM internal.files
    WHERE state = 'ingested' AND file_id IN (SELECT file_id FROM {added})
)
SELECT gone.file_id
FROM gone JOIN come ON come.path = gone.path AND come.first_request > gone.last_request
WHERE EXISTS (
    FROM gone AS grown
    WHERE grown.path <> gone.path AND NOT EXISTS (
        FROM internal.contributions AS old
        LEFT JOIN {incoming} AS new
            ON new.file_id = come.file_id AND new.service_id = old.service_id
            AND new.bucket_start = old.bucket_start AND new.status_code = old.status_code
        WHERE old.file_id = grown.file_id AND coalesce(new.requests, 0) < old.requests
    )
)
AND (fingerprint, named_service) NOT IN (
    SELECT (fingerprint, named_service) FROM internal.files WHERE state = 'ingested'
)
ORDER BY gone.file_id

-- name: many
-- Rows of a relation, and with them those that the snapshot holds.
SELECT (SELECT count(*) FROM {rows}) + (SELECT count(*) FROM internal.shared_contributions)

-- name: within
INSERT INTO internal.shared_contributions FROM {rows}

-- name: next
SELECT coalesce(max(sidecar), 0) + 1 FROM internal.sidecars

-- name: write
-- What the snapshot holds goes along. A file's rows lie together, so that few are read for it.
COPY (
    SELECT *, CAST({sidecar} AS INTEGER) AS sidecar
    FROM (FROM internal.shared_contributions UNION ALL FROM {rows})
) TO {file} (FORMAT parquet, COMPRESSION zstd)

-- name: list
DELETE FROM internal.shared_contributions;

INSERT INTO internal.kept_apart
SELECT file_id, sidecar, count(*), CAST(sum(requests) AS BIGINT)
FROM read_parquet({file}, hive_partitioning = false) GROUP BY ALL;

INSERT INTO internal.sidecars
SELECT sidecar, {name}, sum(rows) FROM internal.kept_apart WHERE sidecar = {sidecar} GROUP BY sidecar

-- name: listed
-- The sidecars with rows that count, and whether all of them do.
SELECT name, sum(kept_apart.rows) = any_value(sidecars.rows)
FROM internal.sidecars JOIN internal.kept_apart USING (sidecar)
GROUP BY sidecar, name ORDER BY sidecar

-- name: show
CREATE OR REPLACE VIEW internal.sidecar_contributions AS
{rows};
COMMENT ON VIEW internal.sidecar_contributions IS 'The rows of all sidecars that count.'

-- name: none
SELECT *, 0 AS sidecar FROM internal.shared_contributions WHERE false

-- name: whole
SELECT file_id, service_id, bucket_start, status_code, requests, sidecar
FROM read_parquet([{files}], hive_partitioning = false)

-- name: living_rows
SELECT file_id, service_id, bucket_start, status_code, requests, sidecar
FROM read_parquet([{files}], hive_partitioning = false)
SEMI JOIN internal.kept_apart USING (file_id, sidecar)
WHERE {kept}

-- name: kept_from
SELECT kept_from FROM internal.snapshot

-- name: damaged
-- A sidecar that does not hold what it held of these files.
WITH held AS (
    SELECT file_id, sidecar, sum(requests) AS requests FROM internal.sidecar_contributions
    WHERE file_id IN (SELECT file_id FROM {files}) GROUP BY ALL
)
SELECT min(name)
FROM internal.kept_apart LEFT JOIN held USING (file_id, sidecar) JOIN internal.sidecars USING (sidecar)
WHERE file_id IN (SELECT file_id FROM {files}) AND held.requests IS DISTINCT FROM kept_apart.requests

-- name: any_apart
SELECT count(*) > 0 FROM internal.kept_apart WHERE file_id IN (SELECT file_id FROM {files})

-- name: drop
DELETE FROM internal.kept_apart WHERE file_id IN (SELECT file_id FROM {files})

-- name: expire
-- Rows older than what is kept.
UPDATE internal.kept_apart SET
    rows = kept_apart.rows - past.rows,
    requests = kept_apart.requests - past.requests
FROM (
    SELECT file_id, sidecar, count(*) AS rows, CAST(sum(requests) AS BIGINT) AS requests
    FROM internal.sidecar_contributions
    WHERE bucket_start < (SELECT kept_from FROM internal.snapshot) GROUP BY ALL
) AS past
WHERE kept_apart.file_id = past.file_id AND kept_apart.sidecar = past.sidecar;

DELETE FROM internal.kept_apart WHERE rows = 0

-- name: drop_dead
DELETE FROM internal.sidecars WHERE sidecar NOT IN (SELECT sidecar FROM internal.kept_apart)

-- name: living
-- The sidecars, with the rows that count and with all, but for those that are large and count mostly.
SELECT sidecar, CAST(sum(kept_apart.rows) AS BIGINT) AS living, any_value(sidecars.rows) AS held
FROM internal.sidecars JOIN internal.kept_apart USING (sidecar)
GROUP BY sidecar HAVING living < $small OR 2 * living < held
ORDER BY sidecar

-- name: choose
CREATE OR REPLACE TEMP TABLE chosen_sidecars AS SELECT CAST(unnest($sidecars) AS INTEGER) AS sidecar

-- name: merging
CREATE OR REPLACE TEMP VIEW merging AS
SELECT file_id, service_id, bucket_start, status_code, requests
FROM internal.sidecar_contributions WHERE sidecar IN (FROM chosen_sidecars);

CREATE OR REPLACE TEMP VIEW merging_files AS
SELECT file_id FROM internal.kept_apart WHERE sidecar IN (FROM chosen_sidecars)

-- name: leave
DELETE FROM internal.kept_apart WHERE sidecar IN (FROM chosen_sidecars);

DELETE FROM internal.sidecars WHERE sidecar IN (FROM chosen_sidecars)

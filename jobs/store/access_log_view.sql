-- name: unseen
-- Files in force that the sources did not list as they were counted, and no copies stand in for.
SELECT path, size, epoch_us(modified_at)
FROM {logged} ANTI JOIN {listed} USING (path, size, version)
WHERE NOT is_copy

-- name: dropped
SELECT name FROM internal.access_log_parts
WHERE name NOT IN (SELECT name FROM {partitions} UNION ALL SELECT name FROM {groups} UNION ALL SELECT name
    FROM {whole})

-- name: regrouped
-- Whether the groups are not those that access_log was defined with.
SELECT count(*) > 0 FROM {whole} ANTI JOIN internal.access_log_parts USING (name, digest)

-- name: note
DELETE FROM internal.access_log_parts;

INSERT INTO internal.access_log_parts
SELECT name, digest FROM {partitions}
UNION ALL
SELECT name, digest FROM {groups}
UNION ALL
SELECT name, digest FROM {whole}

-- name: logged
-- The files of all partitions, as they were counted.
SELECT path, size, epoch_us(modified_at)
FROM {logged}
WHERE path IN (SELECT unnest(timed || untimed) FROM {partitions})

-- name: ways
-- How the files of all partitions are read.
SELECT unnest(list_distinct(timed || untimed)), scan FROM {partitions}

-- name: unseen
-- Files in force that the sources did not list as they were counted, and no copies stand in for.
SELECT path, size, epoch_us(modified_at)
FROM shown ANTI JOIN listed USING (path, size, version)
WHERE NOT is_copy

-- name: dropped
SELECT name FROM internal.access_log_parts ANTI JOIN parts USING (name)

-- name: added
-- Without a digest, access_log is as an older program defined it.
SELECT name FROM parts ANTI JOIN (FROM internal.access_log_parts WHERE digest <> '') USING (name)

-- name: note
DELETE FROM internal.access_log_parts;

INSERT INTO internal.access_log_parts SELECT name, digest FROM parts

-- name: shown
-- The files of all parts, as they were counted.
SELECT path, size, epoch_us(modified_at)
FROM shown
WHERE path IN (SELECT unnest(timed || untimed) FROM parts)

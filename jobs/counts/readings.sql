-- name: reading
-- The number of this way to read rows, new or known.
INSERT INTO internal.readings
SELECT coalesce(max(reading_id), 0) + 1, $kind, $selection, $condition, $moment, $bare_timestamp, $bare_service, $scan
FROM internal.readings
HAVING coalesce(bool_and((kind, selection, condition, moment, bare_timestamp, bare_service, scan)
    IS DISTINCT FROM ($kind, $selection, $condition, $moment, $bare_timestamp, $bare_service, $scan)), true)

-- name: reading_id
SELECT reading_id FROM internal.readings
WHERE (kind, selection, condition, moment, bare_timestamp, bare_service, scan)
    IS NOT DISTINCT FROM ($kind, $selection, $condition, $moment, $bare_timestamp, $bare_service, $scan)

-- name: read_otherwise
UPDATE internal.files SET reading_id = $reading_id WHERE file_id IN (SELECT unnest($files))

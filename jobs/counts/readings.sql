-- name: reading
-- The number of this way to read rows, new or known.
INSERT INTO internal.readings
WITH way AS (
    SELECT
        $kind AS kind,
        $selection AS selection,
        $condition AS condition,
        $moment AS moment,
        $bare_timestamp AS bare_timestamp,
        $bare_service AS bare_service,
        $scan AS scan,
        $sequence AS sequence,
        $server AS server,
        $request_id AS request_id
)
SELECT coalesce((SELECT max(reading_id) FROM internal.readings), 0) + 1, way.* FROM way
WHERE NOT EXISTS (FROM (SELECT * EXCLUDE (reading_id) FROM internal.readings) AS known
    WHERE known IS NOT DISTINCT FROM way)

-- name: reading_id
SELECT reading_id FROM internal.readings
WHERE (kind, selection, condition, moment, bare_timestamp, bare_service, scan, sequence, server, request_id)
    IS NOT DISTINCT FROM ($kind, $selection, $condition, $moment, $bare_timestamp, $bare_service, $scan,
        $sequence, $server, $request_id)

-- name: read_otherwise
UPDATE internal.files SET reading_id = $reading_id WHERE file_id IN (SELECT unnest($files))

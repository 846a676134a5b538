-- name: known
-- How these files were read; of text, whether each line is a row, or none.
SELECT
    path, fingerprint, selection, condition, scan,
    coalesce(contains(scan, $broken), false) AS is_text,
    coalesce(NOT contains(scan, 'read_json_objects'), false) AS by_line
FROM internal.files JOIN internal.readings USING (reading_id)
WHERE state = 'ingested' AND NOT displaced AND path IN (SELECT unnest($paths))
ORDER BY path

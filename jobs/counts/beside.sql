-- name: beside
-- Files of the scan that hold what rows are passed over beside.
SELECT DISTINCT {file_index} FROM {rows} WHERE {holds}

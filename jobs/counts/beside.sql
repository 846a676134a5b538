-- name: beside
-- Files of the scan that hold what rows are passed over beside.
SELECT DISTINCT {file_index} FROM read_parquet($files, {options}) WHERE {holds}

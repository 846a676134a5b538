-- name: kinds
-- Files whose columns have the same names, types and order are of one kind.
SELECT kind, list(file_name)
FROM (
    SELECT file_name, md5(string_agg(concat_ws(' ', name, type, duckdb_type, logical_type, num_children),
        chr(10) ORDER BY column_id)) AS kind
    FROM parquet_schema($files)
    GROUP BY file_name
)
GROUP BY kind
ORDER BY min(file_name)

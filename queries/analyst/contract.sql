-- name: relations
SELECT view_name AS name, comment FROM duckdb_views()
WHERE schema_name = 'main' AND NOT internal AND database_name = current_database()
UNION ALL
SELECT table_name, comment FROM duckdb_tables()
WHERE schema_name = 'main' AND database_name = current_database()
ORDER BY name

-- name: columns
SELECT column_name, data_type, comment FROM duckdb_columns()
WHERE schema_name = 'main' AND database_name = current_database() AND table_name = lower($relation)
ORDER BY column_index

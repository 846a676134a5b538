-- name: parsed
SELECT json_serialize_sql(CAST($sql AS VARCHAR))

-- name: locks
-- The order matters: each of these is refused once the last is set.
SET python_enable_replacements = false;
SET max_temp_directory_size = '4GB';
SET allowed_paths = getvariable('allowed');
SET enable_external_access = false;
SET TimeZone = 'UTC';
SET lock_configuration = true;

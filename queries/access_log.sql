-- name: select
-- The rows of files, where they lie: one SELECT for each kind of file stands in for rows, all
-- with the columns below, service_name still as logged. Names that are canonical as logged come
-- apart from aliases, so that a question about a service reaches the files as a filter.
SELECT
    requested_at, service_name, status_code, method, path, bytes_sent, duration_ms, client_ip,
    user_agent, referer, cache_status, source_file
FROM ({rows}) AS files
ANTI JOIN internal.service_aliases AS aliases ON aliases.logged = files.service_name
UNION ALL
SELECT
    requested_at, aliases.service_name, status_code, method, path, bytes_sent, duration_ms, client_ip,
    user_agent, referer, cache_status, source_file
FROM ({rows}) AS files
JOIN internal.service_aliases AS aliases ON aliases.logged = files.service_name

-- name: comments
COMMENT ON VIEW access_log IS
    'Every row of the files in force, read from the Parquet files where they or their copies lie; NULL '
    'where a log does not say, and for what of an uncountable row could not be read.';
COMMENT ON COLUMN access_log.requested_at IS 'Moment of the request, UTC, cut to microseconds.';
COMMENT ON COLUMN access_log.service_name IS 'Canonical name: lower case, no port, no trailing dot.';
COMMENT ON COLUMN access_log.status_code IS '0 to 999, as logged.';
COMMENT ON COLUMN access_log.method IS 'Request method, as logged.';
COMMENT ON COLUMN access_log.path IS 'Path of the request, as logged; some vendors include the query string.';
COMMENT ON COLUMN access_log.bytes_sent IS
    'Bytes sent to the client; whether headers count differs by vendor.';
COMMENT ON COLUMN access_log.duration_ms IS 'Time taken to answer, in milliseconds.';
COMMENT ON COLUMN access_log.client_ip IS 'Address of the client, as logged.';
COMMENT ON COLUMN access_log.user_agent IS 'User agent, as logged.';
COMMENT ON COLUMN access_log.referer IS 'Referring page, as logged.';
COMMENT ON COLUMN access_log.cache_status IS 'What the cache did, in the words of the vendor.';
COMMENT ON COLUMN access_log.source_file IS 'The file that the row stands in: source_files.path.';

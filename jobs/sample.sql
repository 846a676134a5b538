-- name: requests
-- Row i of an hour, made from the bits of one MD5, which is the same on every machine. Few
-- services have most requests; most answers are 200, and which other codes a service gives
-- differs by service.
CREATE OR REPLACE TEMP VIEW requests AS
WITH dice AS (
    SELECT
        i,
        md5_number_lower(concat_ws('/', {seed}, '{hour}', i)) AS die
    FROM range({rows}) AS rows(i)
),
rolled AS (
    SELECT
        i,
        CAST(floor({random_services} * pow((die & 65535) / 65536.0, 1.5)) AS INTEGER) AS site,
        CAST((die >> 16) & 255 AS INTEGER) AS code_die,
        CAST((die >> 24) & 4095 AS INTEGER) AS page,
        CAST((die >> 36) & 255 AS INTEGER) AS address,
        CAST((die >> 44) & 63 AS INTEGER) AS agent,
        CAST((die >> 50) & 15 AS INTEGER) AS method_die,
        CAST((die >> 7) & 1048575 AS INTEGER) AS bytes,
        CAST((die >> 29) & 65535 AS INTEGER) AS duration
    FROM dice
),
answered AS (
    SELECT
        *,
        CASE
            WHEN code_die < 190 THEN 200
            WHEN code_die < 214 THEN 304
            WHEN code_die < 226 THEN 404
            WHEN code_die < 236 THEN [206, 301, 302, 204][1 + site % 4]
            WHEN code_die < 244 THEN [403, 499, 400, 429][1 + site % 4]
            WHEN code_die < 250 THEN [503, 500, 502, 504][1 + site % 4]
            WHEN code_die < 254 THEN 499
            ELSE 0
        END AS status
    FROM rolled
)
SELECT
    TIMESTAMP '{hour}' + to_microseconds(i * 3600000000 // {rows}) AS moment,
    [{names}][1 + site] AS service,
    status,
    CASE WHEN method_die < 13 THEN 'GET' WHEN method_die < 15 THEN 'POST' ELSE 'HEAD' END AS method,
    '/' || ['assets', 'api', 'img', 'video'][1 + page % 4] || '/' || page AS path,
    bytes,
    duration / 100.0 AS milliseconds,
    ['192.0.2.', '198.51.100.', '203.0.113.'][1 + page % 3] || address AS client,
    'Mozilla/5.0 (sample ' || agent || ')' AS agent,
    CASE WHEN agent % 2 = 0 THEN 'https://www.example.com/' || agent END AS referer,
    ['HIT', 'MISS', 'EXPIRED'][1 + page % 3] AS cache,
    site
FROM answered

-- name: documented
-- The requests behind the document's own example, and the one that makes its silent service
-- known, outside of the example's range.
CREATE OR REPLACE TEMP VIEW documented AS
WITH answers(service, bucket, status, requests) AS (
    VALUES
        ('api53-core-c-alisg.tiktokv.com', TIMESTAMP '2025-09-09 12:35:00', 400, 9),
        ('api53-core-c-alisg.tiktokv.com', TIMESTAMP '2025-09-09 12:35:00', 404, 424),
        ('api53-core-c-alisg.tiktokv.com', TIMESTAMP '2025-09-09 12:35:00', 405, 3),
        ('api53-core-c-alisg.tiktokv.com', TIMESTAMP '2025-09-09 12:40:00', 400, 9),
        ('api53-core-c-alisg.tiktokv.com', TIMESTAMP '2025-09-09 12:40:00', 403, 1),
        ('api53-core-c-alisg.tiktokv.com', TIMESTAMP '2025-09-09 12:40:00', 404, 406),
        ('api53-1121-auto-test.activity04.com', TIMESTAMP '2025-09-09 12:55:00', 200, 1)
)
SELECT
    bucket + to_microseconds(i * 300000000 // requests) AS moment,
    service,
    status,
    'GET' AS method,
    '/aweme/v1/feed' AS path,
    512 AS bytes,
    1.5 AS milliseconds,
    '192.0.2.1' AS client,
    'sample' AS agent,
    CAST(NULL AS VARCHAR) AS referer,
    'MISS' AS cache
FROM answers, range(requests) AS rows(i)

-- name: logged
-- What one file holds: the services whose turn it is; the documented ones come first.
CREATE OR REPLACE TEMP VIEW logged AS
SELECT * EXCLUDE (site) FROM requests WHERE site % {turns} = {turn}
UNION ALL
SELECT * FROM documented
WHERE {turn} = 0 AND moment >= TIMESTAMP '{hour}' AND moment < TIMESTAMP '{hour}' + INTERVAL 1 HOUR

-- name: generic
SELECT
    moment AS timestamp,
    service AS host,
    CAST(status AS SMALLINT) AS status,
    method,
    path,
    CAST(bytes AS BIGINT) AS bytes_sent,
    CAST(milliseconds AS DOUBLE) AS duration_ms,
    client AS client_ip,
    agent AS user_agent,
    referer,
    cache AS cache_status
FROM logged

-- name: cloudfront
SELECT
    strftime(moment, '%Y-%m-%d') AS date,
    strftime(moment, '%H:%M:%S') AS time,
    'FRA56-P3' AS "x-edge-location",
    CAST(bytes AS VARCHAR) AS "sc-bytes",
    client AS "c-ip",
    method AS "cs-method",
    'd111111abcdef8.cloudfront.net' AS "cs(Host)",
    path AS "cs-uri-stem",
    lpad(CAST(status AS VARCHAR), 3, '0') AS "sc-status",
    coalesce(referer, '-') AS "cs(Referer)",
    replace(agent, ' ', '%20') AS "cs(User-Agent)",
    '-' AS "cs-uri-query",
    cache AS "x-edge-result-type",
    service AS "x-host-header",
    'https' AS "cs-protocol",
    CAST(milliseconds / 1000 AS VARCHAR) AS "time-taken"
FROM logged

-- name: cloudflare
SELECT
    client AS "ClientIP",
    service AS "ClientRequestHost",
    method AS "ClientRequestMethod",
    path AS "ClientRequestURI",
    agent AS "ClientRequestUserAgent",
    coalesce(referer, '') AS "ClientRequestReferer",
    epoch_ns(moment) AS "EdgeStartTimestamp",
    epoch_ns(moment + to_microseconds(CAST(milliseconds * 1000 AS BIGINT))) AS "EdgeEndTimestamp",
    CAST(bytes AS BIGINT) AS "EdgeResponseBytes",
    CAST(status AS BIGINT) AS "EdgeResponseStatus",
    lower(cache) AS "CacheCacheStatus"
FROM logged

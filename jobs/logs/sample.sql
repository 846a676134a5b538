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

-- name: fastly
SELECT
    strftime(moment, '%Y-%m-%dT%H:%M:%S+0000') AS timestamp,
    client AS client_ip,
    service AS host,
    path AS url,
    method AS request_method,
    'HTTP/2' AS request_protocol,
    referer AS request_referer,
    agent AS request_user_agent,
    cache AS response_state,
    status AS response_status,
    CAST(bytes AS BIGINT) AS response_body_size,
    'cache-fra-etou8220158-FRA' AS fastly_server,
    shielded = 0 AS fastly_is_edge
FROM logged, range(1 + CAST(cache = 'MISS' AS INTEGER)) AS shield(shielded)

-- name: akamai
SELECT
    CAST(epoch_us(moment) // 1000 / 1000.0 AS VARCHAR) AS "reqTimeSec",
    service AS "reqHost",
    method AS "reqMethod",
    ltrim(path, '/') AS "reqPath",
    lpad(CAST(status AS VARCHAR), 3, '0') AS "statusCode",
    client AS "cliIP",
    CAST(bytes AS VARCHAR) AS bytes,
    replace(agent, ' ', '%20') AS "UA",
    CASE WHEN cache = 'HIT' THEN '1' ELSE '0' END AS "cacheStatus",
    CAST(CAST(milliseconds AS INTEGER) AS VARCHAR) AS "turnAroundTimeMSec"
FROM logged

-- name: alb
SELECT
    'https' AS type,
    strftime(moment, '%Y-%m-%dT%H:%M:%S.%fZ') AS time,
    'app/sample/50dc6c495c0c9188' AS elb,
    client AS client_ip,
    CAST(bytes % 60000 AS INTEGER) AS client_port,
    milliseconds / 1000 AS target_processing_time,
    CAST(status AS INTEGER) AS elb_status_code,
    CASE WHEN status < 500 THEN '200' ELSE '-' END AS target_status_code,
    CAST(bytes AS BIGINT) AS sent_bytes,
    method AS request_verb,
    'https://' || service || ':443' || path AS request_url,
    agent AS user_agent,
    strftime(moment - INTERVAL 1 SECOND, '%Y-%m-%dT%H:%M:%S.%fZ') AS request_creation_time,
    CASE WHEN bytes % 2 = 0 THEN service ELSE '-' END AS domain_name
FROM logged

-- name: frontdoor
SELECT
    strftime(moment, '%Y-%m-%dT%H:%M:%S.%f0Z') AS time,
    'FrontDoorAccessLog' AS category,
    {
        'trackingReference': md5(concat(moment, path, service)),
        'httpMethod': method,
        'requestUri': 'https://' || service || ':443' || path,
        'hostName': service,
        'httpStatusCode': CAST(status AS VARCHAR),
        'responseBytes': CAST(bytes AS VARCHAR),
        'timeTaken': CAST(milliseconds / 1000 AS VARCHAR),
        'clientIp': client,
        'userAgent': agent,
        'referrer': referer,
        'cacheStatus': cache,
        'isReceivedFromClient': shielded = 0
    } AS properties
FROM logged, range(1 + CAST(cache = 'MISS' AS INTEGER)) AS shield(shielded)

-- name: google
SELECT
    strftime(moment, '%Y-%m-%dT%H:%M:%S.%fZ') AS timestamp,
    strftime(moment + INTERVAL 1 MINUTE, '%Y-%m-%dT%H:%M:%S.%fZ') AS "receiveTimestamp",
    {
        'requestMethod': method,
        'requestUrl': 'https://' || service || path,
        'status': CAST(status AS INTEGER),
        'responseSize': CAST(bytes AS VARCHAR),
        'latency': CAST(milliseconds / 1000 AS VARCHAR) || 's',
        'remoteIp': client,
        'userAgent': agent,
        'referer': referer,
        'cacheHit': cache = 'HIT'
    } AS "httpRequest"
FROM logged

-- name: caddy
SELECT
    'info' AS level,
    epoch_us(moment) / 1e6 AS ts,
    CASE WHEN again = 0 THEN 'http.log.access.log0' ELSE 'http.log.error.log0' END AS logger,
    'handled request' AS msg,
    {
        'remote_ip': client,
        'client_ip': client,
        'proto': 'HTTP/2.0',
        'method': method,
        'host': service || ':443',
        'uri': path
    } AS request,
    CAST(0 AS BIGINT) AS bytes_read,
    milliseconds / 1000 AS duration,
    CAST(bytes AS BIGINT) AS size,
    CAST(status AS BIGINT) AS status
FROM logged, range(1 + CAST(status >= 500 AS INTEGER)) AS repeated(again)

-- name: envoy
SELECT
    strftime(moment, '%Y-%m-%dT%H:%M:%S.%gZ') AS start_time,
    service AS authority,
    method,
    path,
    CAST(status AS INTEGER) AS response_code,
    'via_upstream' AS response_code_details,
    '-' AS response_flags,
    'inbound|8080||' AS upstream_cluster,
    CAST(bytes AS BIGINT) AS bytes_sent,
    CAST(milliseconds AS BIGINT) AS duration,
    client || ':40000' AS downstream_remote_address,
    agent AS user_agent
FROM logged

-- name: traefik
SELECT
    strftime(moment, '%Y-%m-%dT%H:%M:%S.%fZ') AS "StartUTC",
    strftime(moment + INTERVAL 2 HOUR, '%Y-%m-%dT%H:%M:%S.%f+02:00') AS "StartLocal",
    strftime(moment + INTERVAL 2 HOUR + INTERVAL 1 SECOND, '%Y-%m-%dT%H:%M:%S+02:00') AS time,
    service AS "RequestHost",
    service || ':443' AS "RequestAddr",
    method AS "RequestMethod",
    path AS "RequestPath",
    CAST(status AS BIGINT) AS "DownstreamStatus",
    CAST(200 AS BIGINT) AS "OriginStatus",
    CAST(bytes AS BIGINT) AS "DownstreamContentSize",
    CAST(milliseconds * 1000000 AS BIGINT) AS "Duration",
    client AS "ClientHost",
    'web@docker' AS "RouterName"
FROM logged

-- name: nginx
SELECT
    client AS remote_addr,
    '-' AS remote_user,
    strftime(moment + INTERVAL 2 HOUR, '%d/%b/%Y:%H:%M:%S +0200') AS time_local,
    method || ' ' || path || ' HTTP/2.0' AS request,
    lpad(CAST(status AS VARCHAR), 3, '0') AS status,
    CAST(bytes AS BIGINT) AS body_bytes_sent,
    milliseconds / 1000 AS request_time,
    '200' AS upstream_status,
    coalesce(referer, '-') AS http_referer,
    agent AS http_user_agent,
    service AS host
FROM logged

-- name: apache
SELECT
    client AS remote_host,
    '-' AS remote_logname,
    '-' AS remote_user,
    strftime(moment, '%d/%b/%Y:%H:%M:%S +0000') AS time_local,
    method || ' ' || path || ' HTTP/1.1' AS request,
    CAST(status AS INTEGER) AS status,
    CAST(bytes AS VARCHAR) AS bytes_sent,
    coalesce(referer, '-') AS referer,
    agent AS user_agent,
    service AS vhost
FROM logged

-- name: combined
SELECT format(
    '{} - - [{}] "{} {} HTTP/1.1" {} {} "{}" "{}"',
    client, strftime(moment, '%d/%b/%Y:%H:%M:%S +0000'), method, path,
    lpad(CAST(status AS VARCHAR), 3, '0'), bytes, coalesce(referer, '-'), agent
) AS line
FROM logged

-- name: iis
SELECT
    strftime(moment, '%Y-%m-%d') AS date,
    strftime(moment, '%H:%M:%S') AS time,
    'W3SVC1' AS "s-sitename",
    '192.0.2.250' AS "s-ip",
    method AS "cs-method",
    path AS "cs-uri-stem",
    '-' AS "cs-uri-query",
    CAST(443 AS INTEGER) AS "s-port",
    client AS "c-ip",
    replace(agent, ' ', '+') AS "cs(User-Agent)",
    coalesce(referer, '-') AS "cs(Referer)",
    service AS "cs-host",
    CAST(status AS INTEGER) AS "sc-status",
    CAST(0 AS INTEGER) AS "sc-substatus",
    CAST(0 AS BIGINT) AS "sc-win32-status",
    CAST(bytes AS BIGINT) AS "sc-bytes",
    CAST(milliseconds AS BIGINT) AS "time-taken"
FROM logged

-- name: zeek
SELECT
    epoch_us(moment) / 1e6 AS ts,
    'C' || md5(concat(moment, path))[:17] AS uid,
    client AS "id.orig_h",
    '192.0.2.250' AS "id.resp_h",
    CAST(1 AS BIGINT) AS trans_depth,
    method,
    service AS host,
    path AS uri,
    coalesce(referer, '-') AS referrer,
    agent AS user_agent,
    CAST(bytes AS VARCHAR) AS response_body_len,
    CAST(status AS VARCHAR) AS status_code
FROM logged

-- name: opentelemetry
SELECT
    md5(concat(moment, path)) AS trace_id,
    md5(concat(path, moment))[:16] AS span_id,
    CASE WHEN inner_span = 0 THEN 2 ELSE 3 END AS kind,
    CAST(moment AS TIMESTAMP_NS) AS start_time_unix_nano,
    CAST(moment + INTERVAL 1 SECOND AS TIMESTAMP_NS) AS end_time_unix_nano,
    'shop' AS "service.name",
    service AS "server.address",
    method AS "http.request.method",
    path AS "url.path",
    CAST(status AS INTEGER) AS "http.response.status_code",
    client AS "client.address",
    agent AS "user_agent.original"
FROM logged, range(1 + CAST(cache = 'MISS' AS INTEGER)) AS spans(inner_span)

-- name: ecs
-- As Filebeat's modules nest it; one row in three is of something else than a request.
SELECT
    moment AS "@timestamp",
    {'dataset': CASE WHEN other = 0 THEN 'nginx.access' ELSE 'nginx.error' END} AS event,
    {'version': '8.11.0'} AS ecs,
    {'name': 'web-01'} AS host,
    {'ip': client} AS source,
    CASE WHEN other = 0 THEN {'domain': service, 'path': path} END AS url,
    CASE WHEN other = 0 THEN {
        'request': {'method': method, 'referrer': referer},
        'response': {'status_code': CAST(status AS BIGINT), 'body': {'bytes': bytes}}
    } END AS http,
    {'original': agent} AS user_agent
FROM logged, range(1 + CAST(status >= 500 AS INTEGER)) AS rows_beside(other)

-- name: ocsf
SELECT
    CAST(4002 + again AS INTEGER) AS class_uid,
    4 AS category_uid,
    epoch_ms(moment) AS time,
    {
        'http_method': method,
        'user_agent': agent,
        'referrer': referer,
        'url': {'hostname': service, 'path': path, 'scheme': 'https', 'port': 443}
    } AS http_request,
    {'code': CAST(status AS INTEGER), 'body_length': bytes} AS http_response,
    {'ip': client, 'port': 40000} AS src_endpoint,
    {'product': {'name': 'sample'}, 'version': '1.3.0'} AS metadata
FROM logged, range(1 + CAST(cache = 'MISS' AS INTEGER)) AS network(again)

-- name: vector
SELECT
    agent,
    client,
    '/var/log/nginx/access.log' AS file,
    'web-01' AS host,
    method,
    path,
    'HTTP/2.0' AS protocol,
    coalesce(referer, '-') AS referer,
    CAST(bytes AS BIGINT) AS size,
    'file' AS source_type,
    CAST(status AS BIGINT) AS status,
    timezone('UTC', moment) AS timestamp,
    service AS vhost
FROM logged

-- name: fluent
SELECT
    epoch_us(moment) / 1e6 AS date,
    client AS remote,
    service AS host,
    '-' AS user,
    method,
    path,
    lpad(CAST(status AS VARCHAR), 3, '0') AS code,
    CAST(bytes AS VARCHAR) AS size,
    coalesce(referer, '-') AS referer,
    agent
FROM logged

-- name: s3
SELECT
    repeat('79a59df900b949e5', 4) AS bucketowner,
    split_part(service, '.', 1) AS bucket_name,
    strftime(moment, '%d/%b/%Y:%H:%M:%S +0000') AS requestdatetime,
    client AS remoteip,
    '-' AS requester,
    upper(md5(concat(moment, path))[:16]) AS requestid,
    CASE own WHEN 0 THEN 'WEBSITE.' || method || '.OBJECT' ELSE 'S3.EXPIRE.OBJECT' END AS operation,
    ltrim(path, '/') AS key,
    method || ' ' || path || ' HTTP/1.1' AS request_uri,
    CASE own WHEN 0 THEN lpad(CAST(status AS VARCHAR), 3, '0') ELSE '-' END AS httpstatus,
    '-' AS errorcode,
    CAST(bytes AS BIGINT) AS bytessent,
    CAST(CAST(milliseconds AS BIGINT) AS VARCHAR) AS totaltime,
    '7' AS turnaroundtime,
    coalesce(referer, '-') AS referrer,
    agent AS useragent,
    service AS endpoint
FROM logged, range(1 + CAST(cache = 'EXPIRED' AS INTEGER)) AS lifecycle(own)

-- name: apigateway
SELECT
    md5(concat(moment, path, service)) AS "requestId",
    client AS ip,
    strftime(moment, '%d/%b/%Y:%H:%M:%S +0000') AS "requestTime",
    CAST(epoch_ms(moment) AS VARCHAR) AS "requestTimeEpoch",
    method AS "httpMethod",
    method || ' /{proxy+}' AS "routeKey",
    path,
    service AS "domainName",
    lpad(CAST(status AS VARCHAR), 3, '0') AS status,
    '200' AS "integrationStatus",
    'HTTP/1.1' AS protocol,
    CAST(bytes AS VARCHAR) AS "responseLength"
FROM logged

-- name: appgateway
SELECT
    strftime(moment, '%Y-%m-%dT%H:%M:%SZ') AS "timeStamp",
    CASE log WHEN 0 THEN 'ApplicationGatewayAccessLog' ELSE 'ApplicationGatewayFirewallLog' END
        AS category,
    {
        'instanceId': 'appgw_2',
        'clientIP': client,
        'httpMethod': method,
        'requestUri': path,
        'userAgent': agent,
        'httpStatus': CAST(status AS INTEGER),
        'sentBytes': CAST(bytes AS BIGINT),
        'timeTaken': milliseconds / 1000,
        'sslEnabled': 'on',
        'host': 'backend.internal.example',
        'originalHost': service,
        'serverStatus': '200'
    } AS properties
FROM logged, range(1 + CAST(status = 403 AS INTEGER)) AS logs(log)

-- name: haproxy
SELECT
    client AS client_ip,
    CAST(40000 AS INTEGER) AS client_port,
    strftime(moment, '%d/%b/%Y:%H:%M:%S.%g') AS accept_date,
    'https-in~' AS frontend_name,
    'web' AS backend_name,
    'web-01' AS server_name,
    CAST(milliseconds AS BIGINT) AS time_duration,
    CAST(status AS INTEGER) AS http_status_code,
    CAST(bytes AS BIGINT) AS bytes_read,
    '----' AS termination_state,
    service AS http_host,
    method AS http_verb,
    path AS http_request,
    'HTTP/1.1' AS http_version
FROM logged

-- name: clickhouse
SELECT
    CAST(epoch(moment) AS UINTEGER) AS "Timestamp",
    CAST(service AS BLOB) AS "VirtualHost",
    CAST(client AS BLOB) AS "RemoteAddress",
    CAST('-' AS BLOB) AS "RemoteUser",
    CAST(method AS BLOB) AS "RequestType",
    CAST(path AS BLOB) AS "RequestPath",
    CAST('HTTP/1.1' AS BLOB) AS "RequestProtocol",
    CAST(status AS USMALLINT) AS "Status",
    CAST(bytes AS UINTEGER) AS "Size",
    CAST(coalesce(referer, '-') AS BLOB) AS "Referer",
    CAST(agent AS BLOB) AS "UserAgent"
FROM logged

-- name: duckdb
SELECT
    service AS server_name,
    client AS client_ip,
    '-' AS ident,
    '-' AS auth_user,
    moment AS timestamp,
    method,
    path,
    CAST(NULL AS VARCHAR) AS query_string,
    'HTTP/1.1' AS protocol,
    CAST(status AS INTEGER) AS status,
    CAST(bytes AS BIGINT) AS bytes,
    referer,
    agent AS user_agent,
    '/var/log/httpd/access_log' AS filename
FROM logged

-- name: tailpipe
SELECT
    md5(concat(moment, path, service)) AS tp_id,
    'nginx_access_log' AS tp_table,
    'sites' AS tp_partition,
    moment AS tp_timestamp,
    CAST(moment AS DATE) AS tp_date,
    moment + INTERVAL 1 DAY AS tp_ingest_timestamp,
    client AS tp_source_ip,
    client AS remote_addr,
    service AS host,
    strftime(moment, '%d/%b/%Y:%H:%M:%S +0000') AS time_local,
    method,
    path,
    '2.0' AS http_version,
    CAST(status AS INTEGER) AS status,
    CAST(bytes AS INTEGER) AS body_bytes_sent,
    referer AS http_referer,
    agent AS http_user_agent
FROM logged

-- How logs write moments: each macro gives microseconds since 1970-01-01 UTC, cut, never
-- rounded, or NULL for what is no moment. None depends on the session's time zone: text and
-- columns without an offset are UTC.

-- Only years that a bucket's start can be written in: years 1 to 9999 shifted to either end of BIGINT,
-- past which the sum overflows. So us is said once; a CASE would say it twice, and a macro within a
-- macro each time twice as often: planning would take longer than reading. Of a column's own values
-- DuckDB believes what the file's statistics say of them, and would leave the question out; xor says
-- nothing.
CREATE OR REPLACE MACRO internal.calendar(us) AS
    TRY(xor(us, 0) + 8969969736054775808 - 8969969736054775808
        - 9161236440054775808 + 9161236440054775808);

-- Integer division in DuckDB cuts toward zero; before 1970 that is the wrong side.
CREATE OR REPLACE MACRO internal.floor_div(n, d) AS n // d - CASE WHEN n % d < 0 THEN 1 ELSE 0 END;

-- Whether an integer spells a date: YYYYMMDD, then nothing, HHMM, HHMMSS or HHMMSSmmm. As epoch
-- numbers these lie in 1970, in 1976, and past 2600.
CREATE OR REPLACE MACRO internal.spells_date(n) AS
    n BETWEEN 190001010000 AND 219912312359
    OR n BETWEEN 19000101000000 AND 21991231235959
    OR n BETWEEN 19000101000000000 AND 21991231235959999
    OR n BETWEEN 19000101 AND 21991231;

-- A date alone is no moment.
CREATE OR REPLACE MACRO internal.spelled_moment(n) AS
    epoch_us(CASE
        WHEN n < 1000000000 THEN NULL
        WHEN n < 1000000000000 THEN try_strptime(CAST(n AS VARCHAR), '%Y%m%d%H%M')
        WHEN n < 100000000000000 THEN try_strptime(CAST(n AS VARCHAR), '%Y%m%d%H%M%S')
        ELSE try_strptime(CAST(n AS VARCHAR), '%Y%m%d%H%M%S%g')
    END);

-- Epoch numbers carry no unit, their magnitude tells: seconds reach 10^11 in the year 5138,
-- milliseconds are past it since March 1973, and so on up to nanoseconds. Among these, what would
-- be 1973 and 1974 are Windows' file times (100 ns since 1601), and 1989 and 1990 .NET's ticks
-- (100 ns since the year 1), both of 1990 to 2100. 0 and -1 stand for none.
CREATE OR REPLACE MACRO internal.integer_moment(n) AS
    CASE
        -- Nearly all are one of these, and are asked no more.
        WHEN n BETWEEN 100000000 AND 99999999999 THEN n * 1000000
        WHEN n BETWEEN 1000000000000 AND 9999999999999 THEN n * 1000
        WHEN n BETWEEN 1000000000000000 AND 9999999999999999 THEN n
        WHEN n IN (0, -1) THEN NULL
        WHEN internal.spells_date(n) THEN internal.spelled_moment(n)
        WHEN n BETWEEN -99999999999 AND 99999999999 THEN n * 1000000
        WHEN n BETWEEN -99999999999999 AND 99999999999999 THEN n * 1000
        WHEN n BETWEEN -99999999999999999 AND 99999999999999999 THEN n
        WHEN n BETWEEN 122753664000000000 AND 157469184000000000 THEN n // 10 - 11644473600000000
        WHEN n BETWEEN 627667488000000000 AND 662380416000000000 THEN n // 10 - 62135596800000000
        ELSE internal.floor_div(n, 1000)
    END;

-- The whole part is split off first: x * 1e6 or x / 300 would round up at a bucket's end.
CREATE OR REPLACE MACRO internal.double_moment(x) AS
    CASE
        WHEN abs(x) < 1e11 AND x <> floor(x)
            THEN CAST(floor(x) AS BIGINT) * 1000000 + CAST(least(floor((x - floor(x)) * 1000000),
                999999) AS BIGINT)
        WHEN abs(x) < 1e14 AND x <> floor(x)
            THEN CAST(floor(x) AS BIGINT) * 1000 + CAST(least(floor((x - floor(x)) * 1000), 999) AS BIGINT)
        ELSE internal.integer_moment(TRY_CAST(floor(x) AS BIGINT))
    END;

CREATE OR REPLACE MACRO internal.decimal_moment(x) AS
    CASE
        WHEN x BETWEEN -99999999999 AND 99999999999 AND x <> floor(x) THEN CAST(floor(x * 1000000) AS BIGINT)
        WHEN x BETWEEN -99999999999999 AND 99999999999999 AND x <> floor(x)
            THEN CAST(floor(x * 1000) AS BIGINT)
        ELSE internal.integer_moment(TRY_CAST(floor(x) AS BIGINT))
    END;

-- Apache's notation, 09/Sep/2025:12:00:01.123 +0200, with its fraction, offset and brackets or
-- without. One bracket alone is what splitting at blanks leaves, and the offset is elsewhere.
CREATE OR REPLACE MACRO internal.apache_moment(t) AS
    CASE
        WHEN length(t) = 26 AND substr(t, 21, 1) = ' ' AND t[23:24] < '16' AND t[25:26] < '60'
            THEN epoch_us(try_strptime(t, '%d/%b/%Y:%H:%M:%S %z'))
        WHEN prefix(t, '[') = suffix(t, ']')
            AND regexp_full_match(t, '\[?[^\[]{20}([.,]\d{1,9})?( ?([+-](0\d|1[0-5]):?[0-5]\d|Z))?\]?')
            THEN epoch_us(try_strptime(
                concat(ltrim(t, '[')[:20], ' ', coalesce(
                    nullif(replace(regexp_extract(t, '[+-][\d:]+'), ':', ''), ''), '+0000')),
                '%d/%b/%Y:%H:%M:%S %z'
            )) + CAST(rpad(regexp_extract(t, '[.,](\d{1,6})', 1), 6, '0') AS BIGINT)
    END;

-- The everyday neighbours of ISO 8601: the basic form, slashes, a decimal comma, small t and z, UTC
-- and GMT in words. Each is rewritten, and what then is no ISO 8601 with an offset is nothing.
CREATE OR REPLACE MACRO internal.iso_moment(t) AS
    epoch_us(TRY_CAST(regexp_extract(
        regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(t,
            '^(\d{4})(\d\d)(\d\d)[Tt](\d\d)(\d\d)(\d\d)', '\1-\2-\3T\4:\5:\6'),
            '^(\d{4})[/-](\d\d)[/-](\d\d)[Tt ]', '\1-\2-\3T'),
            '(:\d\d),(\d)', '\1.\2'),
            ' ?(Z|z|UTC|GMT)$', '+00:00'),
            '^(.{11}[0-9:.]+)$', '\1+00:00'),
        '^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?[+-](0\d|1[0-5])(:?[0-5]\d)?$'
    ) AS TIMESTAMPTZ));

-- RFC 1123, Tue, 09 Sep 2025 12:00:01 GMT, with or without the day of the week.
CREATE OR REPLACE MACRO internal.http_moment(t) AS
    epoch_us(try_strptime(
        regexp_replace(regexp_replace(t, '^[A-Z][a-z]{2}, ', ''), ' (GMT|UTC|Z)$', ' +0000'),
        '%d %b %Y %H:%M:%S %z'
    ));

-- ISO 8601, Apache's notation, and epoch numbers as text. Text that ends in Z or has just 19
-- characters is the usual case and takes no regular expression. Text with an offset goes through
-- TIMESTAMPTZ, because a cast to TIMESTAMP drops the offset without a word.
CREATE OR REPLACE MACRO internal.text_moment(t) AS
    CASE
        WHEN suffix(t, 'Z') AND substr(t, 5, 1) = '-' AND NOT contains(t, ',')
            THEN epoch_us(TRY_CAST(t AS TIMESTAMP))
        WHEN substr(t, 3, 1) = '/' OR prefix(t, '[') THEN internal.apache_moment(t)
        WHEN length(t) = 19 AND substr(t, 17, 1) = ':' AND substr(t, 5, 1) = '-'
            THEN epoch_us(TRY_CAST(t AS TIMESTAMP))
        WHEN regexp_full_match(t, '\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?')
            THEN epoch_us(TRY_CAST(t AS TIMESTAMP))
        WHEN regexp_full_match(t,
            '\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)? ?[+-](0\d|1[0-5])(:?[0-5]\d)?')
            THEN epoch_us(TRY_CAST(t[:10] || 'T' || replace(t[12:], ' ', '') AS TIMESTAMPTZ))
        WHEN regexp_full_match(t, '-?\d{1,19}(\.\d{1,9})?')
            THEN internal.decimal_moment(TRY_CAST(t AS DECIMAL(38, 9)))
        WHEN regexp_matches(t,
            '^([A-Z][a-z]{2}, )?\d\d? [A-Z][a-z]{2} \d{4} .*(GMT|UTC|Z|[+-](0\d|1[0-5])[0-5]\d)$')
            THEN internal.http_moment(t)
        ELSE internal.iso_moment(t)
    END;

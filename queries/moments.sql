-- How logs write moments: each macro gives microseconds since 1970-01-01 UTC, cut, never
-- rounded, or NULL for what is no moment. None depends on the session's time zone: text and
-- columns without an offset are UTC.

-- Only years that a bucket's start can be written in.
CREATE MACRO internal.calendar(us) AS
    CASE WHEN us BETWEEN -62135596800000000 AND 253402300799999999 THEN us END;

-- Integer division in DuckDB cuts toward zero; before 1970 that is the wrong side.
CREATE MACRO internal.floor_div(n, d) AS n // d - CASE WHEN n % d < 0 THEN 1 ELSE 0 END;

-- Epoch numbers carry no unit, their magnitude tells: seconds reach 10^11 in the year 5138,
-- milliseconds are past it since March 1973, and so on up to nanoseconds.
CREATE MACRO internal.integer_moment(n) AS
    CASE
        WHEN n BETWEEN -99999999999 AND 99999999999 THEN n * 1000000
        WHEN n BETWEEN -99999999999999 AND 99999999999999 THEN n * 1000
        WHEN n BETWEEN -99999999999999999 AND 99999999999999999 THEN n
        ELSE internal.floor_div(n, 1000)
    END;

-- The whole part is split off first: x * 1e6 or x / 300 would round up at a bucket's end.
CREATE MACRO internal.double_moment(x) AS
    CASE
        WHEN abs(x) < 1e11
            THEN CAST(floor(x) AS BIGINT) * 1000000 + CAST(least(floor((x - floor(x)) * 1000000), 999999) AS BIGINT)
        WHEN abs(x) < 1e14
            THEN CAST(floor(x) AS BIGINT) * 1000 + CAST(least(floor((x - floor(x)) * 1000), 999) AS BIGINT)
        ELSE internal.integer_moment(TRY_CAST(floor(x) AS BIGINT))
    END;

CREATE MACRO internal.decimal_moment(x) AS
    CASE
        WHEN x BETWEEN -99999999999 AND 99999999999 THEN CAST(floor(x * 1000000) AS BIGINT)
        WHEN x BETWEEN -99999999999999 AND 99999999999999 THEN CAST(floor(x * 1000) AS BIGINT)
        ELSE internal.integer_moment(TRY_CAST(floor(x) AS BIGINT))
    END;

-- ISO 8601, Apache's notation, and epoch numbers as text. Text that ends in Z or has just 19
-- characters is the usual case and takes no regular expression. Text with an offset goes
-- through TIMESTAMPTZ, because a cast to TIMESTAMP drops the offset without a word.
CREATE MACRO internal.text_moment(t) AS
    CASE
        WHEN suffix(t, 'Z') THEN epoch_us(TRY_CAST(t AS TIMESTAMP))
        WHEN substr(t, 3, 1) = '/' THEN epoch_us(try_strptime(t, '%d/%b/%Y:%H:%M:%S %z'))
        WHEN length(t) = 19 AND substr(t, 17, 1) = ':' THEN epoch_us(TRY_CAST(t AS TIMESTAMP))
        WHEN regexp_full_match(t, '\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?')
            THEN epoch_us(TRY_CAST(t AS TIMESTAMP))
        WHEN regexp_full_match(t, '\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)? ?[+-]\d\d(:?\d\d)?')
            THEN epoch_us(TRY_CAST(t[:10] || 'T' || replace(t[12:], ' ', '') AS TIMESTAMPTZ))
        WHEN regexp_full_match(t, '-?\d{1,19}')
            THEN internal.integer_moment(TRY_CAST(t AS BIGINT))
        WHEN regexp_full_match(t, '-?\d{1,19}\.\d{1,9}')
            THEN internal.decimal_moment(TRY_CAST(t AS DECIMAL(38, 9)))
    END;

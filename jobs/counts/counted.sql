-- name: macros
-- Vendors write a hyphen for what a row lacks.
CREATE OR REPLACE TEMP MACRO missing(value) AS coalesce(CAST(value AS VARCHAR), '') IN ('', '-');
-- Stand for a bucket where a time is missing or can't be read, or a whole line can't; no bucket has
-- these numbers.
CREATE OR REPLACE TEMP MACRO timeless() AS -1000000000;
CREATE OR REPLACE TEMP MACRO unreadable() AS -2000000000;
CREATE OR REPLACE TEMP MACRO broken() AS -3000000000

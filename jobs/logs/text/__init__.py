"""Logs as text: JSON, tables with a header, W3C extended, and lines of a known pattern.

DuckDB reads them line by line and takes the lines apart in SQL, so that a row is a line, and one
that is broken is a row that can't be counted. What a file promises is told apart from that by one
pass over its bytes (`audit`). For other rooms: `layout.look` says how a file is laid out, and
`relation.relation` gives its rows as a FROM clause, with the columns that the vendor names.
"""

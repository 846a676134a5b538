"""Columns that a scan of text files has beside those of the log."""

from queries.access_log.scan import RESERVED

ASIDE = f"{RESERVED}aside"
"""Why a line is no row, as a comment; NULL if it is one."""
BROKEN = f"{RESERVED}broken"
"""Whether a line could not be taken apart."""
LINE = f"{RESERVED}line as it stands"


def broken(way: str | None) -> str:
    """An SQL expression: whether a row of files that are read in this way is a broken line."""
    return f'"{BROKEN}"' if way and BROKEN in way else "false"

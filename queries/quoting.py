"""Names and texts as SQL has them, where they can't be bound."""

import re

_MAGIC = re.compile(r"([*?\[])")


def quoted(name: object) -> str:
    """A name, in double quotes."""
    return '"' + str(name).replace('"', '""') + '"'


def literal(text: object) -> str:
    """A text, or the path of a file, in single quotes; None is NULL."""
    return "NULL" if text is None else "'" + str(text).replace("'", "''") + "'"


def glob_of(path: str) -> str:
    """A glob that matches this local path only, or what lies below it by the same names."""
    return _MAGIC.sub(r"[\1]", path)

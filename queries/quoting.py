"""Names and texts as SQL has them, where they can't be bound."""


def quoted(name: object) -> str:
    """A name, in double quotes."""
    return '"' + str(name).replace('"', '""') + '"'


def literal(text: object) -> str:
    """A text, or the path of a file, in single quotes; None is NULL."""
    return "NULL" if text is None else "'" + str(text).replace("'", "''") + "'"

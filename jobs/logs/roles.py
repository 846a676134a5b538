"""Columns that can't play the roles they are meant for: why a file is refused, in a sentence."""

import re
from collections.abc import Iterable, Mapping

from jobs.logs.columns import Column
from jobs.logs.options import ReadingOptions
from jobs.logs.proposals import ACCEPTED, TEXT, remedy
from queries.failures import Failed

_PART_OF_A_MOMENT = re.compile(rf"{TEXT}|DATE|TIME.*")
_WANTED = {
    "service": "text",
    "timestamp": "a timestamp, text or an epoch number",
    "status": "an integer, a whole double or text",
}


class UnreadableFile(Failed):
    """A file that can't be read as an access log; the message is the reason, in a sentence."""


def check_twins(
    columns: Iterable[Column], known: Mapping[str, str], options: ReadingOptions
) -> None:
    """Raise UnreadableFile if it is not known which of several columns is meant."""
    for part in columns:
        if not part.twins:
            continue
        same = " and ".join(map(quoted, part.twins))
        if len({name.lower() for name in part.twins}) < len(part.twins):
            raise UnreadableFile(
                f"the columns {same} are one name to SQL; "
                "write the file again with another name for one of them, or map other columns"
            )
        raise UnreadableFile(f"the columns {same} are one name; {remedy(known, options)}")


def check_type(role: str, part: Column, *, joined: bool) -> None:
    """Raise UnreadableFile if a column of this type can't play the role."""
    if role == "timestamp" and part.type == "FLOAT" and not part.pattern:
        raise UnreadableFile(
            f'the column "{part}" is FLOAT, whose epoch seconds are 128 apart; as timestamp it '
            "would have to be a DOUBLE, an integer, a timestamp or text"
        )
    accepted = _PART_OF_A_MOMENT if joined else ACCEPTED[role]
    if not part.pattern and not accepted.fullmatch(part.type):
        raise UnreadableFile(
            f'the column "{part}" is {part.type}; as {role} it would have to be '
            f"{'dates and times or text' if joined else _WANTED[role]}"
        )


def quoted(name: str) -> str:
    """A name as a sentence has it."""
    return f'"{name}"'

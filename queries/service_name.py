"""What a service is called: one rule for the names in logs and the names in requests.

The rule, in this order:

1. letters become lower case, a port (`:443`) and trailing dots are removed;
2. what is left must be 1 to 253 characters long, without white space, control
   characters and lone surrogates.

A name with several colons outside brackets is an IPv6 literal or junk: no port is
looked for in it. The rule is idempotent: a canonical name folds to itself.
"""

import re

MAX_LENGTH = 253
"""Characters in the longest name; RFC 1035's 255 octets, as text without the root's dot."""

_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*):[0-9]*")
_FORBIDDEN = re.compile(
    "[\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]"
)


def canonical(name: str) -> str | None:
    """The canonical form of `name`, or None if it can't be the name of a service."""
    folded = name.lower().rstrip(".")
    if with_port := _PORT.fullmatch(folded):
        folded = with_port["host"].rstrip(".")
    if not 1 <= len(folded) <= MAX_LENGTH or _FORBIDDEN.search(folded):
        return None
    return folded

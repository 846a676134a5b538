"""What a service is called: one rule for the names in logs and the names in requests.

The rule, in this order:

1. compatibility forms and letters are folded to lower case (Unicode NFKC), characters that
   nobody sees are left out, and every kind of full stop is a dot;
2. a port (`:443`) and trailing dots are removed;
3. what is left must not hold white space, control characters, lone surrogates or marks of
   text direction; percent signs are kept as they are;
4. an IPv6 address stands in brackets, in its shortest form;
5. a label in another script than ASCII takes its A-label form: `bücher` is `xn--bcher-kva`;
6. what comes out has 1 to 253 characters.

A name with several colons outside brackets is an IPv6 address or junk: no port is looked for
in it. The rule is idempotent: a canonical name folds to itself.

Follows Unicode Technical Standard 46, non-transitional, without its table of what no registry
would accept: a log may hold any Host header. https://www.unicode.org/reports/tr46/
"""

import re
from ipaddress import AddressValueError, IPv6Address
from unicodedata import normalize

MAX_LENGTH = 253
"""Characters in the longest name; RFC 1035's 255 octets, as text without the root's dot."""

_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*):[0-9]*")
_LITERAL = re.compile(r"\[[^\[\]]*\]|[^\[\]]*")
_UNSEEN = re.compile("[\u00ad\u034f\u180b-\u180d\u200b\u2060\u2064\ufe00-\ufe0f\ufeff]")
_FORBIDDEN = re.compile(
    "[\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u200e\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000"
    "\ud800-\udfff]"
)


def canonical(name: str) -> str | None:
    """The canonical form of `name`, or None if it can't be the name of a service."""
    folded = (name.lower() if name.isascii() else _folded(name)).rstrip(".")
    if with_port := _PORT.fullmatch(folded):
        folded = with_port["host"].rstrip(".")
    if _FORBIDDEN.search(folded):
        return None
    if ":" in folded and folded.isascii():
        folded = _address(folded)
    if not folded.isascii():
        folded = ".".join(map(_a_label, folded.split(".")))
    return folded if 1 <= len(folded) <= MAX_LENGTH else None


def _folded(name: str) -> str:
    # Twice: a capital letter's lower case may have a compatibility form, and the other way round.
    folded = name
    for _ in range(2):
        folded = normalize("NFKC", folded).lower()
    return _UNSEEN.sub("", folded).replace("\u3002", ".")


def _address(name: str) -> str:
    literal = _LITERAL.fullmatch(name)
    try:
        address = IPv6Address(literal[0].strip("[]") if literal else "")
    except AddressValueError:
        return name
    # Releases of Python differ in how they write an address that holds an IPv4 one.
    mapped = address.ipv4_mapped
    return f"[::ffff:{mapped}]" if mapped else f"[{address}]"


def _a_label(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")

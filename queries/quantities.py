"""Numbers as people read them: of one thing or of several, and bytes in units."""

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """`1 byte`, `820 bytes`, `1.2 MB`."""
    if number < 1000:
        return counted(number, "byte")
    scaled = float(number)
    for unit in _UNITS:
        scaled /= 1000
        # What would be rounded to 1,000 is one of the next unit.
        if scaled < 999.95 or unit == _UNITS[-1]:
            break
    return f"{scaled:,.1f} {unit}"


def scaled(number: int) -> str:
    """`820`, `1.2k`, `37M`: a number where there is no room for it."""
    if number < 1000:
        return str(number)
    reduced = float(number)
    for unit in "kMGT":
        reduced /= 1000
        if reduced < 999.5 or unit == "T":
            break
    return f"{reduced:.1f}{unit}" if reduced < 9.95 else f"{reduced:,.0f}{unit}"

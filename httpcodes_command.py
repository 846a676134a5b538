"""The console script: says what keeps the program from starting.

`jobs` and `queries` are names that others use too. This module's is ours alone, so that Python
finds it whatever else is installed, and it looks before it imports.
"""

import gc
import os
import sys
from collections.abc import Callable

if sys.version_info < (3, 11):  # noqa: UP036 - who runs or builds a clone is not asked by pip
    sys.exit(f"httpcodes: this is Python {sys.version.split()[0]}; 3.11 or later is needed")

DISTRIBUTION = "cdn-httpcodes"
VERSION = "0.1.0"
"""What is built asks for it, so that an older Python hears of it before pip looks for packages."""
_BEGINNINGS = {"jobs": '"""The writing side', "queries": '"""The reading side'}
"""How our packages begin; whose file it is, its place doesn't tell: pip writes over it."""


def main() -> None:
    """Run the command; exit with a sentence where that can't be."""
    # Nothing that is loaded is garbage; to look for some takes a tenth of the start.
    gc.disable()
    try:
        run = _command()
    except KeyboardInterrupt:
        # Too early to say anything.
        raise SystemExit(130) from None
    run()


def _command() -> Callable[[], None]:
    for name, beginning in _BEGINNINGS.items():
        _check(name, beginning)
    try:
        from jobs.cli.app import main as run  # noqa: PLC0415 - only where it is ours
    except ImportError as missing:
        sys.exit(f"httpcodes: {_lacking(missing.name or str(missing))}")
    return run


def _check(name: str, beginning: str) -> None:
    """Exit with a sentence if a package is not ours."""
    from importlib.util import find_spec  # noqa: PLC0415 - main answers for what interrupts it

    spec = find_spec(name)
    if spec is None:
        sys.exit(f"httpcodes: {_lacking(name)}")
    read = getattr(spec.loader, "get_source", None)
    if not (read and (read(name) or "").startswith(beginning)):
        place = (spec.submodule_search_locations or [spec.origin or "another place"])[0]
        sys.exit(
            f"httpcodes: the package {name} in {place} is another's and hides ours; {_way(place)}"
        )


def _way(place: str) -> str:
    """How to get another's package out of the way."""
    for folder in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if os.path.abspath(place).startswith(os.path.join(os.path.abspath(folder), "")):
            return f"start httpcodes without {folder} in PYTHONPATH"
    return (
        f"give {DISTRIBUTION} an environment of its own "
        f"(pipx install {DISTRIBUTION}, or uv tool install {DISTRIBUTION})"
    )


def _lacking(name: str) -> str:
    if name.partition(".")[0] in _BEGINNINGS:
        return f"{name} is not as {DISTRIBUTION} brings it; install {DISTRIBUTION} anew"
    return f"{name} is not installed; pip install {DISTRIBUTION} brings it"

"""The command that answers analysts' SQL, in a process that it may leave at any time."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, BinaryIO, NoReturn, cast

import duckdb
import typer

from queries import config, snapshot, whole_file
from queries.analyst import adhoc, contract, deadline
from queries.analyst.output import Capped, Format, printable, write
from queries.cli.exits import exit_codes, fail, say, spare
from queries.cli.held import Held
from queries.cli.options import ConfigOption, StoreOption, configured
from queries.cli.pager import paged
from queries.cli.telling import tell
from queries.failures import FAILED, INTERRUPTED, USAGE, Failed, Misused

ON_TERMINALS = 1_000
"""Rows of a result that a terminal is shown."""
NAMED = 3
"""Files that access_log leaves out, and that are named; the others are counted."""
BATCH = 2_048
"""Rows that are taken at a time: as many as DuckDB makes, however long they are."""
MEMORY = 2 * 1000**3
"""Bytes that the process may hold; the system refuses it more."""

_SUFFIXES = {f".{format_}": format_ for format_ in Format} | {".md": Format.MARKDOWN}

app = typer.Typer()


@dataclass(frozen=True)
class _Terms:
    """How results are written."""

    format: Format
    rows: int | None
    """Of each result, at the most."""
    seconds: float
    terminal: bool
    prompted: bool = False
    """Whether they are shown below a prompt, a screen at a time."""


@app.command()
def sql(
    text: Annotated[
        str | None,
        typer.Argument(metavar="SQL|-", help="Statements; - reads stdin; without, a prompt opens."),
    ] = None,
    store: StoreOption = None,
    config_file: ConfigOption = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Statements in a file.")
    ] = None,
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"{', '.join(Format)}; else the suffix of --out, else table on a terminal, "
            "else csv.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here; replaced once it is whole.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What $NAME stands for, as text; repeatable."),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help=f"Rows of each result, at the most; else all, {ON_TERMINALS} on a terminal.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(min=0.1, metavar="SECONDS", help="For all of it, until the last row is out."),
    ] = 60,
) -> None:
    """Answer SQL from the newest snapshot; only what reads is let through.

    Without SQL, on a terminal, a prompt opens; it needs the extra `shell`.

    \b
    httpcodes sql "SELECT * FROM rollup_1d LIMIT 10"
    httpcodes sql --file month.sql --out month.parquet
    """
    values = _values(param or [])
    place = config.store_of(store, configured(config_file))
    spare(place, out)
    terms = _terms(format_, out, rows, timeout)
    prompted = text is None and file is None and sys.stdin.isatty() and terms.terminal
    asked = "" if prompted else _text(text, file)
    deadline.bound_memory(MEMORY)
    if not prompted:
        _ask(place, asked, values, terms, out)
    elif values:
        raise Misused("--param belongs to SQL that is given, not to the prompt")
    else:
        _prompt(place, terms)


def _prompt(store: Path, terms: _Terms) -> None:
    try:
        from queries.cli import shell as cli_shell  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        name = str(missing.name).partition(".")[0]
        fail(f"the prompt needs {name}: pip install 'cdn-httpcodes[shell]'", USAGE)
    with _sentences(), snapshot.reading(store) as connection:
        names = contract.names(connection)

    def answer(asked: str, expanded: bool) -> None:
        as_ = replace(terms, format=Format.EXPANDED if expanded else terms.format, prompted=True)
        _ask(store, asked, {}, as_, None)

    cli_shell.prompt(store, names, answer)


def _ask(store: Path, asked: str, values: dict[str, str], terms: _Terms, out: Path | None) -> None:
    # Whoever does not ask for the logs need not wait until each was looked at.
    logs = "access_log" in asked.lower()
    with _sentences(), adhoc.fenced(store, logs=logs) as analyst:
        _name(analyst.left_out)
        statements = analyst.checked(asked)
        _check(statements, values, terms)
        with paged() if terms.prompted else _output(out) as stream:
            try:
                deadline.within(
                    terms.seconds,
                    MEMORY,
                    lambda: _answer(analyst, statements, values, terms, stream),
                    analyst.interrupt,
                )
            except deadline.Stuck as stuck:
                _leave(stuck, analyst.spill, out)


def _answer(
    analyst: adhoc.Analyst,
    statements: list[duckdb.Statement],
    values: dict[str, str],
    terms: _Terms,
    stream: BinaryIO,
) -> None:
    for number, statement in enumerate(statements):
        if number and terms.format is not Format.NDJSON:
            stream.write(b"\n")
        _write_one(analyst, statement, values, terms, stream)


def _write_one(
    analyst: adhoc.Analyst,
    statement: duckdb.Statement,
    values: dict[str, str],
    terms: _Terms,
    stream: BinaryIO,
) -> None:
    # One row more tells whether there are more.
    batch = BATCH if terms.rows is None else min(terms.rows + 1, BATCH)

    def written(to: BinaryIO) -> bool:
        result = Capped(analyst.result(statement, values).to_arrow_reader(batch), terms.rows)
        write(result, terms.format, to, terminal=terms.terminal)
        return result.cut

    held = Held(stream)
    try:
        is_cut = written(cast(BinaryIO, held))
        held.release()
    except (duckdb.Error, OSError, ValueError) as error:
        unread = analyst.without_damage(statement, values, error)
        if not unread:
            raise
        _name_unread(unread)
        if not held.is_whole:
            raise Failed("what was written ends early: a log can't be read") from error
        is_cut = written(stream)
    if is_cut:
        said = f"only the first {terms.rows:,} rows are shown; --rows N shows more"
        # Below a prompt a screen at a time is shown, and this at the end.
        stream.write(f"{said}\n".encode()) if terms.prompted else tell(said)


def _text(text: str | None, file: Path | None) -> str:
    if (text is None) == (file is None):
        raise Misused("give the SQL as an argument, as --file FILE, or as - for stdin")
    try:
        if file:
            return file.read_text(encoding="utf-8")
        return sys.stdin.buffer.read().decode() if text == "-" else str(text)
    except OSError as error:
        raise Misused(f"{file or 'stdin'} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misused(f"{file or 'stdin'} is no text in UTF-8") from error


def _values(given: list[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given]
    if wrong := [name for name, equals, _ in pairs if not (name and equals)]:
        raise Misused(f'--param "{wrong[0]}" says no value; write --param NAME=VALUE')
    return {name: value for name, _, value in pairs}


def _terms(format_: Format | None, out: Path | None, rows: int | None, seconds: float) -> _Terms:
    terminal = out is None and sys.stdout.isatty()
    suffix = _SUFFIXES.get(out.suffix.lower()) if out else None
    if out and out.suffix and not (suffix or format_):
        raise Misused(f"{out}: no format is called that; {', '.join(_SUFFIXES)} are, or --format")
    chosen = format_ or suffix or (Format.TABLE if terminal else Format.CSV)
    if terminal and chosen is Format.PARQUET:
        raise Misused("a terminal shows no Parquet; name a file with --out FILE")
    return _Terms(chosen, rows or (ON_TERMINALS if terminal else None), seconds, terminal)


def _name(left_out: list[str]) -> None:
    if left_out:
        more = f", and {len(left_out) - NAMED:,} more" if len(left_out) > NAMED else ""
        files = printable(", ".join(left_out[:NAMED]) + more)
        tell(f"access_log leaves out what is gone or changed since: {files}")


def _name_unread(unread: Mapping[str, Sequence[str]]) -> None:
    for path, columns in list(unread.items())[:NAMED]:
        they = f"{', '.join(columns)} of {path}"
        tell(f"access_log shows nothing for what can't be read: {printable(they)}")
    if (more := len(unread) - NAMED) > 0:
        tell(f"access_log shows nothing for columns of {more:,} more files")


def _check(statements: list[duckdb.Statement], values: dict[str, str], terms: _Terms) -> None:
    if not statements:
        raise Misused("there is no statement in the SQL")
    if len(statements) > 1 and terms.format.single:
        raise Misused(f"{terms.format} holds one result, and here are {len(statements)} statements")
    asked = set().union(*(statement.named_parameters for statement in statements))
    if unasked := [name for name in values if name not in asked]:
        raise Misused(f"--param {unasked[0]}: no statement asks for ${unasked[0]}")


@contextmanager
def _output(out: Path | None) -> Iterator[BinaryIO]:
    """Where the data goes; a file takes its name once it is whole."""
    if out is None:
        yield sys.stdout.buffer
        return
    if out.is_dir():
        raise Misused(f"{out} can't be written: Is a directory")
    with whole_file.replaced(out) as part, _opened(part, out) as stream:
        yield stream


def _opened(part: Path, out: Path) -> BinaryIO:
    try:
        return part.open("wb")
    except OSError as error:
        raise Failed(f"{out} can't be written: {error.strerror}") from error


@contextmanager
def _sentences() -> Iterator[None]:
    """One sentence and one exit code for each way to fail."""
    with exit_codes(_say):
        try:
            yield
        except MemoryError:
            raise Failed(deadline.Overfull.SENTENCE) from None
        except ValueError as error:
            # What Arrow makes of an error in the middle of a result.
            raise Failed(str(error)) from error


def _leave(stuck: deadline.Stuck, spill: Path, out: Path | None) -> NoReturn:
    """End the process, whatever it is at: the query can't be ended."""
    interrupted = isinstance(stuck.__cause__, KeyboardInterrupt)
    why = "interrupted" if interrupted else stuck.__cause__
    shutil.rmtree(spill, ignore_errors=True)
    if out:
        with suppress(OSError):
            whole_file.unfinished(out).unlink(missing_ok=True)
    # The query may hold the locks of the streams.
    os.write(sys.stderr.fileno(), f"httpcodes: {why}\n".encode())
    os._exit(INTERRUPTED if interrupted else FAILED)


def _say(why: str) -> None:
    # DuckDB shows the place in the SQL after an empty line.
    say(printable(" ".join(why.partition("\n\n")[0].split("\n"))))

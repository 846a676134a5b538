"""The command that answers the documented endpoint over HTTP."""

import os
import signal
import socket
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from queries import config
from queries.cli.exits import fail
from queries.cli.options import ConfigOption, StoreOption, configured
from queries.cli.telling import tell
from queries.failures import FAILED, INTERRUPTED, USAGE

TOKEN = "HTTPCODES_TOKEN"  # noqa: S105 - the name of a variable

app = typer.Typer()


@app.command()
def serve(
    store: StoreOption = None,
    config_file: ConfigOption = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="0: any that is free.")
    ] = 8080,
    processes: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes that answer; default: the cores."),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Threads that answer, in each process.")
    ] = 4,
    queue: Annotated[
        int, typer.Option(min=0, metavar="N", help="Requests that may wait, in each; more get 503.")
    ] = 64,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            help="How long a client may take over headers, body or answer.",
        ),
    ] = 20,
    memory: Annotated[
        int, typer.Option(min=0, metavar="MIB", help="Answers that each process keeps in memory.")
    ] = 64,
    max_age: Annotated[
        int,
        typer.Option(
            min=0, metavar="SECONDS", help="How long clients and caches may keep an answer."
        ),
    ] = 60,
    max_age_final: Annotated[
        int,
        typer.Option(min=0, metavar="SECONDS", help="The same if all of its buckets are final."),
    ] = 86_400,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Whose pages may ask, https://…; repeatable."),
    ] = None,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Answer /metrics, for Prometheus.")
    ] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Bearer token to ask for; else {TOKEN}, else none."),
    ] = None,
) -> None:
    """Answer the documented endpoint over HTTP until stopped; needs the extra `api`.

    \b
    httpcodes serve --port 8080
    httpcodes serve --host 0.0.0.0 --token-file /etc/httpcodes.token --metrics
    """
    try:
        from queries.server import cors, replies, server  # noqa: PLC0415 - an extra
        from queries.server import log as server_log  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        name = str(missing.name).partition(".")[0]
        fail(f"serve needs {name}: pip install 'cdn-httpcodes[api]'", USAGE)
    token = _token(token_file)
    origins = frozenset(cors_origin or ())
    for origin in origins:
        if not cors.is_origin(origin):
            fail(
                f"--cors-origin {origin} is no origin: one like https://example.com is needed",
                USAGE,
            )
    place = config.store_of(store, configured(config_file))
    listener = _listener(host, port)
    _narrate(listener, guarded=token is not None)
    server_log.log_as_json(sys.stderr)
    terms = server.Terms(
        store=place,
        processes=processes or _cores(),
        workers=workers,
        queue=queue,
        seconds=timeout,
        token=token,
        ages=replies.Ages(max_age_final, max_age),
        origins=origins,
        memory=memory << 20,
        metrics=metrics,
    )
    if server.serve(listener, terms) == signal.SIGINT:
        raise typer.Exit(INTERRUPTED)


def _token(file: Path | None) -> str | None:
    if file is None and TOKEN not in os.environ:
        return None
    try:
        text = file.read_text(encoding="utf-8") if file else os.environ[TOKEN]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        fail(f"{file} can't be read: {reason}", USAGE)
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        fail(f"{file or TOKEN} holds no token: one word of printable ASCII is needed", USAGE)
    return token


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((str(address[0]), port), family=family)
    except OSError as error:
        # Python adds the address in brackets, a second time.
        reason = str(error.strerror).partition(" (")[0]
        fail(f"can't listen on {_url_host(host)}:{port}: {reason}", FAILED)


def _narrate(listener: socket.socket, *, guarded: bool) -> None:
    host, port = listener.getsockname()[:2]
    if not guarded and not ip_address(host).is_loopback:
        tell("no token is set: whoever reaches this address is answered")
    # Last, since it tells who waits for it that everything was said.
    tell(f"listening on http://{_url_host(host)}:{port}")


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _cores() -> int:
    # Those that this process may use, where the system can tell.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

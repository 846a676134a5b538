"""What the engine says when it is asked whether it could count: for `httpcodes doctor`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from jobs.engine.again import travelling
from jobs.engine.engines import LOCAL, spark_engine
from jobs.engine.handshake import Met
from jobs.engine.session import Session
from jobs.logs.options import Source
from jobs.logs.sources import SourceNotFound
from jobs.logs.storage import Storage
from jobs.monitoring.doctor import Finding, State
from queries.config import EngineConfig
from queries.failures import Failure


def examine(
    named: str | None,
    config: EngineConfig,
    store: Path,
    sources: Sequence[Source],
    storage: Storage,
) -> list[Finding]:
    """Whether it can be reached, is of this make, and sees what it has to; nothing of `local`.

    Raises BadConfig.
    """
    master = named or config.spark or LOCAL
    if master == LOCAL:
        return []
    try:
        spark = spark_engine(master, config, store)
        try:
            return list(ask(spark.session, config.share, sources, storage))
        finally:
            spark.session.end()
    except Failure as error:
        return [Finding("engine", "fail", str(error))]


def ask(
    session: Session, share: Path | None, sources: Sequence[Source], storage: Storage
) -> Iterator[Finding]:
    """What executors say. Raises OtherMake or EngineFailed."""
    file = _any_file(sources, storage)
    met = session.meet(share, (file, travelling(storage)) if file else None)
    hosts = sorted({other.host for other in met})
    yield Finding("engine", "ok", f"{session.master} answers, of the same make, on {_and(hosts)}")
    if share:
        yield _seen("share", f"{share}", "write to", met, [m.share for m in met])
    if file:
        yield _seen("engine sees", file, "read", met, [m.file for m in met])


def _seen(
    check: str, what: str, does: str, met: Sequence[Met], answers: Sequence[bool | None]
) -> Finding:
    blind = sorted({m.host for m, answer in zip(met, answers, strict=True) if not answer})
    state: State = "fail" if blind else "ok"
    who = f"executors on {_and(blind)} can't" if blind else "executors"
    return Finding(check, state, f"{who} {does} {what}")


def _any_file(sources: Sequence[Source], storage: Storage) -> str | None:
    """One that a run would count."""
    for source in sources:
        try:
            found = storage.find(source.sought, may_be_missing=True)
        except SourceNotFound:
            continue
        if found.files:
            return next(iter(found.files))
    return None


def _and(names: Sequence[str]) -> str:
    return ", ".join(names)

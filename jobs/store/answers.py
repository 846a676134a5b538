"""The documented answer is made when counts change, an hour of a service at a time.

A request asks for the same few hours again and again, and making JSON of their cells takes ten
times as long as reading it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.logs.arrays import column_of, numbers_of, order_of, text_of, whole
from queries.statements import statements

_SQL = statements(__name__)

_NOTHING, _COMMA, _END = map(text_of, ("", ",", "}}"))

_CELLS = 1 << 18
"""So many are made into text at a time, more only of one service."""
_BUCKETS_AN_HOUR, _HOURS = 12, 24
_CODES = 1_000

_Places = np.ndarray[Any, np.dtype[np.int64]]
_Some = Mapping[str, Any]


def remake(connection: duckdb.DuckDBPyConnection, changed: str) -> None:
    """Bring the answers, and the digests of them, up to the cells, for the hours of these rows.

    The relation has service_id and bucket_start.
    """
    connection.execute(_SQL["outdated"].format(changed=changed))
    # By day, so that a rebuild of years takes no more memory than a night.
    for (day,) in connection.execute(_SQL["days"]).fetchall():
        heads = whole(connection.sql(_SQL["heads"], params={"day": day}).to_arrow_table()["head"])
        for some in _portions(connection, day):
            unchanged = _asked(connection, "there", some)
            made = _made(_asked(connection, "cells", some), heads)
            _insert(connection, "keep", made, day)
            _digest(connection, pa.concat_tables([unchanged, made]), some)


def digest(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the digests of all days from the answers that are there."""
    connection.execute(_SQL["all"])
    for (day,) in connection.execute(_SQL["days"]).fetchall():
        for some in _portions(connection, day):
            _digest(connection, _asked(connection, "there", some), some)


def _digest(connection: duckdb.DuckDBPyConnection, answers: pa.Table, some: _Some) -> None:
    """Make the digests of a day from all answers that these services have on it."""
    service, hour = (numbers_of(whole(answers[name])) for name in ("service_id", "hour"))
    order = order_of(service, hour)
    firsts = _edges(service[order])
    hours = _joined(whole(answers["json"]).take(column_of(order)), firsts)
    named = _asked(connection, "names", {name: some[name] for name in ("first", "last")})
    place = np.searchsorted(numbers_of(whole(named["service_id"])), service[order][firsts])
    names = whole(named["head"]).take(column_of(place))
    texts = pc.binary_join_element_wise(names, hours, text_of("]}"), _NOTHING).cast(pa.binary())
    # The system's library does it in a quarter of the time that the database takes.
    digests = b"".join(hashlib.sha256(text).digest() for text in texts.to_pylist())
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(hashlib.sha256().digest_size), len(texts), [None, pa.py_buffer(digests)]
    )
    ids = column_of(service[order][firsts])
    made = pa.Table.from_arrays([ids, column], names=["service_id", "digest"])
    _insert(connection, "digest", made, some["day"])


def _asked(connection: duckdb.DuckDBPyConnection, name: str, some: _Some) -> pa.Table:
    return connection.sql(_SQL[name], params=dict(some)).to_arrow_table()


def _insert(connection: duckdb.DuckDBPyConnection, name: str, made: pa.Table, day: date) -> None:
    connection.register("made", made)
    connection.execute(_SQL[name], {"day": day})
    connection.unregister("made")


def _portions(connection: duckdb.DuckDBPyConnection, day: date) -> Iterator[_Some]:
    """The services that changed on the day, some at a time: the day, the first, the last."""
    first, cells = None, 0
    sizes = connection.execute(_SQL["sizes"], {"day": day}).fetchall()
    for number, (service, more) in enumerate(sizes, 1):
        first = service if first is None else first
        cells += more
        if cells >= _CELLS or number == len(sizes):
            yield {"day": day, "first": first, "last": service}
            first, cells = None, 0


def _made(cells: pa.Table, heads: pa.Array) -> pa.Table:
    """The answers of cells, in order of service and hour: service_id, hour, json."""
    columns = [numbers_of(whole(cells[name])) for name in cells.column_names]
    order = order_of(*columns[:3])
    service, bucket, status, requests = (values[order] for values in columns)
    place = service.astype(np.int64) * (_BUCKETS_AN_HOUR * _HOURS) + bucket
    begins = _edges(place)
    counts = _joined(_counts(status, requests), begins)
    buckets = pc.binary_join_element_wise(
        heads.take(column_of(bucket[begins])), counts, _END, _NOTHING
    )
    hours = place[begins] // _BUCKETS_AN_HOUR
    firsts = _edges(hours)
    service_of, hour = (
        column_of(some.astype(np.int32)) for some in np.divmod(hours[firsts], _HOURS)
    )
    return pa.Table.from_arrays(
        [service_of, hour, _joined(buckets, firsts)],
        names=["service_id", "hour", "json"],
    )


def _counts(status: np.ndarray[Any, Any], requests: _Places) -> pa.Array:
    """Each status code with its requests; most stand often, and are made into text once."""
    coded = column_of(requests * _CODES + status).dictionary_encode()
    count, code = np.divmod(numbers_of(coded.dictionary), _CODES)
    texts = pc.binary_join_element_wise(
        _keys().take(column_of(code)), column_of(count).cast(pa.string()), _NOTHING
    )
    return texts.take(coded.indices)


def _edges(values: _Places) -> _Places:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.append(True, values[1:] != values[:-1])[: len(values)])


def _joined(texts: pa.Array, begins: _Places) -> pa.Array:
    """The texts from each of these places up to the next, with commas between them."""
    offsets = column_of(np.append(begins, len(texts)).astype(np.int32))
    return pc.binary_join(pa.ListArray.from_arrays(offsets, texts), _COMMA)


@cache
def _keys() -> pa.Array:
    codes = pc.utf8_lpad(column_of(np.arange(_CODES, dtype=np.int16)).cast(pa.string()), 3, "0")
    return pc.binary_join_element_wise(text_of('"'), codes, text_of('":'), _NOTHING)

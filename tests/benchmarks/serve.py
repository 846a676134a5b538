"""The server under load on the loopback, while runs publish snapshots and prune old ones.

Clients ask the same request over connections that stay open, and every answer is compared:
it has to be, byte for byte, that of one published snapshot (zero mixed), and none may fail.
Two services get one more request with each run, so that every snapshot answers otherwise.
Clients, runs and server share the cores; a client's own work is in its figures.

    python tests/benchmarks/serve.py [--seconds 30] [--clients 8] [--every 3] [--services 2]
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import Logs, Store
from serving import PATH, Server, serving

import queries

DAY = {"startTime": "2025-09-09T00:00:00Z", "endTime": "2025-09-10T00:00:00Z"}


@dataclass
class Load:
    """What clients saw: seconds of each request, and the distinct answers."""

    seconds: list[float] = field(default_factory=list)
    answers: set[bytes] = field(default_factory=set)
    failures: list[object] = field(default_factory=list)


class Night:
    """Runs that publish a snapshot, and what each of them answers."""

    def __init__(self, folder: Path, services: int) -> None:
        self._logs, self._store = Logs(folder / "logs"), Store(folder / "store")
        self._names = [f"s{number}.example" for number in range(services)]
        self.request = json.dumps({"serviceNames": self._names, **DAY}).encode()
        self.store = self._store.folder
        self.answers: set[bytes] = set()
        self.published = 0
        times = [f"2025-09-09T{m // 60:02d}:{m % 60:02d}:00Z" for m in range(0, 1440, 5)]
        rows = [(time, name, code) for time in times for name in self._names for code in (200, 404)]
        self._deliver(*rows)

    def publish(self) -> None:
        """One more request of every service."""
        second = f"2025-09-09T12:00:{self.published % 60:02d}Z"
        self._deliver(*((second, name, 503) for name in self._names))

    def _deliver(self, *rows: tuple[str, str, int]) -> None:
        self._logs.requests(f"{self.published}.parquet", *rows)
        self._store.run(self._logs.folder)
        self.published += 1
        self.answers.add(queries.answer(self.store, self.request).body)


def client(server: Server, request: bytes, done: threading.Event, load: Load) -> None:
    """Ask again and again over one connection, until done."""
    connection = server.connection()
    while not done.is_set():
        began = time.perf_counter()
        try:
            connection.request("POST", PATH, request)
            answer = connection.getresponse()
            body = answer.read()
        except OSError as failure:
            load.failures.append(failure)
            connection.close()
            continue
        load.seconds.append(time.perf_counter() - began)
        load.answers.add(body)
        if answer.status != 200:
            load.failures.append(body)
    connection.close()


def under_load(night: Night, clients: int, runs: int, every: float) -> Load:
    """Clients that ask while so many runs publish, one every so many seconds."""
    load, done = Load(), threading.Event()
    with serving(night.store) as server, ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(client, server, night.request, done, load) for _ in range(clients)]
        try:
            for _ in range(runs):
                time.sleep(every)
                night.publish()
            time.sleep(every)
        finally:
            done.set()
        for one in asking:
            one.result()
        code = server.stop()
    if code:
        load.failures.append(f"exit code {code}")
    return load


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--every", type=float, default=3)
    options.add_argument("--services", type=int, default=2)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        night = Night(Path(folder), given.services)
        runs = max(1, round(given.seconds / given.every) - 1)
        began = time.monotonic()
        load = under_load(night, given.clients, runs, given.every)
        lasted = time.monotonic() - began
    mixed = load.answers - night.answers
    cuts = statistics.quantiles(load.seconds, n=100)
    size = len(next(iter(load.answers)))
    print(
        f"{given.clients} clients, {size:,} bytes an answer, {night.published} snapshots published,"
        f" {len(load.answers)} of them seen\n"
        f"{len(load.seconds):,} requests in {lasted:.1f} s: {len(load.seconds) / lasted:,.0f}/s,"
        f" p50 {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms,"
        f" {len(load.failures)} failed, {len(mixed)} mixed"
    )
    if load.failures or mixed:
        raise SystemExit(f"failed: {load.failures[:3]}, mixed: {len(mixed)}")


if __name__ == "__main__":
    main()

"""The server under load on the loopback, while runs publish snapshots and prune old ones.

Clients ask for random services and hours over connections that stay open, and every answer is
compared: it has to be, byte for byte, that of one published snapshot (zero mixed), and none may
fail. All services get one more request with each run, so that every snapshot answers otherwise.
Clients, runs and server share the cores; a client's own work is in its figures.

    python tests/benchmarks/serve.py [--seconds 30] [--clients 8] [--every 3] [--services 2]

With --wrk, which is then needed, no run publishes: its clients, which cost little, ask a store
of --services (1,000 or so) for the static page beside small and large answers, first and again,
with gzip and without, and for 100,000 random ones, while the server's memory is looked at.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import Logs, Store
from serving import PATH, Server, serving

import queries

DAY = datetime(2025, 9, 9)
# A random request of so many services and hours, once more with each call.
LUA = """
function init(arguments)
  some, hours, services = tonumber(arguments[1]), tonumber(arguments[2]), tonumber(arguments[3])
  math.randomseed(os.time())
end
function request()
  local names = {}
  for i = 1, some do names[i] = string.format('"s%d.example"', math.random(0, services - 1)) end
  local first = math.random(0, 24 - hours)
  local last = first + hours
  local ends = last == 24 and "10T00" or string.format("09T%02d", last)
  return wrk.format("POST", nil, nil, string.format(
    '{"serviceNames":[%s],"startTime":"2025-09-09T%02d:00:00Z","endTime":"2025-09-%s:00:00Z"}',
    table.concat(names, ","), first, ends))
end
"""


@dataclass
class Load:
    """What clients saw: seconds of each request, and the distinct answers to each."""

    seconds: list[float] = field(default_factory=list)
    answers: set[tuple[bytes, bytes]] = field(default_factory=set)
    failures: list[object] = field(default_factory=list)


class Night:
    """Runs that publish a snapshot, and what each of them answers."""

    def __init__(self, folder: Path, services: int) -> None:
        self._logs, self._store = Logs(folder / "logs"), Store(folder / "store")
        self._names = [f"s{number}.example" for number in range(services)]
        self.requests = [self._request(random.Random(seed)) for seed in range(50)]
        self.store = self._store.folder
        self.answers: set[tuple[bytes, bytes]] = set()
        self.published = 0
        times = [f"2025-09-09T{m // 60:02d}:{m % 60:02d}:00Z" for m in range(0, 1440, 5)]
        rows = [(time, name, code) for time in times for name in self._names for code in (200, 404)]
        self._deliver(*rows)

    def _request(self, chance: random.Random) -> bytes:
        """Services and hours, 12 to 13 among these: there snapshots differ."""
        names = chance.sample(self._names, chance.randint(1, min(50, len(self._names))))
        first, last = chance.randint(0, 12), chance.randint(13, 24)
        times = [f"{(DAY + timedelta(hours=hour)).isoformat()}Z" for hour in (first, last)]
        asked = {"serviceNames": names, "startTime": times[0], "endTime": times[1]}
        return json.dumps(asked).encode()

    def publish(self) -> None:
        """One more request of every service."""
        second = f"2025-09-09T12:00:{self.published % 60:02d}Z"
        self._deliver(*((second, name, 503) for name in self._names))

    def _deliver(self, *rows: tuple[str, str, int]) -> None:
        self._logs.requests(f"{self.published}.parquet", *rows)
        self._store.run(self._logs.folder)
        self.published += 1
        self.answers |= {(r, queries.answer(self.store, r).body) for r in self.requests}


def client(server: Server, requests: list[bytes], done: threading.Event, load: Load) -> None:
    """Ask one or the other again and again over one connection, until done."""
    connection = server.connection()
    while not done.is_set():
        request = random.choice(requests)
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
        load.answers.add((request, body))
        if answer.status != 200:
            load.failures.append(body)
    connection.close()


def under_load(night: Night, clients: int, runs: int, every: float) -> Load:
    """Clients that ask while so many runs publish, one every so many seconds."""
    load, done = Load(), threading.Event()
    with serving(night.store) as server, ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(client, server, night.requests, done, load) for _ in range(clients)]
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


class Wrk:
    """Runs wrk against a server, and prints what it saw."""

    def __init__(self, server: Server, script: Path, clients: int, seconds: float) -> None:
        self._server, self._script = server, script
        self._options = [f"-c{clients}", "-t1", f"-d{max(1, round(seconds))}", "--latency"]
        script.write_text(LUA)

    def get(self, path: str) -> None:
        self._run(path, self._server.url + path)

    def ask(self, what: str, services: int, hours: int, of: int, *headers: str) -> int:
        """So many random ones; the number of requests."""
        asked = [part for header in headers for part in ("-H", header)]
        script = ["-s", self._script, self._server.url + PATH, *asked, "--", services, hours, of]
        return self._run(what, *map(str, script))

    def _run(self, what: str, *options: str) -> int:
        began = self._cpu()
        done = subprocess.run(
            ["wrk", *self._options, *options], check=True, capture_output=True, text=True
        )
        told = done.stdout.split()
        requests = int(told[told.index("requests") - 1])
        rate, p50, p99 = (told[told.index(key) + 1] for key in ("Requests/sec:", "50%", "99%"))
        cpu = (self._cpu() - began) / requests * 1000
        failed = "Non-2xx" in done.stdout or "Socket errors" in done.stdout
        print(
            f"{what:30} {rate:>9}/s  p50 {p50:>8}  p99 {p99:>8}  {cpu:6.2f} ms of CPU each,"
            f" {self.resident()} MiB{', FAILED' * failed}",
            flush=True,
        )
        return requests

    def _cpu(self) -> float:
        told = [Path(f"/proc/{pid}/stat").read_text() for pid in self._server.processes()]
        return sum(sum(map(int, s.rpartition(")")[2].split()[11:13])) for s in told) / 100

    def resident(self) -> int:
        """MiB of memory of the largest process."""
        told = [Path(f"/proc/{pid}/statm").read_text() for pid in self._server.processes()]
        return max(int(s.split()[1]) for s in told) * 4096 >> 20


def asked_by_wrk(folder: Path, services: int, clients: int, seconds: float) -> None:
    night = Night(folder, services)
    with serving(night.store) as server:
        wrk = Wrk(server, folder / "random.lua", clients, seconds)
        wrk.get("/openapi.json")
        wrk.ask("1 service, 1 h, first", 1, 1, services)
        wrk.ask("1 service, 1 h, again", 1, 1, services)
        wrk.get("/openapi.json")
        wrk.ask("50 services, 24 h", 50, 24, services)
        wrk.ask("50 services, 24 h, gzip", 50, 24, services, "Accept-Encoding: gzip")
        asked = 0
        while asked < 100_000:
            asked += wrk.ask("20 services, 6 h", 20, 6, services, "Accept-Encoding: gzip")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--every", type=float, default=3)
    options.add_argument("--services", type=int, default=2)
    options.add_argument("--wrk", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.wrk:
            asked_by_wrk(Path(folder), given.services, given.clients, given.seconds)
            return
        night = Night(Path(folder), given.services)
        runs = max(1, round(given.seconds / given.every) - 1)
        began = time.monotonic()
        load = under_load(night, given.clients, runs, given.every)
        lasted = time.monotonic() - began
    mixed = load.answers - night.answers
    cuts = statistics.quantiles(load.seconds, n=100)
    size = max(len(body) for _, body in load.answers)
    print(
        f"{given.clients} clients, up to {size:,} bytes an answer, {night.published} snapshots"
        f" published, {len(load.answers)} of {len(night.answers)} answers seen\n"
        f"{len(load.seconds):,} requests in {lasted:.1f} s: {len(load.seconds) / lasted:,.0f}/s,"
        f" p50 {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms,"
        f" {len(load.failures)} failed, {len(mixed)} mixed"
    )
    if load.failures or mixed:
        raise SystemExit(f"failed: {load.failures[:3]}, mixed: {len(mixed)}")


if __name__ == "__main__":
    main()

"""What a row costs to take in: rows per second over HTTP, and CPU microseconds a row in the service.

    python benchmarks/ingest.py [--rows 200000] [--store sqlite|postgresql://...]

A real `driftwatch serve` process (API alone, then with its worker) takes frames of 4,096 rows with 10 numeric and 10
categorical features, score, latency and prediction, as the SDK sends them. CPU is that of the service process, all
threads, from /proc. The second table takes the parts one by one in this process.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np

from driftwatch.service.batch import read_batch
from driftwatch.service.ingest import ingest_frame
from driftwatch.service.ingest_plan import plan_batch, profile_batch, read_registered
from driftwatch.storage.store import Store
from driftwatch.wire import CONTENT_TYPE, Frame, build_column, decode, encode

FRAME_ROWS = 4096
START = 1_358_208_000_000_000  # 2013-01-15
SPACING = 250_000  # four rows a second


def make_frame(place: int, rng: np.random.Generator, rows: int = FRAME_ROWS) -> bytes:
    numeric = {f"x{column}": rng.normal(column, 1 + column, rows).tolist() for column in range(10)}
    names = [[f"value-{column}-{level}" for level in range(5 * (column + 1))] for column in range(10)]
    categorical = {
        f"c{column}": [names[column][code] for code in rng.integers(0, len(names[column]), rows).tolist()]
        for column in range(10)
    }
    frame = Frame(
        batch_id=f"bench-{place}",
        model="bench",
        version="1",
        ids=[f"{place:08x}-0000-7000-8000-{row:012x}" for row in range(rows)],
        at=[START + SPACING * (place * rows + row) for row in range(rows)],
        prediction=rng.integers(0, 2, rows).tolist(),
        score=rng.uniform(0, 1, rows).tolist(),
        latency_seconds=rng.exponential(0.01, rows).tolist(),
        features={name: build_column(values)[0] for name, values in {**numeric, **categorical}.items()},
    )
    return encode(frame)


@contextlib.contextmanager
def service(store_url: str, roles: str) -> Iterator[tuple[str, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "driftwatch", "serve", "--port", str(port), "--roles", roles]
    environment = {**os.environ, "DRIFTWATCH_STORE": store_url}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/readyz").status_code == 200:
                    break
            time.sleep(0.1)
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def over_http(store_url: str, roles: str, frames: list[bytes], senders: int) -> tuple[float, float]:
    """Rows a second, and CPU microseconds of the service a row."""
    from concurrent.futures import ThreadPoolExecutor

    bodies = [zlib.compress(frame, 1) for frame in frames]
    headers = {"Content-Type": CONTENT_TYPE, "Content-Encoding": "zlib"}
    with service(store_url, roles) as (url, pid), httpx.Client(base_url=url, timeout=120) as client:

        def post(body: bytes) -> None:
            status = client.post("/v1/batches", content=body, headers=headers).status_code
            if status != 202:
                raise SystemExit(f"the service answered {status}")

        post(bodies[0])
        cpu, started = cpu_seconds(pid), time.perf_counter()
        with ThreadPoolExecutor(senders) as pool:
            list(pool.map(post, bodies[1:]))
        seconds, cpu = time.perf_counter() - started, cpu_seconds(pid) - cpu
    rows = FRAME_ROWS * (len(frames) - 1)
    return rows / seconds, cpu / rows * 1e6


def by_part(store: Store, frames: list[bytes]) -> None:
    def clock(name: str, work: Callable[[bytes], object]) -> None:
        started = time.process_time()
        for frame in frames:
            work(frame)
        micros = (time.process_time() - started) / (FRAME_ROWS * len(frames)) * 1e6
        print(f"| {name:<34} | {micros:6.2f} |")

    print(f"\n| part (CPU µs a row)                | {'µs':>6} |\n|---|---:|")
    clock("decode", decode)
    clock("decode, screen", lambda raw: read_batch(decode(raw), now=2**60, content_hash=b""))

    def profiled(raw: bytes) -> object:
        frame = decode(raw)
        with store.read() as conn:
            plan = plan_batch(read_batch(frame, now=2**60, content_hash=b""), read_registered(conn, frame))
        return profile_batch(plan)

    ingest_frame(store, decode(make_frame(10**6, np.random.default_rng(1))), content_hash=b"first")
    clock("decode, screen, profile", profiled)
    clock("everything, as one transaction", lambda raw: ingest_frame(store, decode(raw), content_hash=raw[:32]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--store", default="sqlite")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    frames = [make_frame(place, rng) for place in range(max(2, arguments.rows // FRAME_ROWS))]
    size = sum(map(len, frames)) / (FRAME_ROWS * len(frames))
    print(f"{len(frames)} frames of {FRAME_ROWS} rows, 20 features, {size:.0f} bytes a row\n")
    print("| roles, senders | rows/s | CPU µs/row of the service |\n|---|---:|---:|")
    for roles, senders in (("api", 1), ("api", 4), ("api,worker", 4)):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/bench.db" if arguments.store == "sqlite" else arguments.store
            speed, cpu = over_http(url, roles, frames, senders)
            print(f"| {roles}, {senders} | {speed:,.0f} | {cpu:.1f} |")
        if arguments.store != "sqlite":
            break  # the same batch ids again would be known
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/parts.db") as store:
        by_part(store, frames)


if __name__ == "__main__":
    main()

"""What a call of the SDK costs the serving process, beside a log call of sentry-sdk and an OpenTelemetry span.

    python benchmarks/sdk_call.py

Medians of many blocks of calls, in microseconds a call; the sender's thread works meanwhile, as in production,
and its frames go nowhere. sentry-sdk and opentelemetry-sdk are measured if they are installed, with transports
that go nowhere too. The import is measured in fresh processes, in CPU time of the whole process.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from driftwatch import Client

_BLOCK = 200
_IMPORT = """
import time
before = time.process_time()
import driftwatch
client = driftwatch.Client("http://localhost:8300", model="m", version="1")
print(time.process_time() - before, time.process_time())
"""


_CLIENTS: list[Client] = []


class _NowhereTransport:
    def send(self, parcel: object) -> None:
        """Take the frame and forget it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {name: _median_microseconds(call, options.blocks) for name, call in _calls()}
    results.update(_import_milliseconds())
    dropped = _CLIENTS[0].stats.dropped
    if dropped:
        raise SystemExit(f"rows were dropped, so these are not the costs of logging: {dropped}")
    if options.json:
        print(json.dumps(results))
        return
    for name, value in results.items():
        print(f"{name:58s} {value:8.2f}")


def _calls() -> list[tuple[str, Callable[[], Any]]]:
    plain = {f"feature_{i:02d}": i * 1.37 if i % 4 else f"value {i}" for i in range(20)}
    client = Client(model="flights", version="1", transport=_NowhereTransport())
    _CLIENTS.append(client)
    log = client.log_prediction
    calls: list[tuple[str, Callable[[], Any]]] = [
        (
            "log_prediction, 20 features, floats and texts (us)",
            lambda: log(plain, prediction=1, score=0.71, latency_seconds=0.012),
        ),
        (
            "log_prediction, the same, with an id of one's own (us)",
            lambda: log(plain, prediction=1, score=0.71, latency_seconds=0.012, id="row-123456"),
        ),
    ]
    if find_spec("numpy"):
        import numpy as np

        scalars = {f"feature_{i:02d}": np.float64(i * 1.37) if i % 2 else np.float32(i * 0.7) for i in range(20)}
        one, score = np.int64(1), np.float64(0.71)
        calls.append(
            (
                "log_prediction, 20 features, numpy scalars (us)",
                lambda: log(scalars, prediction=one, score=score, latency_seconds=0.012),
            )
        )
    calls.append(("log_outcome (us)", lambda: client.log_outcome("row-123456", 1)))
    return calls + _peers(plain)


def _peers(plain: dict[str, Any]) -> list[tuple[str, Callable[[], Any]]]:
    calls: list[tuple[str, Callable[[], Any]]] = []
    if find_spec("sentry_sdk"):
        calls.append(("sentry-sdk, log call with 20 attributes (us)", _sentry(plain)))
    if find_spec("opentelemetry.sdk") if find_spec("opentelemetry") else False:
        calls.append(("OpenTelemetry, span with 20 attributes (us)", _open_telemetry(plain)))
    return calls


def _sentry(plain: dict[str, Any]) -> Callable[[], Any]:
    sentry_sdk: Any = import_module("sentry_sdk")
    transport: Any = import_module("sentry_sdk.transport")
    logger: Any = import_module("sentry_sdk.logger")

    class Nowhere(transport.Transport):  # type: ignore[misc]
        def capture_envelope(self, envelope: object) -> None:
            """Take the envelope and forget it."""

    sentry_sdk.init(dsn="http://key@localhost:1/1", transport=Nowhere, enable_logs=True, default_integrations=False)

    def call() -> None:
        logger.info("prediction", attributes=plain)

    return call


def _open_telemetry(plain: dict[str, Any]) -> Callable[[], Any]:
    trace: Any = import_module("opentelemetry.sdk.trace")
    export: Any = import_module("opentelemetry.sdk.trace.export")

    class Nowhere(export.SpanExporter):  # type: ignore[misc]
        def export(self, _spans: object) -> Any:
            """Take the spans and forget them."""
            return export.SpanExportResult.SUCCESS

    provider = trace.TracerProvider()
    provider.add_span_processor(export.BatchSpanProcessor(Nowhere()))
    tracer = provider.get_tracer("bench")

    def call() -> None:
        with tracer.start_as_current_span("prediction", attributes=plain):
            pass

    return call


def _median_microseconds(call: Callable[[], Any], blocks: int) -> float:
    times = []
    for _ in range(blocks):
        start = time.perf_counter()
        for _ in range(_BLOCK):
            call()
        times.append((time.perf_counter() - start) / _BLOCK * 1e6)
        time.sleep(0.005)  # lets the threads work that every one of these has
    return statistics.median(times)


def _import_milliseconds() -> dict[str, float]:
    runs = [
        [float(number) * 1e3 for number in subprocess.check_output([sys.executable, "-c", _IMPORT]).split()]
        for _ in range(5)
    ]
    return {
        "import driftwatch; Client(...): CPU of these lines (ms)": statistics.median(run[0] for run in runs),
        "import driftwatch; Client(...): CPU of the process (ms)": statistics.median(run[1] for run in runs),
    }


if __name__ == "__main__":
    main()

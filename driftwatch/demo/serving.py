"""The demo's model server: an ordinary HTTP endpoint, instrumented with three lines of the driftwatch client.

Run in its own process: ``python -m driftwatch.demo.serving --port 8310 --url http://127.0.0.1:8300``.
"""

import argparse
import signal
import time
from types import FrameType
from typing import Any

import pandas as pd
import uvicorn
from fastapi import FastAPI

import driftwatch
from driftwatch.demo.flights import FEATURES, REFERENCE_END, load_flights
from driftwatch.demo.landing import report_landings
from driftwatch.demo.model import DelayModel, train

__all__ = ["MODEL", "VERSION", "create_app", "main"]

MODEL = "flight-delays"
VERSION = "2013-03"

_KEEP_ALIVE_SECONDS = 600
"""On a busy machine the replay's one connection may rest for longer than uvicorn's five seconds."""


def create_app(model: DelayModel, client: "driftwatch.Client") -> FastAPI:
    """``POST /predict`` with ``{"flights": [{"id": ..., "at": ..., <features>}]}``."""
    app = FastAPI(title="Flight delays")

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict")
    def predict(body: dict[str, Any]) -> dict[str, Any]:
        started = time.perf_counter()
        flights = body["flights"]
        scores = model.score({name: [flight[name] for flight in flights] for name in FEATURES})
        seconds = time.perf_counter() - started
        answers = []
        for flight, score in zip(flights, scores, strict=True):
            late = int(score > model.threshold)
            client.log_prediction(
                {name: flight[name] for name in FEATURES},
                prediction=late,
                score=float(score),
                id=flight["id"],
                at=flight["at"],
                latency_seconds=seconds,
            )
            answers.append({"id": flight["id"], "late": late, "score": float(score)})
        return {"predictions": answers}

    @app.post("/flush")
    def flush() -> dict[str, int]:
        client.flush(60.0)
        stats = client.stats
        return {"sent": stats.sent, "dropped": sum(stats.dropped.values())}

    return app


def main() -> None:
    """Train on January to March, log those flights as the reference, then serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--url", required=True, help="where the driftwatch service listens")
    parser.add_argument("--share", type=float, default=1.0, help="fraction of the flights that are used")
    arguments = parser.parse_args()
    # The client's exit handler flushes what is queued, so a plain exit is a clean one.
    signal.signal(signal.SIGTERM, _exit)

    flights = load_flights(share=arguments.share)
    known = flights[flights["at"] < REFERENCE_END]
    model, scores = train(known)
    client = driftwatch.Client(arguments.url, model=MODEL, version=VERSION)
    _log_reference(client, known, scores > model.threshold, scores)
    uvicorn.run(
        create_app(model, client),
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    client.close()


def _log_reference(client: "driftwatch.Client", known: pd.DataFrame, late: Any, scores: Any) -> None:
    frame = known[["id", "at", *FEATURES]].assign(prediction=late.astype(int), score=scores)
    client.log_batch(frame, {"id": "id", "timestamp": "at", "prediction": "prediction", "score": "score"})
    report_landings(client, known[known["late"].notna()])
    client.flush(60.0)


def _exit(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()

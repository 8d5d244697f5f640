"""What became of flights, told to the client: the outcome of a prediction, known when the plane has landed."""

import pandas as pd

import driftwatch

__all__ = ["report_landings"]


def report_landings(client: driftwatch.Client, landings: pd.DataFrame) -> None:
    """Log whether each flight was late, as known when it landed."""
    moments = landings["landed_at"].dt.to_pydatetime()
    for flight, late, moment in zip(landings["id"], landings["late"], moments, strict=True):
        client.log_outcome(flight, int(late), at=moment)

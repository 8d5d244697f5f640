"""The logging client that serving code embeds: it never raises into its host, blocks it, or grows without bound.

`client` is the surface; `value` makes any value plain, `sender` holds the bounded queue and its thread,
`assembly` turns rows into columnar frames (after `redaction`), `transport` decides from the address where they go.
"""

from driftwatch.sdk.client import Client
from driftwatch.sdk.stats import Stats
from driftwatch.sdk.transport import Parcel, Transport
from driftwatch.sdk.watch import Call

__all__ = ["Call", "Client", "Parcel", "Stats", "Transport"]

"""Where frames go. One argument, the address, decides; one method is all that a transport needs.

A spool on disk, or frames as files, are transports too: they send the same parcels.
"""

from typing import Any, Protocol, runtime_checkable

from driftwatch.errors import DeliveryError, MissingPartError, SpecError

__all__ = ["OUTCOMES", "PREDICTIONS", "Parcel", "RefusedError", "Transport", "open_transport"]

PREDICTIONS = "predictions"
OUTCOMES = "outcomes"


class Parcel:
    """An encoded frame on its way. Every try sends the same bytes under the same id.

    Attributes:
        batch_id: the id inside the frame.
        kind: `predictions` or `outcomes`.
        n: number of rows.
        body: the frame, uncompressed.
        dropped: the drops that the frame tells of.
    """

    __slots__ = ("batch_id", "body", "dropped", "kind", "n")

    def __init__(self, batch_id: str, kind: str, n: int, body: bytes, dropped: dict[str, int] | None = None) -> None:
        self.batch_id = batch_id
        self.kind = kind
        self.n = n
        self.body = body
        self.dropped = dropped or {}

    def __repr__(self) -> str:
        return f"Parcel({self.batch_id!r}, {self.kind}, n={self.n}, {len(self.body)} bytes)"


class RefusedError(DeliveryError):
    """The receiver answered, and said no.

    Attributes:
        reason: the name under which the loss is counted (`refused_422`).
    """

    def __init__(self, message: str, *, reason: str, retryable: bool, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, retryable=retryable, retry_after_seconds=retry_after_seconds)
        self.reason = reason


@runtime_checkable
class Transport(Protocol):
    """Takes parcels to the service, or to a place that the service reads.

    `send` is called by one thread at a time, may block, and returns when the parcel is safe. The same parcel may
    come again after an error, so a second delivery must do no harm. A method `close`, where there is one, gives
    up connections; the transport may be used again afterwards. After a fork the child makes its own transport.
    """

    def send(self, parcel: Parcel) -> int | None:
        """Deliver one parcel; returns how many rows or values the receiver put in quarantine, if it says so.

        Raises:
            DeliveryError: not delivered; says whether to try again, and when.
        """
        ...


def open_transport(url: str, *, api_key: str | None, timeout_seconds: float) -> Any:
    """The transport of an address; nothing is connected yet.

    Raises:
        SpecError: the address is none that is known.
        MissingPartError: the package that it needs is absent.
    """
    scheme, _, rest = url.partition(":")
    if scheme in ("http", "https"):
        from driftwatch.sdk.http import HttpTransport

        return HttpTransport(url, api_key=api_key, timeout_seconds=timeout_seconds)
    if scheme == "sqlite":
        from driftwatch.sdk.inbox import SqliteInbox

        return SqliteInbox(_sqlite_path(url), timeout_seconds=timeout_seconds)
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        from driftwatch.sdk.inbox import PostgresInbox

        _need_psycopg()
        return PostgresInbox(f"postgresql:{rest}", timeout_seconds=timeout_seconds)
    if scheme == "memory" and not rest:
        from driftwatch.sdk.memory import MemoryTransport

        return MemoryTransport()
    raise SpecError(
        f"{url!r} is no address of a service; use http(s)://host:port, sqlite:///path, "
        "postgresql://user@host/database or memory:",
        path="url",
    )


def _sqlite_path(url: str) -> str:
    path = url.removeprefix("sqlite:///")
    if path == url or not path:
        raise SpecError(f"{url!r} names no file; use sqlite:///relative/path or sqlite:////absolute/path", path="url")
    return path


def _need_psycopg() -> None:
    from importlib.util import find_spec

    if find_spec("psycopg") is None:
        raise MissingPartError(
            "Logging to PostgreSQL needs the package 'psycopg'. Install it with: "
            "pip install 'driftwatch-monitor[postgres]'",
            extra="postgres",
        )

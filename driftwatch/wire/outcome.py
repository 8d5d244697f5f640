"""The outcome frame: ground truth for predictions made earlier. `DWO1`, then one msgpack map."""

from typing import Any

from driftwatch.errors import FrameError
from driftwatch.wire.column import to_bytes
from driftwatch.wire.envelope import (
    SCALAR,
    TEXT,
    VERSION,
    pack_map,
    read_columns,
    read_count,
    read_header,
    read_instants,
    read_values,
    unpack_map,
)

__all__ = ["OUTCOME_CONTENT_TYPE", "OUTCOME_MAGIC", "OutcomeFrame", "decode_outcomes", "encode_outcomes", "is_outcomes"]

OUTCOME_MAGIC = b"DWO1"
OUTCOME_CONTENT_TYPE = "application/vnd.driftwatch.outcomes"


class OutcomeFrame:
    """Outcomes of one model, by column; each row names its prediction by `ids` or by `request_ids`.

    Attributes:
        batch_id: what makes a second delivery of the same frame harmless.
        model: name of the model; with `environment` its identity.
        environment: `production` unless the client says otherwise.
        sdk: name and version of the client, for people.
        n: number of rows.
        dropped: what the client had to leave out since the last frame, by reason.
        ids: a text or None a row.
        request_ids: a text or None a row.
        values: a bool, int, float or str a row.
        at: int64 little-endian bytes, microseconds UTC: when the outcome became known.
        raw: the frame as received, uncompressed.
    """

    __slots__ = (
        "at",
        "batch_id",
        "dropped",
        "environment",
        "ids",
        "model",
        "n",
        "raw",
        "request_ids",
        "sdk",
        "values",
    )

    def __init__(
        self,
        *,
        batch_id: str,
        model: str,
        ids: list[str | None],
        request_ids: list[str | None],
        values: list[Any],
        at: bytes | list[int],
        environment: str = "production",
        sdk: str = "",
        dropped: dict[str, int] | None = None,
        raw: bytes = b"",
    ) -> None:
        self.batch_id = batch_id
        self.model = model
        self.environment = environment
        self.sdk = sdk
        self.n = len(values)
        self.dropped = dropped or {}
        self.ids = ids
        self.request_ids = request_ids
        self.values = values
        self.at = at if isinstance(at, bytes) else to_bytes("q", at)
        self.raw = raw

    def __repr__(self) -> str:
        return f"OutcomeFrame({self.batch_id!r}, model={self.model!r}, n={self.n})"

    def __eq__(self, other: object) -> bool:
        """Equal in everything but the bytes that they came from."""
        if not isinstance(other, OutcomeFrame):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__ if name != "raw")

    __hash__ = None  # type: ignore[assignment]


def is_outcomes(body: bytes) -> bool:
    """Whether these bytes claim to be an outcome frame: an inbox holds both kinds."""
    return body[:4] == OUTCOME_MAGIC


def encode_outcomes(frame: OutcomeFrame) -> bytes:
    """The bytes of an outcome frame."""
    return OUTCOME_MAGIC + pack_map(
        {
            "v": VERSION,
            "batch_id": frame.batch_id,
            "model": frame.model,
            "environment": frame.environment,
            "sdk": frame.sdk,
            "n": frame.n,
            "dropped": frame.dropped,
            "columns": {"id": frame.ids, "request_id": frame.request_ids, "value": frame.values, "at": frame.at},
        }
    )


def decode_outcomes(body: bytes) -> OutcomeFrame:
    """Read an outcome frame.

    Raises:
        FrameError: the bytes are no outcome frame, are cut off, or contradict themselves.
        FrameVersionError: the frame is of another version of the format.
    """
    data = unpack_map(body, OUTCOME_MAGIC)
    n = read_count(data)
    columns = read_columns(data)
    ids = read_values("id", columns.get("id"), n, TEXT) or [None] * n
    request_ids = read_values("request_id", columns.get("request_id"), n, TEXT) or [None] * n
    values = read_values("value", columns.get("value"), n, SCALAR - {type(None)})
    if values is None:
        raise FrameError("column 'value' is missing")
    nameless = next((i for i in range(n) if not ids[i] and not request_ids[i]), None)
    if nameless is not None:
        raise FrameError(f"outcome {nameless} has neither an id nor a request_id")
    return OutcomeFrame(
        **read_header(data),
        ids=ids,
        request_ids=request_ids,
        values=values,
        at=read_instants(columns.get("at"), n),
        raw=body,
    )

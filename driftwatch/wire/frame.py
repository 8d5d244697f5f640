"""The frame: predictions of one model version and deployment, by column.

`DWF1`, then one msgpack map (the public contract has its keys). Unknown keys are ignored, so that a newer
client can send more; an unknown version is an error of its own, so that the service can keep the bytes.
"""

from typing import Any

from driftwatch.errors import FrameError
from driftwatch.wire.column import FeatureColumn, column_from_wire, to_bytes
from driftwatch.wire.envelope import (
    ENVELOPE,
    SCALAR,
    VERSION,
    pack_map,
    read_columns,
    read_count,
    read_header,
    read_ids,
    read_instants,
    read_text,
    read_values,
    unpack_map,
)

__all__ = ["CONTENT_TYPE", "MAGIC", "Frame", "decode", "encode"]

MAGIC = b"DWF1"
CONTENT_TYPE = "application/vnd.driftwatch.frame"


class Frame:
    """Predictions of one model version and deployment, by column.

    Attributes:
        batch_id: what makes a second delivery of the same frame harmless.
        model: name of the model; with `environment` its identity.
        environment: `production` unless the client says otherwise.
        version: version of the model.
        deployment: which deployment of it served the rows.
        sdk: name and version of the client, for people.
        n: number of rows.
        dropped: what the client had to leave out since the last frame, by reason.
        sample_rate: share of the rows whose features were kept, in (0, 1].
        ids: one text of 1 to 128 bytes a row.
        at: int64 little-endian bytes, microseconds UTC, one a row.
        prediction: list of bool, int, float, str or None; or None.
        score: list of numbers or None; or None.
        latency_seconds: list of numbers or None; or None.
        error: list of texts, bools or None; or None. None and False mean served.
        request_id: list of texts or None; or None.
        entity: list of texts or None; or None. The erasure key.
        features: model inputs by name. A client that samples sends the rows whose features it left out in frames
            without any; they count as rows, and say nothing about features.
        tags: columns that are not model inputs, by name; each a list of plain values or None.
        raw: the frame as received, uncompressed.
    """

    __slots__ = (
        "at",
        "batch_id",
        "deployment",
        "dropped",
        "entity",
        "environment",
        "error",
        "features",
        "ids",
        "latency_seconds",
        "model",
        "n",
        "prediction",
        "raw",
        "request_id",
        "sample_rate",
        "score",
        "sdk",
        "tags",
        "version",
    )

    def __init__(
        self,
        *,
        batch_id: str,
        model: str,
        ids: list[str],
        at: bytes | list[int],
        version: str = "",
        environment: str = "production",
        deployment: str = "default",
        sdk: str = "",
        dropped: dict[str, int] | None = None,
        sample_rate: float = 1.0,
        prediction: list[Any] | None = None,
        score: list[Any] | None = None,
        latency_seconds: list[Any] | None = None,
        error: list[Any] | None = None,
        request_id: list[Any] | None = None,
        entity: list[Any] | None = None,
        features: dict[str, FeatureColumn] | None = None,
        tags: dict[str, list[Any]] | None = None,
        raw: bytes = b"",
    ) -> None:
        self.batch_id = batch_id
        self.model = model
        self.environment = environment
        self.version = version
        self.deployment = deployment
        self.sdk = sdk
        self.n = len(ids)
        self.dropped = dropped or {}
        self.sample_rate = sample_rate
        self.ids = ids
        self.at = at if isinstance(at, bytes) else to_bytes("q", at)
        self.prediction = prediction
        self.score = score
        self.latency_seconds = latency_seconds
        self.error = error
        self.request_id = request_id
        self.entity = entity
        self.features = features or {}
        self.tags = tags or {}
        self.raw = raw

    def __repr__(self) -> str:
        return f"Frame({self.batch_id!r}, model={self.model!r}, version={self.version!r}, n={self.n})"

    def __eq__(self, other: object) -> bool:
        """Equal in everything but the bytes that they came from."""
        if not isinstance(other, Frame):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__ if name != "raw")

    __hash__ = None  # type: ignore[assignment]


def encode(frame: Frame) -> bytes:
    """The bytes of a frame."""
    columns = {
        "id": frame.ids,
        "at": frame.at,
        **{name: getattr(frame, name) for name in ENVELOPE},
        "features": {name: column.to_wire() for name, column in frame.features.items()},
        "tags": frame.tags,
    }
    return MAGIC + pack_map(
        {
            "v": VERSION,
            "batch_id": frame.batch_id,
            "model": frame.model,
            "environment": frame.environment,
            "version": frame.version,
            "deployment": frame.deployment,
            "sdk": frame.sdk,
            "n": frame.n,
            "dropped": frame.dropped,
            "sample_rate": frame.sample_rate,
            "columns": columns,
        }
    )


def decode(body: bytes) -> Frame:
    """Read a frame; packed columns are checked by their length, not value by value.

    Raises:
        FrameError: the bytes are no frame, are cut off, or contradict themselves; the message names the fault.
        FrameVersionError: the frame is of another version of the format.
    """
    data = unpack_map(body, MAGIC)
    n = read_count(data)
    columns = read_columns(data)
    features, tags = columns.get("features") or {}, columns.get("tags") or {}
    if not isinstance(features, dict) or not isinstance(tags, dict):
        raise FrameError("columns.features and columns.tags must be maps of name to column")
    rate = data.get("sample_rate", 1.0)
    if type(rate) not in (float, int) or not 0 < rate <= 1:
        raise FrameError(f"sample_rate is {rate!r}; it must lie in (0, 1]")
    envelope: dict[str, Any] = {
        name: read_values(name, columns.get(name), n, types) for name, types in ENVELOPE.items()
    }
    return Frame(
        **read_header(data),
        **envelope,
        version=read_text(data, "version", ""),
        deployment=read_text(data, "deployment", "default"),
        sample_rate=float(rate),
        ids=read_ids(columns.get("id"), n),
        at=read_instants(columns.get("at"), n),
        features={name: column_from_wire(name, column, n) for name, column in features.items()},
        tags={name: read_values(f"tags.{name}", column, n, SCALAR) or [None] * n for name, column in tags.items()},
        raw=body,
    )

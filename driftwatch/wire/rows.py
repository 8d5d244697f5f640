"""JSON rows, as curl sends them, become the frames that the SDK sends; a wrong row never costs the others."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from driftwatch.errors import DataError
from driftwatch.wire.column import FeatureColumn, build_column, to_bytes
from driftwatch.wire.envelope import ENVELOPE, SCALAR, Types
from driftwatch.wire.frame import Frame, encode
from driftwatch.wire.identity import new_id
from driftwatch.wire.kind import MAX_ID_BYTES, clean_text
from driftwatch.wire.outcome import OutcomeFrame, encode_outcomes

__all__ = ["BadRow", "frame_from_rows", "instant_of", "outcomes_from_rows"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_TEXT = {"error": 1024, "request_id": MAX_ID_BYTES, "entity": MAX_ID_BYTES}
_LEAST_MICROSECONDS = 10**14  # 1973: a smaller integer in a row is a count of seconds or milliseconds


class BadRow:
    """A row, or one value of it, that could not be used.

    Attributes:
        row: position in the list that was sent.
        column: the column whose value is left out while the row is kept; None: the whole row is left out.
        reason: what is wrong, with the value.
    """

    __slots__ = ("column", "reason", "row")

    def __init__(self, row: int, column: str | None, reason: str) -> None:
        self.row = row
        self.column = column
        self.reason = reason

    def __repr__(self) -> str:
        return f"BadRow({self.row}, {self.column!r}, {self.reason!r})"


def instant_of(value: Any) -> int:
    """Microseconds UTC of ISO 8601 text (without offset: UTC) or of an integer of microseconds.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return value
    raise ValueError(f"{_brief(value)} is not a time")


def frame_from_rows(
    payload: Mapping[str, Any], *, batch_id: str | None = None, now: int | None = None
) -> tuple[Frame, list[BadRow]]:
    """The body of `POST /v1/batches` as a frame.

    Args:
        payload: `{"batch_id", "model", "environment", "version", "deployment", "rows": [...]}`.
        batch_id: from `Idempotency-Key`; the payload's own wins, and without either a new one is made.
        now: the time of rows that give none, in microseconds; without it such rows are bad.

    Returns:
        the frame of the good rows, and what was left out of it.

    Raises:
        DataError: the payload itself is wrong; the message begins with the path of the fault.
    """
    header = _header(payload, batch_id)
    bad: list[BadRow] = []
    kept, positions = _take(_list(payload, "rows"), bad, lambda row: _read_row(row, now))
    columns: dict[str, Any] = {name: _column(name, types, kept, positions, bad) for name, types in ENVELOPE.items()}
    frame = Frame(
        **header,
        version=_name(payload, "version", ""),
        deployment=_name(payload, "deployment", "default"),
        sdk="json",
        ids=[row["id"] for row in kept],
        at=to_bytes("q", [row["at"] for row in kept]),
        **columns,
        features=_features(kept, positions, bad),
        tags=_tags(kept, positions, bad),
    )
    frame.raw = encode(frame)
    return frame, sorted(bad, key=lambda fault: fault.row)


def outcomes_from_rows(
    payload: Mapping[str, Any], *, batch_id: str | None = None, now: int | None = None
) -> tuple[OutcomeFrame, list[BadRow]]:
    """The body of `POST /v1/outcomes` as an outcome frame; arguments and errors as in `frame_from_rows`."""
    header = _header(payload, batch_id)
    bad: list[BadRow] = []
    kept, _ = _take(_list(payload, "outcomes"), bad, lambda row: _read_outcome(row, now))
    frame = OutcomeFrame(
        **header,
        sdk="json",
        ids=[row["id"] for row in kept],
        request_ids=[row["request_id"] for row in kept],
        values=[row["value"] for row in kept],
        at=to_bytes("q", [row["at"] for row in kept]),
    )
    frame.raw = encode_outcomes(frame)
    return frame, bad


def _header(payload: Mapping[str, Any], batch_id: str | None) -> dict[str, Any]:
    if not isinstance(payload, Mapping):
        raise DataError(f"the body is {_brief(payload)}, not a JSON object")
    given = payload.get("batch_id") or batch_id or new_id()
    if not isinstance(given, str) or clean_text(given, MAX_ID_BYTES) != given:
        raise DataError(f"batch_id: {_brief(given)} is not a text of 1 to {MAX_ID_BYTES} bytes")
    return {
        "batch_id": given,
        "model": _name(payload, "model", None),
        "environment": _name(payload, "environment", "production"),
    }


def _name(payload: Mapping[str, Any], key: str, default: str | None) -> str:
    value = payload.get(key, default)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or (default is None and not value):
        raise DataError(f"{key}: {_brief(value)} is not a name; give a text")
    if clean_text(value) != value:
        raise DataError(f"{key}: {_brief(value)} is longer than 256 bytes or holds NUL")
    return value


def _list(payload: Mapping[str, Any], key: str) -> list[Any]:
    rows = payload.get(key)
    if not isinstance(rows, list):
        raise DataError(f"{key}: {_brief(rows)} is not a list")
    return rows


def _take(
    rows: list[Any], bad: list[BadRow], read: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[int]]:
    """The rows that can be read and their positions; the others go to `bad`."""
    kept, positions = [], []
    for position, row in enumerate(rows):
        try:
            kept.append(read(_mapping("the row", row)))
            positions.append(position)
        except ValueError as error:
            bad.append(BadRow(position, None, str(error)))
    return kept, positions


def _read_row(row: Mapping[str, Any], now: int | None) -> dict[str, Any]:
    given = row.get("id")
    read = dict(row)
    read["id"] = new_id() if given is None else _id("id", given)
    read["at"] = _instant(row, now)
    for key in ("features", "tags"):
        read[key] = _mapping(key, row.get(key) or {})
    return read


def _mapping(what: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is {_brief(value)}, not an object")  # noqa: TRY004 - a fault of the data
    return value


def _read_outcome(row: Mapping[str, Any], now: int | None) -> dict[str, Any]:
    given = {key: None if row.get(key) is None else _id(key, row[key]) for key in ("id", "request_id")}
    if given["id"] is None and given["request_id"] is None:
        raise ValueError("neither an id nor a request_id")
    value = row.get("value")
    if not isinstance(value, str | int | float):
        raise ValueError(f"the value {_brief(value)} is no number, text or boolean")  # noqa: TRY004 - a fault of the data
    if isinstance(value, str):
        value = clean_text(value)
    return {**given, "value": _small(value), "at": _instant(row, now)}


def _id(key: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or clean_text(value, MAX_ID_BYTES) != value:
        raise ValueError(f"the {key} {_brief(value)} is not a text of 1 to {MAX_ID_BYTES} bytes")
    return value


def _instant(row: Mapping[str, Any], now: int | None) -> int:
    value = row.get("at", now)
    if value is None:
        raise ValueError("no time; give 'at' as ISO 8601")
    try:
        at = instant_of(value)
    except (ValueError, OverflowError):
        raise ValueError(f"the time {_brief(value)} is not ISO 8601") from None
    if "at" in row and not isinstance(value, str) and 0 < at < _LEAST_MICROSECONDS:
        raise ValueError(f"the time {value} is too small for microseconds since 1970; give ISO 8601")
    return at


def _small(value: Any) -> Any:
    """Integers beyond 64 bits, which msgpack cannot hold, as floats."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        try:
            return float(value)
        except OverflowError:
            return None
    return value


def _column(
    name: str, types: Types, rows: Sequence[Mapping[str, Any]], positions: Sequence[int], bad: list[BadRow]
) -> list[Any] | None:
    """One column of the envelope; None if every value is null."""
    values = [row.get(name) for row in rows]
    for i, value in enumerate(values):
        if type(value) not in types:
            bad.append(BadRow(positions[i], name, f"{_brief(value)} is not {_wanted(types)}"))
            values[i] = None
        elif isinstance(value, str):
            values[i] = clean_text(value, _MAX_TEXT.get(name, 256))
        else:
            values[i] = _small(value)
    return None if all(value is None for value in values) else values


def _wanted(types: Types) -> str:
    words = {float: "a number", str: "a text", bool: "a boolean"}
    return " or ".join(word for kind, word in words.items() if kind in types)


def _names(key: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row[key]))


def _features(
    rows: Sequence[Mapping[str, Any]], positions: Sequence[int], bad: list[BadRow]
) -> dict[str, FeatureColumn]:
    features = {}
    for name in _names("features", rows):
        column, faults = build_column([row["features"].get(name) for row in rows])
        bad.extend(BadRow(positions[fault.position], name, fault.reason) for fault in faults)
        features[name] = column
    return features


def _tags(rows: Sequence[Mapping[str, Any]], positions: Sequence[int], bad: list[BadRow]) -> dict[str, list[Any]]:
    tagged = [row["tags"] for row in rows]
    tags = {name: _column(name, SCALAR, tagged, positions, bad) for name in _names("tags", rows)}
    return {name: values for name, values in tags.items() if values is not None}


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

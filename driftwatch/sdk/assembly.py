"""Logged rows become columnar frames: grouped, redacted and packed, on the sender's thread.

A row is one msgpack array, `ROW` names its places; an outcome is a shorter one, `OUTCOME`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from driftwatch.sdk.redaction import Redaction, hash_text
from driftwatch.sdk.stats import Counter
from driftwatch.sdk.transport import OUTCOMES, PREDICTIONS, Parcel
from driftwatch.sdk.value import unpackb
from driftwatch.wire import (
    MAX_ID_BYTES,
    FeatureColumn,
    Frame,
    OutcomeFrame,
    build_column,
    clean_text,
    encode,
    encode_outcomes,
    new_id,
)

__all__ = ["OUTCOME", "ROW", "Assembly"]

ROW = (
    "id",
    "at",
    "deployment",
    "features",
    "prediction",
    "score",
    "latency_seconds",
    "error",
    "tags",
    "request_id",
    "entity",
)
OUTCOME = ("id", "request_id", "value", "at")

_MAX_ERROR_BYTES = 1024
_MAX_KINDS = 10_000
_SPARSE = 4
_SMALL_CELLS = 1 << 16
_NONE = type(None)
_NUMBER = {float, int, bool, _NONE}
_SCALAR = {float, int, bool, str, _NONE}


class Assembly:
    """Makes the parcels of one client.

    Args:
        header: model, version, environment and sdk, as every frame has them.
        redaction: what must not leave.
        key: secret under which entities are hashed; without it they leave as they are.
        sample_rate: share of the rows whose features were kept.
        counter: takes what was altered, and gives the drops that the next frame tells of.
    """

    def __init__(
        self,
        *,
        header: dict[str, Any],
        redaction: Redaction,
        key: bytes | None,
        sample_rate: float,
        counter: Counter,
    ) -> None:
        self._header = header
        self._redaction = redaction
        self._key = key
        self._sample_rate = sample_rate
        self._counter = counter
        self._kinds: dict[str, str] = {}

    def parcels(self, rows: Iterable[bytes]) -> list[Parcel]:
        """The parcels of some logged rows and outcomes; rows keep their order within a parcel."""
        groups: dict[tuple[str, bool], list[list[Any]]] = {}
        outcomes: list[list[Any]] = []
        for row in map(unpackb, rows):
            if len(row) == len(OUTCOME):
                outcomes.append(row)
            else:
                groups.setdefault((row[2], row[3] is None), []).append(row)
        made = [
            self._predictions(deployment, part) for (deployment, _), group in groups.items() for part in _alike(group)
        ]
        if outcomes:
            made.append(self._outcomes(outcomes))
        return made

    def parcel_of_columns(
        self,
        *,
        deployment: str,
        ids: list[str],
        at: Sequence[int],
        envelope: dict[str, Sequence[Any]],
        features: dict[str, Sequence[Any]],
        tags: dict[str, Sequence[Any]],
    ) -> Parcel:
        """One parcel of columns of plain values, all as long as `ids`."""
        dropped = self._counter.take_unreported()
        columns: dict[str, Any] = {name: self._envelope(name, values) for name, values in envelope.items()}
        frame = Frame(
            batch_id=new_id(),
            **self._header,
            **columns,
            deployment=deployment,
            dropped=dropped,
            sample_rate=self._sample_rate,
            ids=ids,
            at=list(at),
            features={name: self._feature(name, v) for name, v in features.items() if self._redaction.permits(name)},
            tags={name: self._tag(name, v) for name, v in tags.items() if self._redaction.permits(name)},
        )
        return Parcel(frame.batch_id, PREDICTIONS, frame.n, encode(frame), dropped)

    def _predictions(self, deployment: str, rows: list[list[Any]]) -> Parcel:
        columns = dict(zip(ROW, zip(*rows, strict=True), strict=True))
        return self.parcel_of_columns(
            deployment=deployment,
            ids=list(columns["id"]),
            at=columns["at"],
            envelope={name: columns[name] for name in _ENVELOPE},
            features=self._transpose(columns["features"]),
            tags=self._transpose(columns["tags"]),
        )

    def _outcomes(self, rows: list[list[Any]]) -> Parcel:
        ids, request_ids, values, at = zip(*rows, strict=True)
        dropped = self._counter.take_unreported()
        frame = OutcomeFrame(
            batch_id=new_id(),
            model=self._header["model"],
            environment=self._header["environment"],
            sdk=self._header["sdk"],
            dropped=dropped,
            ids=list(ids),
            request_ids=list(request_ids),
            values=list(values),
            at=list(at),
        )
        return Parcel(frame.batch_id, OUTCOMES, frame.n, encode_outcomes(frame), dropped)

    def _transpose(self, maps: Sequence[Any]) -> dict[str, Sequence[Any]]:
        """One column a name; a name that a row does not have is null there."""
        first = maps[0]
        if first is None or type(first) is not dict:
            return self._transpose_mixed(maps)
        names = tuple(first)
        if all(type(each) is dict and tuple(each) == names for each in maps):
            return dict(zip(names, zip(*[each.values() for each in maps], strict=True), strict=True))
        return self._transpose_mixed(maps)

    def _transpose_mixed(self, maps: Sequence[Any]) -> dict[str, Sequence[Any]]:
        kept = [each if type(each) is dict else {} for each in maps]
        wrong = sum(1 for each in maps if each is not None and type(each) is not dict)
        if wrong:
            self._counter.alter("not_a_mapping", wrong)
        names = dict.fromkeys(name for each in kept for name in each)
        return {name: [each.get(name) for each in kept] for name in names}

    def _feature(self, name: str, values: Sequence[Any]) -> FeatureColumn:
        if self._redaction.touches(name):
            values = self._redaction.apply(name, values)
        column, bad = build_column(self._plain(values), self._kinds.get(name))
        if bad:
            self._counter.alter("mixed_kind", len(bad))
        if column.kind != "null" and (name in self._kinds or len(self._kinds) < _MAX_KINDS):
            self._kinds[name] = column.kind
        return column

    def _tag(self, name: str, values: Sequence[Any]) -> list[Any]:
        if self._redaction.touches(name):
            values = self._redaction.apply(name, values)
        return [self._scalar(value) for value in values]

    def _envelope(self, name: str, values: Sequence[Any]) -> list[Any] | None:
        """A column of the envelope, redacted, of the right types; None if nothing is in it."""
        if values.count(None) == len(values):
            return None
        clean = [_CLEAN[name](self, value) for value in values]
        if self._redaction.touches(name):
            errors = clean
            clean = self._redaction.apply(name, clean)
            if name == "error":  # a redacted message is still an error
                clean = [
                    now if now is not None or not before else True for now, before in zip(clean, errors, strict=True)
                ]
        if name == "entity":
            clean = [self._entity(value) for value in clean]
        return clean

    def _entity(self, value: Any) -> Any:
        return value if value is None or self._key is None else hash_text(value, self._key)

    def _plain(self, values: Sequence[Any]) -> Sequence[Any]:
        """Values without maps and nested lists: those become text."""
        types = set(map(type, values))
        if dict not in types:
            return values
        self._counter.alter("unknown_type", sum(1 for value in values if type(value) is dict))
        return [str(value) if type(value) is dict else value for value in values]

    def _scalar(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value, 256)
        if kind in _SCALAR:
            return value
        if kind is list and len(value) == 1:  # the answer of model.predict for one row
            return self._scalar(value[0])
        if kind is bytes:
            return self._text(value.decode("utf-8", "replace"), 256)
        self._counter.alter("unknown_type")
        return clean_text(str(value))

    def _number(self, value: Any) -> Any:
        kind = type(value)
        if kind in _NUMBER:
            return value
        if kind is list and len(value) == 1:
            return self._number(value[0])
        self._counter.alter("not_a_number")
        return None

    def _error(self, value: Any) -> Any:
        return value if value is None or type(value) is bool else self._text(str(value), _MAX_ERROR_BYTES)

    def _name(self, value: Any) -> Any:
        return None if value is None else self._text(str(value), MAX_ID_BYTES)

    def _text(self, value: str, limit: int) -> str:
        short = clean_text(value, limit)
        if len(short) < len(value):
            self._counter.alter("truncated")
        return short


def _alike(rows: list[list[Any]]) -> list[list[list[Any]]]:
    """Rows whose features fit into one table without making it far larger than they are."""
    features = [row[3] for row in rows]
    first = features[0]
    if type(first) is not dict or len(rows) == 1:
        return [rows]
    names = tuple(first)
    if all(type(each) is dict and tuple(each) == names for each in features):
        return [rows]
    maps = [each if type(each) is dict else {} for each in features]
    if len(set().union(*maps)) * len(rows) <= _SPARSE * sum(map(len, maps)) + _SMALL_CELLS:
        return [rows]
    parts: dict[tuple[str, ...], list[list[Any]]] = {}
    for row, each in zip(rows, maps, strict=True):
        parts.setdefault(tuple(each), []).append(row)
    return list(parts.values())


_CLEAN: dict[str, Callable[[Assembly, Any], Any]] = {
    "prediction": Assembly._scalar,  # noqa: SLF001 - this table is part of the class
    "score": Assembly._number,  # noqa: SLF001
    "latency_seconds": Assembly._number,  # noqa: SLF001
    "error": Assembly._error,  # noqa: SLF001
    "request_id": Assembly._name,  # noqa: SLF001
    "entity": Assembly._name,  # noqa: SLF001
}
_ENVELOPE = tuple(_CLEAN)

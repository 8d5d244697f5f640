"""A historical log into the store: the rows of a file, in order of time, through the function behind the HTTP route.

Batch ids are hashes of their content, so that loading a file twice stores it once.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import DataError
from driftwatch.integrations.tabular import read_table
from driftwatch.monitors.outcome_role import role_columns
from driftwatch.monitors.spec import ATTRIBUTION, ModelSpec
from driftwatch.service.apply import apply_documents
from driftwatch.service.arrow_body import envelope_values, wire_column, wire_vectors
from driftwatch.service.arrow_column import NO_TIME, read_categories, read_embeddings, read_times, read_values
from driftwatch.service.codec_settling import settle_codecs
from driftwatch.service.framing import kind_on_the_wire
from driftwatch.service.ingest import UNVERSIONED, IngestReply, ingest_frame
from driftwatch.service.outcome_ingest import ingest_outcomes
from driftwatch.service.prediction_log import LeftOut, check_columns, feature_kinds
from driftwatch.storage.store import Store
from driftwatch.wire import FeatureColumn, Frame, OutcomeFrame, encode, encode_outcomes

__all__ = ["LoadReport", "load_log"]

_ROWS = 16_384
_ID_BYTES = 128
_ROLES = ("prediction", "latency_seconds", "error", "request_id", "entity")


@dataclass(frozen=True)
class LoadReport:
    """What came of loading a log.

    Attributes:
        rows: in the file.
        stored: new to the store.
        seen: in batches that had come before.
        duplicates: rows whose id its version had seen that day.
        outcomes: labels that were stored.
        quarantined: rows, values and columns that could not be used.
        left_out: what was not sent at all, and why.
    """

    rows: int
    stored: int = 0
    seen: int = 0
    duplicates: int = 0
    outcomes: int = 0
    quarantined: int = 0
    left_out: tuple[LeftOut, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        counts = {name: getattr(self, name) for name in ("rows", "stored", "seen", "duplicates", "outcomes")}
        left_out = [each.to_dict() for each in self.left_out]
        return {**counts, "quarantined": self.quarantined, "left_out": left_out}


@dataclass(frozen=True)
class _Log:
    """The table with what the specification makes of it."""

    table: pa.Table
    spec: ModelSpec
    kinds: Mapping[str, ColumnKind]
    at: NDArray[np.int64]
    groups: list[tuple[str, str, NDArray[np.int64]]]  # version, deployment, rows in order of time
    left_out: tuple[LeftOut, ...]


def load_log(
    store: Store, source: Any, spec: ModelSpec, *, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> LoadReport:
    """Load a prediction log, its labels too, and declare the model.

    Args:
        store: where to.
        source: path of a Parquet, CSV or Arrow file, or a frame.
        spec: the model's declaration.
        progress: called after each batch with the rows done and all rows.

    Raises:
        SpecError: a column that the specification names is not there, or is no time.
        DataError: the file cannot be read, or holds no row.
        StoreError: the store refuses; load again, what was stored is not stored twice.
    """
    log = _read(source, spec)
    apply_documents(store, [spec.to_dict()], actor="driftwatch log")
    report = LoadReport(log.table.num_rows, left_out=log.left_out)
    done = 0
    for frame, labels in _batches(log, source):
        report = _add(report, frame, ingest_frame(store, frame, content_hash=_hash(frame.raw)))
        if labels is not None:
            reply = ingest_outcomes(store, labels, content_hash=_hash(labels.raw))
            stored = 0 if reply.seen else reply.accepted
            report = replace(report, outcomes=report.outcomes + stored)
        done += frame.n
        progress(done, log.table.num_rows)
    settle_codecs(store)  # folding is left to a worker: deltas and folded profiles are read as one sum
    return report


def _add(report: LoadReport, frame: Frame, reply: IngestReply) -> LoadReport:
    if reply.seen:
        return replace(report, seen=report.seen + frame.n)
    return replace(
        report,
        stored=report.stored + reply.accepted,
        duplicates=report.duplicates + reply.duplicates,
        quarantined=report.quarantined + len(reply.quarantined),
    )


def _read(source: Any, spec: ModelSpec) -> _Log:
    table = read_table(source)
    check_columns(spec, table.column_names)
    if not table.num_rows:
        raise DataError("the log has no rows")
    left_out: list[LeftOut] = []
    kinds = feature_kinds(table, spec, left_out)
    try:
        at = read_times(table.column(spec.columns.timestamp), spec.zone)
    except DataError as error:
        raise DataError(f"{spec.columns.timestamp!r}: {error}", column=spec.columns.timestamp) from None
    timed = np.flatnonzero(at != NO_TIME)
    if len(timed) < len(at):
        left_out.append(LeftOut("no time", rows=len(at) - len(timed), column=spec.columns.timestamp))
    order = timed[np.argsort(at[timed], kind="stable")]
    return _Log(table, spec, kinds, at, list(_groups(table, spec, order)), tuple(left_out))


def _groups(table: pa.Table, spec: ModelSpec, order: NDArray[np.int64]) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    versions = _names(table, spec.version_column, spec.version or UNVERSIONED)
    deployments = _names(table, spec.columns.deployment, "default")
    pairs = sorted({(versions[row], deployments[row]) for row in order.tolist()})
    for version, deployment in pairs:
        rows = [row for row in order.tolist() if (versions[row], deployments[row]) == (version, deployment)]
        yield version, deployment, np.array(rows, dtype=np.int64)


def _names(table: pa.Table, column: str | None, default: str) -> list[str]:
    if column is None:
        return [default] * table.num_rows
    categories = read_categories(table.column(column))
    return [categories.dictionary[code] if code >= 0 else default for code in categories.codes.tolist()]


def _batches(log: _Log, source: Any) -> Iterator[tuple[Frame, OutcomeFrame | None]]:
    prefix = _prefix(source, log.at)
    for version, deployment, rows in log.groups:
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            frame = _frame(log, some, prefix, version, deployment)
            yield frame, _labels(log, some, frame)


def _prefix(source: Any, at: NDArray[np.int64]) -> str:
    """What the ids of rows without an id begin with: the content, so that the same file gives the same ids."""
    content = Path(source).read_bytes() if isinstance(source, str | Path) else at.tobytes()
    return hashlib.sha256(content).hexdigest()[:12]


def _frame(log: _Log, rows: NDArray[np.int64], prefix: str, version: str, deployment: str) -> Frame:
    spec, part = log.spec, log.table.take(pa.array(rows))
    roles = {role: getattr(spec.columns, role) for role in _ROLES}
    if isinstance(spec.columns.score, str):
        roles["score"] = spec.columns.score
    envelope: dict[str, Any] = {
        role: envelope_values(role, part.column(name), []) for role, name in roles.items() if name is not None
    }
    frame = Frame(
        batch_id="log",
        model=spec.model,
        environment=spec.environment,
        version=version,
        deployment=deployment,
        sdk="driftwatch log",
        ids=_ids(log, part, rows, prefix),
        at=log.at[rows].astype("<i8").tobytes(),
        features={name: _feature(part, name, kind) for name, kind in log.kinds.items()},
        tags={tag: _texts(part, name) for tag, name in _tags(spec, part.column_names).items() if name not in log.kinds},
        **envelope,
    )
    frame.batch_id = f"log-{_hash(encode(frame)).hex()[:40]}"
    frame.raw = encode(frame)
    return frame


def _tags(spec: ModelSpec, names: list[str]) -> dict[str, str]:
    """By tag, the columns that rows are split and tallied by, and those of attributions."""
    split_by = [*(name for split in spec.segments for name in split.columns), *spec.protected, *role_columns(spec)]
    attributions = {f"{ATTRIBUTION}{feature}": name for feature, name in spec.attribution_columns(names).items()}
    return {**dict(zip(split_by, split_by, strict=True)), **attributions}


def _feature(part: pa.Table, name: str, kind: ColumnKind) -> FeatureColumn:
    if kind is ColumnKind.EMBEDDING:
        return wire_vectors(read_embeddings(part.column(name)))
    column, _ = read_values(part.column(name), kind)
    return wire_column(column, kind_on_the_wire(kind.value))


def _texts(part: pa.Table, name: str) -> list[str | None]:
    return envelope_values("request_id", part.column(name), [])


def _ids(log: _Log, part: pa.Table, rows: NDArray[np.int64], prefix: str) -> list[str]:
    made = [f"{prefix}-{row}" for row in rows.tolist()]
    if log.spec.columns.id is None:
        return made
    given = envelope_values("request_id", part.column(log.spec.columns.id), [])
    return [text or other for text, other in zip(given, made, strict=True)]


def _labels(log: _Log, rows: NDArray[np.int64], frame: Frame) -> OutcomeFrame | None:
    label = log.spec.columns.label
    if label is None:
        return None
    part = log.table.take(pa.array(rows))
    values = envelope_values("prediction", part.column(label), [])
    known_at = log.at[rows]
    if log.spec.columns.label_timestamp is not None:
        known_at = read_times(part.column(log.spec.columns.label_timestamp), log.spec.zone)
    places = [
        place
        for place, value in enumerate(values)
        if value is not None and value == value and known_at[place] != NO_TIME  # noqa: PLR0124 - NaN
    ]
    if not places:
        return None
    labels = OutcomeFrame(
        batch_id=frame.batch_id.replace("log-", "log-labels-"),
        model=frame.model,
        environment=frame.environment,
        sdk=frame.sdk,
        ids=[frame.ids[place] for place in places],
        request_ids=[None] * len(places),
        values=[values[place] for place in places],
        at=known_at[places].astype("<i8").tobytes(),
    )
    labels.raw = encode_outcomes(labels)
    return labels


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()

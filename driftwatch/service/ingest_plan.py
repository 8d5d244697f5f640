"""How a batch will be profiled: kinds, bins and bucket width, as far as they are registered when it is planned."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import SpecError
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.profiles.bucket import BucketProfile, CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.checking import Check
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.history import profile_buckets
from driftwatch.profiles.rows import Rows
from driftwatch.quality.intake import REPEATED, EveryRow, LatenessCheck, kind_key
from driftwatch.service.batch import MAX_FEATURES, Batch, Fault, pack_column
from driftwatch.service.binning import Binnings, read_binnings
from driftwatch.service.framing import Frames, derive_texts, propose_frames, read_vectors, texts_of
from driftwatch.service.output import as_kind, read_outputs, text_column
from driftwatch.service.profiling import plan_of
from driftwatch.storage import registration
from driftwatch.wire import Frame

__all__ = ["Plan", "Registered", "plan_batch", "profile_batch", "read_registered", "read_spec"]

_NO_VALUE = KeyGrid(0.0, 1.0)  # a column without one finite value so far: nothing is counted in any cell


@dataclass(frozen=True, slots=True)
class Registered:
    """What the store knows of a batch's model and version.

    Attributes:
        kinds: kind by feature of the version.
        binnings: bins of the model's numeric columns.
        spec: the model's declaration, or None.
    """

    kinds: Mapping[str, str]
    binnings: Binnings
    spec: ModelSpec | None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A batch, and how it is profiled.

    Attributes:
        batch: without the columns that cannot be profiled.
        binnings: registered bins, and grids for the columns that have none.
        proposed: names of those columns.
        outputs: by role.
        spec: the model's declaration, or None.
        features: what is profiled: those of the batch, and what is derived from its texts.
        frames: what several numbers are profiled in together: registered ones, and what is proposed.
        proposed_frames: the latter alone, and vocabularies for the batches to come.
        intake: what is counted of the rows beside what the model demands.
        profiles: by bucket, once they are made.
    """

    batch: Batch
    binnings: Binnings
    proposed: frozenset[str]
    outputs: Mapping[str, Column]
    spec: ModelSpec | None
    features: Mapping[str, Column]
    frames: Frames = field(default_factory=Frames)
    proposed_frames: Frames = field(default_factory=Frames)
    intake: tuple[Check, ...] = ()
    profiles: Mapping[int, BucketProfile] | None = None


def read_registered(conn: Connection, frame: Frame) -> Registered:
    """What is known of a frame's model and version."""
    model = registration.find_model(conn, frame.environment, frame.model)
    if model is None:
        return Registered({}, Binnings({}, {}), None)
    version = registration.find_version(conn, model.id, frame.version)
    features = registration.read_features(conn, version.id) if version else {}
    kinds = {name: row.kind for name, row in features.items()}
    return Registered(kinds, read_binnings(conn, model.id), read_spec(model.spec))


def plan_batch(batch: Batch, registered: Registered) -> Plan:
    """Settle every column's kind and bins; columns of another kind than is registered are left out, with the reason."""
    spec = registered.spec
    batch = _declared(batch, spec.features.kinds() if spec else {})
    intake = _intake(batch, registered)
    batch = batch.without_features(_misfits(batch, registered.kinds))
    outputs = read_outputs(batch.values(batch.frame.prediction), batch.score, spec.task if spec else None)
    known, texts = registered.binnings.frames, texts_of(batch.features, spec)
    plain = {name: column for name, column in batch.features.items() if name not in texts}
    features = {**derive_texts(texts, known), **plain}
    fresh = propose_frames(known, spec, features, _vectors(batch, known), texts)
    frames = Frames({**known.moments, **fresh.moments}, known.vocabularies)
    binnings = registered.binnings.propose((*features.items(), *outputs.items()))
    proposed = frozenset(binnings.grids.keys() - registered.binnings.grids.keys())
    return Plan(batch, binnings, proposed, outputs, spec, features, frames, fresh, intake)


def profile_batch(plan: Plan, *, fresh: NDArray[np.bool_] | None = None) -> Plan:
    """The plan with its profiles.

    Args:
        plan: what to profile.
        fresh: bool[k], the rows that count; all, if left out. The others are counted as repeats and nothing else.
    """
    batch = plan.batch
    rows = Rows(
        at=batch.at,
        features=plan.features,
        outputs=plan.outputs,
        tags={**_tags(batch, plan.spec), **texts_of(batch.features, plan.spec)},
        failed=None if batch.errors is None else np.array([error is not None for error in batch.errors]),
        latency_seconds=batch.latency_seconds,
        ids=batch.values(batch.frame.ids),
        sampled=None if batch.frame.sample_rate >= 1 else _has_features(batch),
        vectors=_vectors(batch, plan.frames),
    )
    repeated: Mapping[int, BucketProfile] = {}
    if fresh is not None and not fresh.all():
        again = Rows(batch.at[~fresh])
        repeated = profile_buckets(again, replace(plan_of(plan.spec, {}), segments=(), checks=(EveryRow(REPEATED),)))
        rows = rows.take(np.flatnonzero(fresh))
    numeric = [name for name, column in (*plan.features.items(), *plan.outputs.items()) if _is_numeric(column)]
    binnings: dict[str, NumericCodec | KeyGrid] = {**dict.fromkeys(numeric, _NO_VALUE), **plan.binnings.of(numeric)}
    profiles = profile_buckets(rows, plan_of(plan.spec, binnings, plan.intake, moments=plan.frames.moments))
    for start, each in repeated.items():
        profiles[start] = profiles.get(start, BucketProfile(0)).merge(BucketProfile(0, checks=each.checks))
    return replace(plan, profiles=profiles)


def read_spec(document: Mapping[str, object] | None) -> ModelSpec | None:
    """The stored declaration; one that this release cannot read must not stop rows from coming in."""
    if document is None:
        return None
    try:
        return parse_model_spec(document)
    except SpecError:
        return None


def _declared(batch: Batch, declared: Mapping[str, ColumnKind]) -> Batch:
    """The batch with columns turned into the kind that the model declares, where their values allow it."""
    features, kinds = dict(batch.features), dict(batch.kinds)
    for name, kind in declared.items():
        if name in features and kinds[name] is not kind and kind is not ColumnKind.EMBEDDING:
            turned = as_kind(features[name], kind)
            if turned is not None:
                features[name], kinds[name] = turned, kind
    return replace(batch, features=features, kinds=kinds)


def _intake(batch: Batch, registered: Registered) -> tuple[Check, ...]:
    """Columns of another kind than is registered, and, but in a replay of the past, rows that came late."""
    retyped = [name for name, kind in batch.kinds.items() if registered.kinds.get(name, kind.value) != kind.value]
    checks: list[Check] = [EveryRow(kind_key(name)) for name in retyped]
    if registered.spec is None or registered.spec.clock != "replay":
        checks.append(LatenessCheck(batch.received_at))
    return tuple(checks)


def _misfits(batch: Batch, registered: Mapping[str, str]) -> dict[str, Fault]:
    room = MAX_FEATURES - len(registered)
    faults: dict[str, Fault] = {}
    for name, kind in batch.kinds.items():
        if name not in registered:
            room -= 1
            if room < 0:
                faults[name] = _fault(
                    batch, name, f"a version has at most {MAX_FEATURES:,} features; this one is beyond them"
                )
        elif registered[name] != kind.value:
            faults[name] = _fault(
                batch, name, f"the feature is {registered[name]} in this version, and {kind.value} in this batch"
            )
    return faults


def _fault(batch: Batch, name: str, reason: str) -> Fault:
    return Fault(None, name, reason, pack_column(batch.frame.features[name]))


def _has_features(batch: Batch) -> NDArray[np.bool_]:
    """bool[k]: the rows of a sampled batch whose features the client kept."""
    kept = np.zeros(len(batch), dtype=np.bool_)
    for column in batch.features.values():
        if isinstance(column, CategoricalColumn):
            kept |= column.codes >= 0
        else:
            kept |= ~column.nulls if column.nulls is not None else True
    return kept


def _vectors(batch: Batch, frames: Frames) -> dict[str, NDArray[np.float32]]:
    """The embeddings of a batch."""
    vectors = {}
    for name, kind in batch.kinds.items():
        if kind is ColumnKind.EMBEDDING:
            frame = frames.moments.get(name)
            read = read_vectors(batch.frame.features[name], len(frame.names) if frame else None)
            vectors[name] = read[batch.rows]
    return vectors


def _is_numeric(column: Column) -> bool:
    return isinstance(column, NumericColumn)


def _tags(batch: Batch, spec: ModelSpec | None) -> dict[str, CategoricalColumn]:
    """The tags that the model is split by, or demands something of."""
    wanted: set[str] = set()
    if spec is not None:
        wanted |= {name for split in spec.segments for name in split.columns}
        wanted |= {each.column for each in spec.constraints}
    return {
        name: text_column(batch.values(values) or []) for name, values in batch.frame.tags.items() if name in wanted
    }

"""The training file of a model as a reference set: read where the command runs, profiled, and only the profile kept."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import DataError, SpecError
from driftwatch.integrations.tabular import read_table
from driftwatch.monitors.reading import nearest
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import BucketProfile, Column, NumericColumn
from driftwatch.profiles.grid import propose_grid
from driftwatch.profiles.history import profile_rows
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows
from driftwatch.service.arrow_column import read_categories, read_kind, read_values
from driftwatch.service.prediction_log import feature_kinds
from driftwatch.storage import monitor, reference, run

__all__ = ["DRIFT_MONITOR", "Training", "put_training", "read_training"]

DRIFT_MONITOR = "drift"
"""The name of the monitor that every model has."""

_PROFILED = (ColumnKind.NUMERIC, ColumnKind.CATEGORICAL, ColumnKind.BOOLEAN)


@dataclass(frozen=True)
class Training:
    """A training file.

    Attributes:
        source: its name.
        digest: SHA-256 of its content, in hex.
        profile: of all its rows.
        columns: that were profiled.
    """

    source: str
    digest: str
    profile: BucketProfile
    columns: tuple[str, ...]


def read_training(spec: ModelSpec, *, beside: Path | None = None) -> Training | None:
    """Read and profile the training file that a model declares; None if it declares none.

    Args:
        spec: the model's declaration.
        beside: the folder that a relative path starts from; the working directory if left out.

    Raises:
        SpecError: it cannot be read, or a declared feature is not in it.
    """
    if spec.reference is None or spec.reference.file is None:
        return None
    path = (beside or Path()) / spec.reference.file
    try:
        content = path.read_bytes()
        table = read_table(path)
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror or error}", path="reference.file") from None
    except DataError as error:
        raise SpecError(str(error), path="reference.file") from None
    names = table.column_names
    for name in spec.features.names:
        if name not in names:
            raise SpecError(f"{path.name} has no column {name!r}.{nearest(name, names)}", path="reference.file")
    features: dict[str, Column] = {}
    try:
        for name, kind in feature_kinds(table, spec, []).items():
            if kind in _PROFILED:
                features[name], _ = read_values(table.column(name), kind)
        outputs = _outputs(table, spec)
    except DataError as error:
        raise SpecError(f"{path.name}: {error}", path="reference.file") from None
    rows = Rows(at=np.zeros(table.num_rows, dtype=np.int64), features=features, outputs=outputs)
    grids = {
        name: propose_grid(_finite(column))
        for name, column in (*features.items(), *outputs.items())
        if isinstance(column, NumericColumn)
    }
    digest = hashlib.sha256(content).hexdigest()
    return Training(path.name, digest, profile_rows(rows, ProfilePlan(grids)), (*features, *outputs))


def put_training(conn: Connection, model_id: int, training: Training, *, at: int, actor: str) -> bool:
    """Store a training reference unless it is the one on record; returns whether it is new.

    The difference to the operating reference is told with the first window that is judged after this.
    """
    known = reference.get_reference(conn, model_id, "training")
    if known is not None and known.details is not None and known.details.get("sha256") == training.digest:
        return False
    drift = monitor.find_monitor(conn, model_id, DRIFT_MONITOR)
    latest = run.latest_run(conn, drift.id) if drift is not None else None
    reference.put_reference(
        conn,
        model_id,
        "training",
        at=at,
        n=training.profile.rows,
        payload=training.profile.to_bytes(),
        source=training.source,
        confirmed=True,
        details={
            "sha256": training.digest,
            "columns": list(training.columns),
            "told_from": None if latest is None else latest.window_end,
        },
        created_by=actor,
    )
    return True


def _outputs(table: pa.Table, spec: ModelSpec) -> dict[str, Column]:
    """The outputs that the file holds too, by role."""
    outputs: dict[str, Column] = {}
    for role, name in spec.columns.roles().items():
        if name not in table.column_names:
            continue
        column = table.column(name)
        if role.startswith("score"):
            outputs[role], _ = read_values(column, ColumnKind.NUMERIC)
        elif role == "prediction":
            if spec.task in {"binary", "multiclass"} or read_kind(column) is not ColumnKind.NUMERIC:
                outputs[role] = read_categories(column)
            else:
                outputs[role], _ = read_values(column, ColumnKind.NUMERIC)
    return outputs


def _finite(column: NumericColumn) -> NDArray[np.float64]:
    finite = column.present[np.isfinite(column.present)]
    return finite if len(finite) else np.zeros(1)

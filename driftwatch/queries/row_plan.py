"""How all rows of a model are summed, so that performance is estimated from them: with which bins and error model."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection

from driftwatch.monitors.error_reader import ErrorReader
from driftwatch.monitors.outcome_role import error_key, roles_key, sums_rows
from driftwatch.monitors.row_expectation import RowExpectation, expect_rows
from driftwatch.monitors.spec import ModelSpec
from driftwatch.performance.tally import Tally
from driftwatch.profiles.codec import NumericCodec
from driftwatch.storage import registration, row_profile

__all__ = ["RowPlan", "read_row_plan"]


@dataclass(frozen=True, slots=True, eq=False)
class RowPlan:
    """How rows are summed.

    Attributes:
        spec: the model's declaration.
        made_by: a text that differs for sums that do not add up.
        codec: bins of a binary model's score, where only some of its rows are decided so that an outcome can exist.
        errors: what predicts the error of a regression; None before it is learned.
    """

    spec: ModelSpec
    made_by: str
    codec: NumericCodec | None = None
    errors: ErrorReader | None = None

    def expect(self, reference: Tally | None) -> RowExpectation | None:
        """What the labelled reference lets expect of the sums."""
        return expect_rows(self.spec, reference, self.codec, None if self.errors is None else self.errors.model)


def read_row_plan(conn: Connection, model_id: int, spec: ModelSpec, reference: tuple[int, int]) -> RowPlan | None:
    """How a model's rows are summed, or None where they are not, or nothing is known yet to sum them by.

    Args:
        conn: a connection.
        model_id: whose.
        spec: its declaration.
        reference: ``(start, end)``; an error model that was learned from another one does not count.
    """
    if not sums_rows(spec):
        return None
    codec, errors, parts = None, None, [roles_key(spec).encode()]
    if spec.task == "binary":
        payload = registration.read_codecs(conn, model_id).get("score")
        if payload is not None:
            codec = NumericCodec.from_bytes(payload)
            parts.append(codec.digest)
    if spec.task == "regression":
        stored = row_profile.read_error_model(conn, model_id)
        of_reference = None if stored is None else (stored.roles, stored.reference_start, stored.reference_end)
        if stored is not None and of_reference == (error_key(spec), *reference):
            errors = ErrorReader.from_bytes(stored.payload)
            parts.append(stored.payload)
        elif spec.columns.decision is None:
            return None
    return RowPlan(spec, hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest(), codec, errors)

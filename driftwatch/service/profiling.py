"""How a model's rows are profiled; the same for rows that come in and for a log that is replayed."""

from collections.abc import Mapping

from driftwatch.domain.instant import HOUR
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.checking import Check
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.moments import MomentsFrame
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.quality.check import DemandCheck
from driftwatch.quality.demand import demands_of

__all__ = ["plan_of"]


_ROLES = ("id", "latency_seconds", "prediction", "score")


def plan_of(
    spec: ModelSpec | None,
    binnings: Mapping[str, NumericCodec | KeyGrid],
    intake: tuple[Check, ...] = (),
    *,
    moments: Mapping[str, MomentsFrame] | None = None,
) -> ProfilePlan:
    """What is made of the rows of a model.

    Args:
        spec: its declaration, or None for a model that has none.
        binnings: of every numeric column: by feature name, and by role for outputs.
        intake: what is counted of rows beside what the model's declaration demands.
        moments: the frames of what is profiled together.
    """
    together = moments or {}
    if spec is None:
        return ProfilePlan(binnings, HOUR, checks=intake, moments=together)
    return ProfilePlan(
        binnings,
        spec.bucket,
        zone=spec.timezone,
        segments=spec.segments,
        checks=(*intake, *_demanded(spec)),
        moments=together,
    )


def _demanded(spec: ModelSpec) -> list[DemandCheck]:
    """What the declaration demands of columns, which it calls by their names in the log; roles have their own names."""
    roles = {role: role for role in _ROLES} | {column: role for role, column in spec.columns.roles().items()}
    features = frozenset(spec.features.names)
    return [
        DemandCheck(each, roles.get(each.column), private=each.column in spec.pii, feature=each.column in features)
        for each in demands_of(spec.constraints)
    ]

"""How a model's rows are profiled; the same for rows that come in and for a log that is replayed."""

from collections.abc import Mapping

from driftwatch.domain.instant import HOUR
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.plan import ProfilePlan

__all__ = ["plan_of"]


def plan_of(spec: ModelSpec | None, binnings: Mapping[str, NumericCodec | KeyGrid]) -> ProfilePlan:
    """What is made of the rows of a model.

    Args:
        spec: its declaration, or None for a model that has none.
        binnings: of every numeric column: by feature name, and by role for outputs.
    """
    if spec is None:
        return ProfilePlan(binnings, HOUR)
    return ProfilePlan(binnings, spec.bucket, zone=spec.timezone, segments=spec.segments)

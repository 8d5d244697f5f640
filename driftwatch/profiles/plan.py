"""How the rows of a model are profiled: the width of a bucket, the bins of columns, and the splits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftwatch.domain.instant import HOUR
from driftwatch.profiles.checking import Check
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.moments import MomentsFrame
from driftwatch.profiles.segmentation import Segmentation

__all__ = ["ProfilePlan"]


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """What is made of rows.

    Attributes:
        binnings: for each numeric column: by feature name, and by role for outputs.
        width: of a bucket, microseconds.
        segments: by what rows are split; each split is profiled beside the whole.
        checks: what is demanded of rows; counted over the whole.
        moments: what several numbers are taken together in, by name; over the whole.
        zone: IANA name of the time zone whose days buckets longer than an hour follow.
    """

    binnings: Mapping[str, NumericCodec | KeyGrid] = field(default_factory=dict)
    width: int = HOUR
    segments: tuple[Segmentation, ...] = ()
    checks: tuple[Check, ...] = ()
    zone: str = "UTC"
    moments: Mapping[str, MomentsFrame] = field(default_factory=dict)

"""What a user demands of the values of one column, as a frozen value, and the words for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from driftwatch.domain.signal import Severity

__all__ = ["Constraint", "Demand", "DemandKind", "demands_of", "value_text"]

_LONG = 60
_LISTED = 5


class DemandKind(StrEnum):
    """The ways to constrain a column; the values are the keys of ``constraints`` in a declaration."""

    BETWEEN = "between"
    IN = "in"
    REGEX = "regex"
    NOT_NULL = "not_null"
    UNIQUE = "unique"


@dataclass(frozen=True, slots=True)
class Demand:
    """One demand on one column.

    Attributes:
        column: of the prediction log, or a feature's name.
        kind: which of the fields below counts.
        low: smallest allowed value, or None.
        high: largest allowed value, or None.
        allowed: the allowed values as text; see :func:`value_text`.
        pattern: what the whole of every value has to match, in RE2's syntax.
        max_share: share of rows that may break it.
        severity: of a finding; None for what follows from the share of rows.
    """

    column: str
    kind: DemandKind
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()
    pattern: str | None = None
    max_share: float = 0.0
    severity: Severity | None = None

    @property
    def key(self) -> str:
        """Column and demand, whole; two demands that count the same rows have one key."""
        facts = {
            DemandKind.BETWEEN: f" [{_bound(self.low)}, {_bound(self.high)}]",
            DemandKind.IN: f" {list(self.allowed)!r}",
            DemandKind.REGEX: f" {self.pattern!r}",
        }
        return f"{self.column!r} {self.kind.value}{facts.get(self.kind, '')}"

    @property
    def words(self) -> str:
        """The demand for people, in a few words, without the column."""
        match self.kind:
            case DemandKind.BETWEEN:
                return _range_words(self.low, self.high)
            case DemandKind.IN:
                more = len(self.allowed) - _LISTED
                listed = ", ".join(_short(value) for value in self.allowed[:_LISTED])
                return f"one of {listed}" + (f" and {more} more" if more > 0 else "")
            case DemandKind.REGEX:
                return f"like {_short(self.pattern or '')}"
            case DemandKind.NOT_NULL:
                return "never missing"
            case DemandKind.UNIQUE:
                return "never twice"


@dataclass(frozen=True, slots=True)
class Constraint:
    """One entry of ``constraints``: everything that it demands of one column.

    Attributes:
        column: the column.
        between: closed range, None for an open end; or None.
        allowed: the only values there may be, as declared; or None.
        regex: what the whole of every value has to match; or None.
        not_null: no value may be missing.
        unique: no value may occur twice.
        max_share: share of rows that may break it; 0 by default.
        severity: of a finding; None for what follows from the share of rows.
    """

    column: str
    between: tuple[float | None, float | None] | None = None
    allowed: tuple[Any, ...] | None = None
    regex: str | None = None
    not_null: bool = False
    unique: bool = False
    max_share: float = 0.0
    severity: Severity | None = None

    def demands(self) -> tuple[Demand, ...]:
        """Each of its demands, apart."""
        common: dict[str, Any] = {"max_share": self.max_share, "severity": self.severity}
        found = []
        if self.between is not None:
            low, high = self.between
            found.append(Demand(self.column, DemandKind.BETWEEN, low=low, high=high, **common))
        if self.allowed is not None:
            texts = tuple(dict.fromkeys(value_text(value) for value in self.allowed))
            found.append(Demand(self.column, DemandKind.IN, allowed=texts, **common))
        if self.regex is not None:
            found.append(Demand(self.column, DemandKind.REGEX, pattern=self.regex, **common))
        if self.not_null:
            found.append(Demand(self.column, DemandKind.NOT_NULL, **common))
        if self.unique:
            found.append(Demand(self.column, DemandKind.UNIQUE, **common))
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """As in the document."""
        document = {
            "column": self.column,
            "between": None if self.between is None else list(self.between),
            "in": None if self.allowed is None else list(self.allowed),
            "regex": self.regex,
            "not_null": self.not_null or None,
            "unique": self.unique or None,
            "max_share": self.max_share or None,
            "severity": None if self.severity is None else self.severity.value,
        }
        return {key: value for key, value in document.items() if value is not None}


def value_text(value: Any) -> str:
    """A value as the text that it is compared by: 1, 1.0 and "1" are one value, and so are true and "true".

    >>> [value_text(each) for each in (1, 1.0, 1.5, True, "PT")]
    ['1', '1', '1.5', 'true', 'PT']
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def _range_words(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"at most {_bound(high)}" if low is None else f"at least {_bound(low)}"
    return f"between {_bound(low)} and {_bound(high)}"


def _bound(value: float | None) -> str:
    return "" if value is None else value_text(value)


def _short(value: str) -> str:
    return repr(value if len(value) <= _LONG else value[: _LONG - 1] + "…")


def demands_of(constraints: Sequence[Constraint]) -> tuple[Demand, ...]:
    """The demands of all of them, each key once; of two with one key the first counts."""
    by_key: dict[str, Demand] = {}
    for constraint in constraints:
        for demand in constraint.demands():
            by_key.setdefault(demand.key, demand)
    return tuple(by_key.values())

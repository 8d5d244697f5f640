"""``constraints`` of a declaration, read key by key."""

from math import isfinite
from typing import Any

from driftwatch.domain.signal import Severity
from driftwatch.errors import SpecError
from driftwatch.monitors import reading
from driftwatch.quality.demand import Constraint
from driftwatch.quality.pattern import check_pattern

__all__ = ["Constraint", "parse_constraints"]

_KEYS = ("column", "between", "in", "regex", "not_null", "unique", "max_share", "severity")
_SEVERITIES = (Severity.WATCH.value, Severity.WARNING.value, Severity.CRITICAL.value)
_HOW = "add between: [low, high], in: [...], regex: pattern, not_null: true or unique: true"


def parse_constraints(value: Any) -> tuple[Constraint, ...]:
    """Read ``constraints``.

    Raises:
        SpecError: no list of maps, no column, nothing demanded, or a demand that no value could meet.
    """
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise SpecError(f"{value!r} is not a list", path="constraints")
    return tuple(_parse(item, f"constraints[{position}]") for position, item in enumerate(value))


def _parse(item: Any, path: str) -> Constraint:
    mapping = reading.read_mapping(item, path, _KEYS)
    column = reading.read_name(mapping.get("column"), f"{path}.column")
    if column is None:
        raise SpecError("a name is missing; give text", path=f"{path}.column")
    severity = mapping.get("severity")
    constraint = Constraint(
        column,
        between=_read_range(mapping.get("between"), f"{path}.between"),
        allowed=_read_allowed(mapping.get("in"), f"{path}.in"),
        regex=_read_pattern(mapping.get("regex"), f"{path}.regex"),
        not_null=_read_flag(mapping.get("not_null", False), f"{path}.not_null"),
        unique=_read_flag(mapping.get("unique", False), f"{path}.unique"),
        max_share=_read_share(mapping.get("max_share"), f"{path}.max_share"),
        severity=None if severity is None else Severity(reading.read_choice(severity, f"{path}.severity", _SEVERITIES)),
    )
    if not constraint.demands():
        raise SpecError(f"nothing is demanded of {column!r}; {_HOW}", path=path)
    return constraint


def _read_range(value: Any, path: str) -> tuple[float | None, float | None] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise SpecError(f"{value!r} is not a range; write [low, high], null for an open end", path=path)
    low, high = (None if each is None else reading.read_number(each, path) for each in value)
    if low is None and high is None:
        raise SpecError("both ends are open: that allows every number; write [low, high]", path=path)
    if low is not None and high is not None and high < low:
        raise SpecError(f"{value!r} is empty; write [low, high]", path=path)
    return low, high


def _read_allowed(value: Any, path: str) -> tuple[Any, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not value:
        raise SpecError(f"{value!r} is not a list of values; write in: [a, b]", path=path)
    for position, each in enumerate(value):
        if not isinstance(each, str | int | float) or (isinstance(each, float) and not isfinite(each)):
            raise SpecError(f"{each!r} is neither text, a finite number, true nor false", path=f"{path}[{position}]")
    return tuple(value)


def _read_pattern(value: Any, path: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise SpecError(f"{value!r} is not a pattern; give text such as '[A-Z]{{3}}'", path=path)
    try:
        check_pattern(value)
    except ValueError as error:
        raise SpecError(f"{value!r} cannot be used: {error}", path=path) from None
    return value


def _read_flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise SpecError(f"{value!r} is neither true nor false", path=path)
    return value


def _read_share(value: Any, path: str) -> float:
    return 0.0 if value is None else reading.read_number(value, path, low=0.0, high=1.0)

"""Reading a declaration (parsed YAML or JSON) key by key.

Every fault names the key, its value and the nearest right one.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_datetime
from driftwatch.errors import SpecError

__all__ = [
    "nearest",
    "read_choice",
    "read_duration",
    "read_instant",
    "read_mapping",
    "read_name",
    "read_names",
    "read_number",
    "reject_unknown",
]


_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}


def nearest(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?`` with the known name nearest to `name`, or nothing."""
    names = sorted(set(known))
    lower = {each.lower(): each for each in names}
    near = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.55)
    return f" Did you mean {lower[near[0]]!r}?" if near else ""


def reject_unknown(mapping: Mapping[str, Any], known: Sequence[str], path: str) -> None:
    """Refuse keys that are not in `known`.

    Raises:
        SpecError: names the key, its value, the nearest right key and all of them.
    """
    for key, value in mapping.items():
        if key not in known:
            raise SpecError(
                f"unknown key, with the value {value!r}.{nearest(str(key), known)} Known keys: {', '.join(known)}",
                path=_join(path, str(key)),
            )


def read_mapping(value: Any, path: str, known: Sequence[str] | None = None) -> Mapping[str, Any]:
    """A map with text keys, all of them in `known` when that is given.

    Raises:
        SpecError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SpecError(f"{value!r} is not a map of keys to values", path=path)
    if known is not None:
        reject_unknown(value, known, path)
    return value


def read_name(value: Any, path: str) -> str | None:
    """One name or None; a number is read as its text (versions are often written ``1``).

    Raises:
        SpecError: empty text, a list, a map, a boolean.
    """
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value
    raise SpecError(f"{value!r} is not a name; give text", path=path)


def read_names(value: Any, path: str) -> tuple[str, ...]:
    """A list of different names; one name alone is read as a list of one.

    Raises:
        SpecError: not a list of names, or a name given twice.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        raise SpecError(f"{value!r} is not a list of names", path=path)
    names: list[str] = []
    for position, item in enumerate(value):
        name = read_name(item, f"{path}[{position}]")
        if name is None:
            raise SpecError("null is not a name; give text", path=f"{path}[{position}]")
        if name in names:
            raise SpecError(f"{name!r} is listed twice", path=path)
        names.append(name)
    return tuple(names)


def read_number(
    value: Any, path: str, *, low: float = float("-inf"), high: float = float("inf"), above: bool = False
) -> float:
    """A finite number from `low` to `high`; with `above`, greater than `low`.

    Raises:
        SpecError: not a number, or outside.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not isfinite(value):
        raise SpecError(f"{value!r} is not a finite number", path=path)
    if not low <= value <= high or (above and value == low):
        bounds = f"above {low:g}" if above else f"from {low:g} up"
        raise SpecError(f"{value!r} is out of range; give a number {bounds} to {high:g}", path=path)
    return float(value)


def read_choice(value: Any, path: str, choices: Sequence[str]) -> str:
    """One of `choices`.

    Raises:
        SpecError: anything else.
    """
    if isinstance(value, str) and value in choices:
        return value
    raise SpecError(f"{value!r} is not one of {', '.join(choices)}.{nearest(str(value), choices)}", path=path)


def read_duration(value: Any, path: str) -> int:
    """Microseconds of ``30m``, ``4h`` or ``7d``.

    Raises:
        SpecError: something else.
    """
    found = re.fullmatch(r"([1-9]\d{0,3})([mhd])", value) if isinstance(value, str) else None
    if found is None:
        raise SpecError(f"{value!r} is not a length of time; write 30m, 4h or 7d", path=path)
    return int(found[1]) * _UNITS[found[2]]


def read_instant(value: Any, path: str, zone: ZoneInfo) -> int:
    """Microseconds UTC of a date, a datetime or ISO 8601 text; naive ones are read in `zone`.

    Raises:
        SpecError: not a time.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise SpecError(
                f"{value!r} is not a time; write 2016-01-31 or 2016-01-31T12:00:00+00:00", path=path
            ) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the zone is put on below
    if not isinstance(value, datetime):
        raise SpecError(f"{value!r} is not a time; write 2016-01-31 or 2016-01-31T12:00:00+00:00", path=path)
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    return from_datetime(value.astimezone(UTC))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key

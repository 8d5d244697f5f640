"""Any value that serving code may hold, made plain: null, bool, number, text, or a list of them.

ormsgpack takes the common ones at the speed of C. It calls `Plain.default` for the rest, and a row that it
refuses altogether goes through `Plain.clean`, value by value. numpy and pandas are recognised by behaviour and
are never imported here.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ormsgpack import OPT_PASSTHROUGH_BIG_INT, OPT_REPLACE_SURROGATES, OPT_SERIALIZE_NUMPY, packb, unpackb

from driftwatch.wire import MAX_ID_BYTES, MAX_TEXT_BYTES, clean_text

__all__ = ["Plain", "id_text", "instant_of", "packb", "unpackb"]

_PLAIN = OPT_PASSTHROUGH_BIG_INT | OPT_REPLACE_SURROGATES
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEPTH = 8
_LATEST_SECONDS = 1e11


class Plain:
    """Makes values plain, and counts those that it had to turn into text.

    Attributes:
        option: ormsgpack's options. numpy support is switched on by the first numpy value, because ormsgpack
            would import numpy by itself to find out whether an unknown value is one.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self.option = _PLAIN

    def default(self, value: Any) -> Any:
        """A plain stand-in for a value that ormsgpack does not know. Never raises."""
        try:
            return self._known(value)
        except Exception:  # noqa: BLE001 - a foreign object may do anything
            return self._text(value)

    def clean(self, value: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - a line a type
        """The value made plain step by step, for what ormsgpack refuses. Never raises."""
        if value is None or type(value) in (bool, float):
            return value
        if isinstance(value, str):
            return self._shorten(str(value))
        if isinstance(value, int) and -(2**63) <= value < 2**64:
            return int(value)
        if depth > _DEPTH:
            return self._text(value)
        if isinstance(value, Mapping):
            pairs = list(value.items())
            return {clean_text(str(name)): self.clean(item, depth + 1) for name, item in pairs}
        if isinstance(value, list | tuple):
            return [self.clean(item, depth + 1) for item in value]
        try:
            return unpackb(packb(value, self.default, self.option))
        except Exception:  # noqa: BLE001 - as above
            return self._text(value)

    def _known(self, value: Any) -> Any:  # noqa: PLR0911 - a line a type
        kind = type(value)
        module = kind.__module__.partition(".")[0]
        if kind.__name__ in ("NAType", "NaTType", "MaskedConstant"):
            return None
        if module == "numpy" and "numpy" in sys.modules:
            return self._numpy(value)
        if isinstance(value, BaseException):
            return f"{kind.__name__}: {value}"
        if isinstance(value, Mapping):
            return dict(value)
        if hasattr(value, "total_seconds"):
            return value.total_seconds()
        if hasattr(value, "isoformat"):
            return value.isoformat()
        if hasattr(value, "to_dict") and hasattr(value, "index"):
            return value.to_dict()
        if hasattr(value, "__float__") and not hasattr(value, "__len__"):
            return float(value)
        return self._text(value)

    def _numpy(self, value: Any) -> Any:
        self.option = _PLAIN | OPT_SERIALIZE_NUMPY
        if value.dtype.kind in "mM":
            return None if str(value) == "NaT" else str(value)
        if value.dtype.kind in "cV":
            return self._text(value)
        plain = value.tolist()
        return float(plain) if type(plain) is type(value) else plain

    def _shorten(self, text: str) -> str:
        short = clean_text(text)
        if len(short) < len(text):
            self._count("truncated")
        return short

    def _text(self, value: Any) -> str:
        self._count("unknown_type")
        try:
            return clean_text(str(value), MAX_TEXT_BYTES)
        except Exception:  # noqa: BLE001 - as above
            return f"<{type(value).__name__}>"


def id_text(value: Any) -> str | None:
    """An id as text of 1 to 128 bytes, or None if it cannot be one. UUIDs and integers become text."""
    try:
        text = value if type(value) is str else str(value)
        fits = 0 < len(text) <= MAX_ID_BYTES and "\0" not in text and len(text.encode()) <= MAX_ID_BYTES
    except Exception:  # noqa: BLE001 - a foreign object may do anything
        return None
    return text if fits else None


def instant_of(value: Any) -> int | None:
    """Microseconds UTC, or None if it is no time.

    Takes datetimes (naive: UTC), ISO 8601 text, POSIX seconds as `time.time()` gives them, and what pandas and
    numpy make of these.
    """
    try:
        if isinstance(value, str):
            return _from_datetime(datetime.fromisoformat(value))
        if hasattr(value, "utcoffset"):
            return _from_datetime(value) if value == value else None  # noqa: PLR0124 - pandas.NaT
        if hasattr(value, "astype"):
            return _from_numpy(value)
        if isinstance(value, bool) or not -_LATEST_SECONDS < value < _LATEST_SECONDS:
            return None
        microseconds: int = round(value * 1_000_000)
    except Exception:  # noqa: BLE001 - a foreign object may do anything
        return None
    return microseconds


def _from_datetime(value: Any) -> int:
    moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    microseconds: int = (moment - _EPOCH) // timedelta(microseconds=1)
    return microseconds


def _from_numpy(value: Any) -> int | None:
    if value.dtype.kind == "M":
        return None if str(value) == "NaT" else int(value.astype("datetime64[us]").astype("int64"))
    return instant_of(float(value))

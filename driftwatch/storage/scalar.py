"""A prediction or an outcome is a number or a text; each is stored in the column of its type."""

import math
import uuid
from collections.abc import Iterable, Sequence
from hashlib import sha1
from typing import Any

__all__ = ["Scalar", "clean", "finite", "join", "prediction_keys", "split"]

Scalar = float | str | None

# Never to be changed: stored keys were made with it.
_NAMESPACE = uuid.UUID("6f0f6b54-8f6e-5d53-9a3c-0a8c2d4c7d11").bytes


def split(values: Sequence[Any]) -> tuple[list[float | None], list[str | None]]:
    """The numbers and the texts of mixed values; each place is set in at most one of the two.

    Booleans are 1 and 0. An integer that no float64 holds exactly is kept as text, not-a-number is unknown.
    """
    numbers: list[float | None] = [None] * len(values)
    texts: list[str | None] = [None] * len(values)
    for place, value in enumerate(values):
        if isinstance(value, str):
            texts[place] = clean(value)
        elif isinstance(value, int) and abs(value) > 2**53:
            texts[place] = str(value)
        elif value is not None and not math.isnan(value):
            numbers[place] = float(value)
    return numbers, texts


def join(number: float | None, text: str | None) -> Scalar:
    """The value that :func:`split` took apart."""
    return text if number is None else number


def clean(text: str | None) -> str | None:
    """The text as both databases can hold it: PostgreSQL knows no NUL character."""
    return text.replace("\0", "\ufffd") if text is not None and "\0" in text else text


def finite(values: Iterable[float | None]) -> list[float | None]:
    """The values with not-a-number as None: SQLite has none, and unknown is null."""
    return [None if value is None or value != value else float(value) for value in values]  # noqa: PLR0124


def prediction_keys(model: str, ids: Sequence[str]) -> list[bytes]:
    """The 16 bytes that predictions are found by: an id that is a UUID, else UUIDv5 of model and id (RFC 9562 §5.5).

    Versions of one model give one id one key, so that an outcome reaches a shadow's prediction too.
    """
    prefix = _NAMESPACE + model.encode("utf-8", "surrogatepass") + b"\0"
    return [_key(prefix, text) for text in ids]


def _key(prefix: bytes, text: str) -> bytes:
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        digits = text.replace("-", "")
        if len(digits) == 32 and digits.isascii() and digits.isalnum():
            try:
                return bytes.fromhex(digits)
            except ValueError:
                pass
    digest = bytearray(sha1(prefix + text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)

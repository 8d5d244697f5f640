"""What a value is: one place decides, for the SDK, for JSON rows and for columns of a frame."""

from typing import Any

__all__ = ["BOOLEAN", "CATEGORICAL", "EMBEDDING", "KINDS", "MAX_ID_BYTES", "MAX_TEXT_BYTES", "NULL", "NUMERIC"]
__all__ += ["clean_text", "kind_of"]

NUMERIC = "numeric"
CATEGORICAL = "categorical"
BOOLEAN = "boolean"
EMBEDDING = "embedding"
NULL = "null"
"""The kind of a column without one value: it registers nothing, its rows count as missing."""

KINDS = (NUMERIC, CATEGORICAL, BOOLEAN, EMBEDDING, NULL)

MAX_TEXT_BYTES = 256
MAX_ID_BYTES = 128

_KIND_OF_TYPE: dict[type, str | None] = {
    bool: BOOLEAN,
    int: NUMERIC,
    float: NUMERIC,
    str: CATEGORICAL,
    type(None): None,
    list: EMBEDDING,
    tuple: EMBEDDING,
    bytes: CATEGORICAL,
}
_KIND_OF_DTYPE = {"b": BOOLEAN, "i": NUMERIC, "u": NUMERIC, "f": NUMERIC, "U": CATEGORICAL, "S": CATEGORICAL}


def kind_of(value: Any) -> str | None:
    """The kind of a single value, or None if it is null; numpy scalars and Decimal by their behaviour.

    >>> kind_of(True), kind_of(1), kind_of("AA"), kind_of(None)
    ('boolean', 'numeric', 'categorical', None)
    """
    try:
        return _KIND_OF_TYPE[type(value)]
    except KeyError:
        pass
    dtype = getattr(value, "dtype", None)
    if dtype is not None:
        if getattr(value, "ndim", 0):
            return EMBEDDING
        return _KIND_OF_DTYPE.get(getattr(dtype, "kind", ""), CATEGORICAL)
    if isinstance(value, str | bytes):
        return CATEGORICAL
    if hasattr(value, "__float__") and not hasattr(value, "isoformat"):
        return NUMERIC
    return CATEGORICAL


def clean_text(text: str, limit: int = MAX_TEXT_BYTES) -> str:
    """Text that every database takes: no NUL, no lone surrogate, at most `limit` bytes of UTF-8.

    >>> clean_text("a" * 300) == "a" * 256
    True
    """
    if len(text) * 4 <= limit and text.isascii() and "\0" not in text:
        return text
    data = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")
    return data[:limit].decode("utf-8", "ignore")

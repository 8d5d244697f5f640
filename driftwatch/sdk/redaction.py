"""What must not leave the process: dropped, hashed, cut or left off the list, before a frame is made.

Rules go by the name of a column: a feature, a tag, or one of prediction, error, request_id and entity.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from driftwatch.errors import SpecError
from driftwatch.sdk.stats import notice

__all__ = ["Redaction", "Rule", "hash_text"]

Rule = str | Callable[[Any], Any]
"""`"drop"`, `"hash"`, `"truncate:N"`, or a function of one value."""

_DIGITS = 32


def hash_text(text: str, key: bytes | None) -> str:
    """128 bits of HMAC-SHA-256 in hexadecimal; without a key plain SHA-256, which guesses can be tried against."""
    data = text.encode("utf-8", "replace")
    if key is None:
        from hashlib import sha256

        return sha256(data).hexdigest()[:_DIGITS]
    from hmac import digest

    return digest(key, data, "sha256").hex()[:_DIGITS]


class Redaction:
    """The rules of one client, applied to whole columns.

    Args:
        rules: rule by name of column.
        allow: the only features and tags that may leave; None for all.
        key: secret of the hashes.
        count: takes the reason for which a value was altered, and how many.

    Raises:
        SpecError: a rule is not known.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule] | None,
        *,
        allow: Collection[str] | None,
        key: bytes | None,
        count: Callable[[str, int], None],
    ) -> None:
        if isinstance(allow, str):
            raise SpecError(f"{allow!r} is a text; give a list of names", path="allow")
        if rules is not None and not isinstance(rules, Mapping):
            raise SpecError(f"{rules!r} is not a mapping of column to rule", path="redact")
        self._allow = None if allow is None else frozenset(allow)
        self._key = key
        self._count = count
        self._rules = {name: self._compile(name, rule) for name, rule in (rules or {}).items()}

    def permits(self, name: str) -> bool:
        """Whether a feature or tag may leave at all."""
        return (self._allow is None or name in self._allow) and self._rules.get(name) is not _drop

    def touches(self, name: str) -> bool:
        """Whether a rule changes this column."""
        return name in self._rules

    def apply(self, name: str, values: Sequence[Any]) -> list[Any]:
        """The column after its rule; a rule that fails drops the value."""
        rule = self._rules.get(name)
        if rule is None:
            return list(values)
        kept: list[Any] = []
        failed = 0
        for value in values:
            try:
                kept.append(None if value is None else rule(value))
            except Exception as error:  # noqa: BLE001 - a user's function may do anything
                kept.append(None)
                failed += 1
                notice(f"redact:{name}", f"the redactor of {name!r} failed with {type(error).__name__}; value dropped")
        if failed:
            self._count("redactor_failed", failed)
        return kept

    def _compile(self, name: str, rule: Rule) -> Callable[[Any], Any]:
        if callable(rule):
            return rule
        if rule == "drop":
            return _drop
        if rule == "hash":
            return lambda value: hash_text(value if isinstance(value, str) else repr(value), self._key)
        word, _, length = str(rule).partition(":")
        if word == "truncate" and length.isdecimal():
            return lambda value: str(value)[: int(length)]
        raise SpecError(f"{rule!r} is no rule; use 'drop', 'hash', 'truncate:N' or a function", path=f"redact.{name}")


def _drop(value: Any) -> None:
    """Nothing is left of the value."""

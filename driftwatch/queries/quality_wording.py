"""Findings of data quality, in a few words each."""

from collections.abc import Mapping, Sequence
from typing import Any

from driftwatch.domain.instant import SECOND
from driftwatch.queries import format as fmt

__all__ = ["QUALITY_KINDS", "examples_words", "quality_words"]

QUALITY_KINDS = frozenset({"constraint", "vanished_category", "duplicates", "late", "range"})
"""The kinds of finding that have words here."""

_SHOWN = 3
_LONG = 40


def quality_words(kind: str, facts: Mapping[str, Any], n: int) -> str | None:
    """What was found, with its counts; None for other kinds.

    Args:
        kind: of the finding.
        facts: its details.
        n: rows that it counts.
    """
    of_rows = f"{fmt.count(facts.get('n_violated'))} of {fmt.plural(n, 'row')}"
    usual = f"usually {fmt.share(facts.get('reference_share'))}"
    match kind:
        case "constraint":
            verb = "breaks" if facts.get("n_violated") == 1 else "break"
            return f"{of_rows} {verb} “{facts.get('demand', '')}”{examples_words(facts)}"
        case "vanished_category":
            return _gone(facts)
        case "duplicates":
            return f"{of_rows} repeat an id, {usual}"
        case "late":
            delay = fmt.age(int(facts.get("delay_seconds", 0) * SECOND))
            return f"{of_rows} came {delay} late or later, {usual}"
        case "range":
            return f"values from {_span(facts, '')}, in the reference from {_span(facts, 'reference_')}"
    return None


def examples_words(facts: Mapping[str, Any]) -> str:
    """``, such as “x” (3 rows)`` with the heaviest values, that they are hidden, or nothing."""
    if facts.get("examples_hidden"):
        return " (their values are hidden)"
    examples: Sequence[Sequence[Any]] = facts.get("examples") or ()
    listed = ", ".join(f"{_quoted(value)} ({fmt.count(rows)})" for value, rows in examples[:_SHOWN])
    return f", such as {listed}" if listed else ""


def _span(facts: Mapping[str, Any], side: str) -> str:
    return f"{fmt.number(facts.get(f'{side}low'))} to {fmt.number(facts.get(f'{side}high'))}"


def _gone(facts: Mapping[str, Any]) -> str:
    number = int(facts.get("n_categories", 1))
    shown = facts.get("categories") or ()
    if not shown:
        return f"{fmt.plural(number, 'value')} of the reference no longer come" + ("s" if number == 1 else "")
    level, share = shown[0]
    more = f", and {number - 1} more" if number > 1 else ""
    return f"{_quoted(level)} no longer comes ({fmt.share(share)} of the reference){more}"


def _quoted(value: str) -> str:
    return f"“{value if len(value) <= _LONG else value[: _LONG - 1] + '…'}”"

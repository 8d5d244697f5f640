"""Labels of an alert, and the conditions on them by which routes and silences choose."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from driftwatch.domain.alert import Alert

__all__ = ["LABELS", "Facts", "Matcher", "labels_of", "labels_of_model", "refusal"]

LABELS = (
    "environment",
    "model",
    "version",
    "deployment",
    "role",
    "signal",
    "severity",
    "feature",
    "segment",
    "owner",
)
"""What can be matched. A label that an alert does not have is the empty text."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model beside its alerts.

    Attributes:
        role: champion, challenger, shadow or canary.
        owner: who answers for it, or "".
    """

    role: str = "champion"
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label.

    Attributes:
        label: one of :data:`LABELS`.
        values: any of them fulfils it.
        is_pattern: they are regular expressions, which must fit the whole value.
        negated: it holds where it otherwise would not.
    """

    label: str
    values: tuple[str, ...]
    is_pattern: bool = False
    negated: bool = False

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels fulfils it."""
        value = labels.get(self.label, "")
        if self.is_pattern:
            fits = any(re.fullmatch(pattern, value) is not None for pattern in self.values)
        else:
            fits = value in self.values
        return fits is not self.negated

    def __str__(self) -> str:
        verb = {
            (False, False): "is",
            (False, True): "is not",
            (True, False): "fits",
            (True, True): "does not fit",
        }[self.is_pattern, self.negated]
        return f"{self.label} {verb} {' or '.join(value or 'unset' for value in self.values)}"

    def to_value(self) -> Any:
        """As a declaration writes it behind the label."""
        found = [value or None for value in self.values]
        values: Any = found if len(found) > 1 else found[0]
        if not self.is_pattern:
            return {"not": values} if self.negated else values
        return {"not_regex" if self.negated else "regex": values}


def labels_of(alert: Alert, facts: Facts) -> dict[str, str]:
    """Every label that the alert has, by name; the severity is the one that it has now."""
    found = {**alert.key.labels, "severity": alert.severity.value, "role": facts.role, "owner": facts.owner}
    return {name: value for name, value in found.items() if value}


def labels_of_model(environment: str, model: str, facts: Facts) -> dict[str, str]:
    """The labels that all alerts of a model have, by name."""
    found = {"environment": environment, "model": model, "role": facts.role, "owner": facts.owner}
    return {name: value for name, value in found.items() if value}


def refusal(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> Matcher | None:
    """The first condition that does not hold, or None if all do."""
    return next((matcher for matcher in matchers if not matcher.holds(labels)), None)

"""Latency and errors in the words of a message."""

from typing import Any

import pytest

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import HOUR
from driftwatch.domain.signal import Severity, Signal
from driftwatch.service.service_wording import service_action, service_words
from driftwatch.service.wording import effect_words


def finding(signal: Signal, kind: str, value: float, threshold: float, n: int, **details: Any) -> Finding:
    return Finding(0, HOUR, HOUR, signal, None, Severity.WARNING, kind, value, threshold, n=n, details=details)


@pytest.mark.parametrize(
    ("signal", "kind", "value", "threshold", "details", "words"),
    [
        (Signal.LATENCY, "latency_p95", 0.19, 0.086, {}, "p95 latency 86 ms → 190 ms"),
        (Signal.LATENCY, "latency_level", 0.19, 0.086, {}, "latency 86 ms → 190 ms"),
        (Signal.LATENCY, "latency_p50", 0.19, 0.086, {"at_like_load": 0.08}, "p50 latency 86 ms → 190 ms"),
        (
            Signal.LATENCY,
            "latency_p50",
            0.19,
            0.086,
            {"at_like_load": 0.2},
            "p50 latency 86 ms → 190 ms, as the reference under such a load",
        ),
        (Signal.ERROR, "error_rate", 0.023, 0.001, {"failed": 46}, "errors 0.10 % → 2.3 % (46 of 2,000 calls)"),
        (
            Signal.ERROR,
            "slo_burn_rate",
            23.0,
            14.4,
            {"bad": 46, "expected": 0.001, "long_minutes": 60},
            "46 of 2,000 calls failed in 1 h, 23.0 times the 0.10 % that the objective allows",
        ),
        (
            Signal.LATENCY,
            "slo_burn_rate",
            2.3,
            1.0,
            {"bad": 46, "expected": 0.01, "long_minutes": 4_320, "latency_seconds": 0.3},
            "46 of 2,000 calls took longer than 300 ms in 72 h, 2.3 times the 1.0 % that the objective allows",
        ),
    ],
)
def test_a_finding_says_by_how_much(
    signal: Signal, kind: str, value: float, threshold: float, details: dict[str, Any], words: str
) -> None:
    of = finding(signal, kind, value, threshold, 2_000, **details)
    assert str(service_words(of)).replace("\u202f", " ").replace("\xa0", " ") == words
    assert effect_words(of) == service_words(of)


def test_what_to_do_depends_on_the_signal_and_other_signals_are_told_elsewhere() -> None:
    assert "waits for" in str(service_action(finding(Signal.LATENCY, "latency_p95", 2, 1, 9), "m"))
    assert "log of m" in str(service_action(finding(Signal.ERROR, "error_rate", 2, 1, 9), "m"))
    other = finding(Signal.TRAFFIC, "no_data", 0, 1, 0)
    assert (service_words(other), service_action(other, "m")) == (None, None)

"""river's detectors behind our Protocol: they say what river says, and go on after a kill as if nothing had been."""

import importlib
import json
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.drift.stream import StreamDetector, stream_detectors
from driftwatch.errors import MissingPartError, UnknownNameError
from driftwatch.integrations.river_stream import RiverDetector

METHODS = ("adwin", "ddm", "eddm", "kswin", "page_hinkley")


def alarms(detector: StreamDetector, values: list[float]) -> list[int]:
    return [place for place, value in enumerate(values) if detector.update(value).drifted]


def errors(before: float, after: float, n: int, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(each) for each in np.concatenate([rng.random(n) < before, rng.random(n) < after])]


def published(kind: str) -> list[float]:
    """The streams of the examples in river's documentation."""
    if kind == "binary":
        rng = random.Random(42)  # noqa: S311 - as published
        return [*rng.choices([0, 1], k=1000), *rng.choices([0, 1], k=1000, weights=[0.3, 0.7])]
    rng = random.Random(12345)  # noqa: S311 - as published
    return [*rng.choices([0, 1], k=1000), *rng.choices(range(4, 8), k=1000)]


@pytest.mark.parametrize(
    ("method", "parameters", "kind", "first"),
    [
        ("adwin", {}, "number", 1023),
        ("page_hinkley", {}, "number", 1006),
        ("kswin", {"alpha": 0.0001, "seed": 42}, "number", 1016),
        ("ddm", {}, "binary", 1334),
        ("eddm", {"alpha": 0.8, "beta": 0.75}, "binary", 1278),
    ],
)
def test_the_change_points_are_those_that_river_publishes(
    method: str, parameters: dict[str, Any], kind: str, first: int
) -> None:
    assert alarms(stream_detectors[method].make(**parameters), published(kind)) == [first]


@pytest.mark.parametrize("method", METHODS)
def test_every_state_is_that_of_the_river_detector_itself(method: str) -> None:
    module = importlib.import_module("river.drift.binary" if method in {"ddm", "eddm"} else "river.drift")
    names = {"adwin": "ADWIN", "ddm": "DDM", "eddm": "EDDM", "kswin": "KSWIN", "page_hinkley": "PageHinkley"}
    theirs = getattr(module, names[method])(**({"seed": 0} if method == "kswin" else {}))
    ours = stream_detectors[method].make()
    for value in errors(0.1, 0.4, 700):
        theirs.update(value)
        assert ours.update(value).drifted == theirs.drift_detected


@pytest.mark.parametrize("method", ["adwin", "page_hinkley"])
def test_an_error_rate_that_trebles_is_found_within_400_values(method: str) -> None:
    found = alarms(stream_detectors[method].make(), errors(0.1, 0.3, 3000, seed=3))
    assert found
    assert 3000 <= found[0] < 3400


@pytest.mark.parametrize("method", METHODS)
@given(cut=st.integers(0, 240), seed=st.integers(0, 50))
@settings(max_examples=6, deadline=None)
def test_a_detector_restored_from_json_goes_on_as_if_it_had_never_stopped(method: str, cut: int, seed: int) -> None:
    values = errors(0.1, 0.6, 120, seed)
    whole, stopped = stream_detectors[method].make(), stream_detectors[method].make()
    expected = [whole.update(value) for value in values]
    states = [stopped.update(value) for value in values[:cut]]
    text = json.dumps(stopped.snapshot(), allow_nan=False)
    restored = stream_detectors[method].restore(json.loads(text))
    assert json.dumps(restored.snapshot(), allow_nan=False) == text
    states += [restored.update(value) for value in values[cut:]]
    assert states == expected


def test_the_mean_is_of_what_came_since_the_last_change() -> None:
    detector = stream_detectors["adwin"].make()
    values = [0.0] * 500 + [5.0] * 500
    states = [detector.update(value) for value in values]
    place = next(place for place, state in enumerate(states) if state.drifted)
    assert states[499].mean == 0.0
    assert states[place].n_since == place + 1
    assert (states[place + 1].n_since, states[place + 1].mean) == (1, 5.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("method", METHODS)
def test_a_value_that_is_no_number_is_refused_and_changes_nothing(method: str, value: float) -> None:
    detector = stream_detectors[method].make()
    detector.update(1.0)
    before = detector.snapshot()
    with pytest.raises(ValueError, match="finite"):
        detector.update(value)
    assert detector.snapshot() == before


@pytest.mark.parametrize("method", ["ddm", "eddm"])
def test_a_counter_of_errors_takes_nothing_but_0_and_1(method: str) -> None:
    with pytest.raises(ValueError, match=r"takes 0 \(right\) and 1 \(wrong\), not 0\.5"):
        stream_detectors[method].make().update(0.5)


def test_a_wrong_parameter_is_named_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="adwin has no parameter 'detla'; it has delta, clock"):
        stream_detectors["adwin"].make(detla=0.1)


def test_an_unknown_detector_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'adwin'"):
        stream_detectors.key("adwinn")
    assert stream_detectors.key("ph") == "page_hinkley"


def test_the_state_of_another_release_of_river_is_refused_with_what_to_do() -> None:
    snapshot = RiverDetector("adwin").snapshot()
    with pytest.raises(ValueError, match=r"made with river 0\.1\.0.*begin anew"):
        RiverDetector.restore({**snapshot, "river": "0.1.0"})
    with pytest.raises(ValueError, match="no snapshot"):
        RiverDetector.restore({"method": "adwin"})


def test_without_river_the_error_is_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name="river")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingPartError, match=r"pip install 'driftwatch-monitor\[river\]'"):
        stream_detectors["adwin"].make()

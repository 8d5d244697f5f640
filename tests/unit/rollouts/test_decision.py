"""Promote what is shown to be good enough, roll back what is shown not to be, and wait in between."""

import pytest

from driftwatch.experiments.sample_ratio import SampleRatio
from driftwatch.experiments.sequence import Difference
from driftwatch.rollouts.decision import Decision, Standing, decide, stand


def between(low: float | None, high: float | None) -> Difference:
    return Difference(0.0, low, high, 0.0, 0.0, 1_000, 1_000, 1.0)


RIGHT, WRONG = SampleRatio(0.1, 0.1, 1_000, 0.5), SampleRatio(0.1, 0.1, 1_000, 1e-6)


@pytest.mark.parametrize(
    ("found", "margin", "standing"),
    [
        (between(-0.02, 0.009), 0.01, Standing.PASSED),
        (between(0.011, 0.03), 0.01, Standing.FAILED),
        (between(0.002, 0.012), 0.01, Standing.OPEN),  # worse for certain, and maybe by too much
        (between(0.002, 0.008), 0.01, Standing.PASSED),  # worse for certain, and by little
        (between(-0.02, 0.0), 0.0, Standing.OPEN),
        (between(-0.02, -0.006), -0.005, Standing.PASSED),  # it has to be better
        (between(None, None), 0.01, Standing.TOO_FEW),
        (None, 0.01, Standing.TOO_FEW),
    ],
)
def test_where_a_candidate_stands_in_one_quantity(found: Difference | None, margin: float, standing: Standing) -> None:
    assert stand(found, margin) is standing


def test_one_failed_quantity_rolls_back_whatever_the_others_and_the_split_say() -> None:
    found = {"error_rate": between(0.02, 0.03), "cost": between(-2.0, -1.0)}
    verdict = decide(found, {"error_rate": 0.01, "cost": 0.0}, WRONG)
    assert verdict.decision is Decision.ROLL_BACK
    assert verdict.reasons == ("error_rate: worse by at least 0.02, which is more than the margin of 0.01",)


def test_all_quantities_with_a_margin_have_to_pass_and_others_decide_nothing() -> None:
    found = {"error_rate": between(-0.01, 0.005), "cost": between(-2.0, -1.0), "latency_seconds": between(1.0, 2.0)}
    margins = {"error_rate": 0.01, "cost": 0.0}
    assert decide(found, margins, RIGHT).decision is Decision.PROMOTE
    assert decide(found, margins, WRONG).decision is Decision.HOLD
    assert decide(found, {**margins, "brier_score": 0.1}, None).reasons == (
        "brier_score: too few rows of a version yet",
    )
    assert decide(found, {}, None).decision is Decision.HOLD

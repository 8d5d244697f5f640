import pytest

from driftwatch.wire import FeatureColumn, Frame, OutcomeFrame, build_column


@pytest.fixture
def frame() -> Frame:
    """Three rows with one feature of every kind."""

    def column(*values: object) -> FeatureColumn:
        built, bad = build_column(values)
        assert not bad
        return built

    return Frame(
        batch_id="0190163d-8694-739b-aea5-966c26f8ad91",
        model="flights",
        environment="production",
        version="2024-06",
        deployment="default",
        sdk="python/0.1.0",
        dropped={"queue_full": 2},
        sample_rate=0.5,
        ids=["a", "b", "é"],
        at=[1_372_636_800_000_000, 1_372_636_800_000_001, -1],
        prediction=[1, 0, None],
        score=[0.71, 0.25, None],
        latency_seconds=[0.012, None, 1.5],
        error=[None, False, "ValueError: no weather"],
        request_id=["r1", None, "r3"],
        entity=[None, None, "ab12"],
        features={
            "distance": column(733.0, 1005.5, -0.0),
            "delay": column(1.0, None, float("inf")),
            "carrier": column("AA", None, "AA"),
            "holiday": column(True, None, False),
            "vector": column([1.0, 2.0], None, [3.0, 4.0]),
            "nothing": column(None, None, None),
        },
        tags={"region": ["eu", None, 3]},
    )


@pytest.fixture
def outcomes() -> OutcomeFrame:
    return OutcomeFrame(
        batch_id="0190163d-8694-739b-aea5-966c26f8ad92",
        model="flights",
        sdk="python/0.1.0",
        ids=["a", None],
        request_ids=[None, "r3"],
        values=[0, "late"],
        at=[1_372_636_800_000_000, 1_372_640_400_000_000],
    )

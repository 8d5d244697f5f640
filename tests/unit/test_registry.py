import pytest

from driftwatch._registry import Registry
from driftwatch.errors import UnknownNameError


def _measures() -> Registry[int]:
    registry: Registry[int] = Registry("measure")
    registry.add("kolmogorov_smirnov", 1, aliases=("ks",))
    registry.add("wasserstein_distance", 2)
    return registry


def test_an_alias_is_resolved_at_the_door_and_never_listed() -> None:
    registry = _measures()
    assert registry.key("ks") == "kolmogorov_smirnov"
    assert registry["ks"] == 1
    assert list(registry) == ["kolmogorov_smirnov", "wasserstein_distance"]


@pytest.mark.parametrize("taken", ["kolmogorov_smirnov", "ks"])
def test_a_taken_name_is_refused(taken: str) -> None:
    with pytest.raises(ValueError, match="registered twice"):
        _measures().add(taken, 3)


def test_an_unknown_name_is_answered_with_the_nearest_and_with_all() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'wasserstein_distance'") as caught:
        _measures()["waserstein_distance"]
    assert caught.value.known == ("kolmogorov_smirnov", "wasserstein_distance")

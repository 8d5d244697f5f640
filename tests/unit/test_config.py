import pytest

from driftwatch.config import Settings
from driftwatch.errors import SpecError


def test_an_empty_environment_gives_the_embedded_default_on_this_machine_only() -> None:
    settings = Settings.from_environment({})
    assert settings.store_url.startswith("sqlite:///")
    assert settings.host == "127.0.0.1"
    assert settings.public_url == "http://127.0.0.1:8301"


def test_every_link_comes_from_the_public_url() -> None:
    settings = Settings.from_environment({"DRIFTWATCH_PUBLIC_URL": "https://drift.example/"})
    assert settings.public_url == "https://drift.example"


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", ""])
def test_an_impossible_port_is_named(port: str) -> None:
    with pytest.raises(SpecError, match=r"DRIFTWATCH_PORT.*is not a port"):
        Settings.from_environment({"DRIFTWATCH_PORT": port})

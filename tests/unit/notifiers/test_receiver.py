"""Receiver documents, and messages as the outbox keeps them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.notification import Evidence, Message
from driftwatch.domain.signal import Severity
from driftwatch.errors import SpecError, UnknownNameError
from driftwatch.notifiers.receiver import NOTIFIERS, build_notifier, parse_receiver
from driftwatch.notifiers.slack import SlackNotifier
from driftwatch.notifiers.sparkline import sparkline

SLACK = {"kind": "receiver", "name": "ops-slack", "type": "slack", "webhook_url": "env:OPS_WEBHOOK"}


def test_a_document_comes_back_as_it_was_and_builds_its_notifier() -> None:
    spec = parse_receiver(SLACK)
    assert spec.to_dict() == SLACK
    assert isinstance(build_notifier(spec), SlackNotifier)


def test_the_types_are_registered() -> None:
    assert list(NOTIFIERS) == ["apprise", "email", "heartbeat", "pagerduty", "slack", "slack_bot", "teams", "webhook"]


@pytest.mark.parametrize("name", [None, "", "a b", "../x", "x" * 90])
def test_a_name_is_plain(name: object) -> None:
    with pytest.raises(SpecError, match=r"^name: "):
        parse_receiver(SLACK | {"name": name})


def test_an_unknown_type_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'slack'"):
        parse_receiver(SLACK | {"type": "slak"})
    with pytest.raises(SpecError, match=r"^type: "):
        parse_receiver(SLACK | {"type": None})


@given(
    title=st.text(),
    number=st.integers(1),
    severity=st.sampled_from(Severity),
    trend=st.lists(st.floats(allow_nan=False), max_size=5),
)
def test_a_message_survives_the_outbox(title: str, number: int, severity: Severity, trend: list[float]) -> None:
    evidence = (Evidence("temp", "KS 0.1", trend=tuple(trend)), Evidence("dewp", "KS 0.2", n_reference=4))
    message = Message("dw:x:1", number, "first", severity, title, "summary", evidence)
    assert Message.from_dict(json.loads(json.dumps(message.to_dict()))) == message


@given(values=st.lists(st.floats(), max_size=60), width=st.integers(1, 40))
def test_a_sparkline_has_a_character_for_each_value(values: list[float], width: int) -> None:
    line = sparkline(values, width=width)
    assert len(line) == min(len(values), width)
    assert set(line) <= set("▁▂▃▄▅▆▇█ ")

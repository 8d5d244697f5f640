"""The chain as mathematics: its canonical form, and that no single change of a sealed log goes unseen."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.errors import UserError
from driftwatch.service.audit_verification import Checkpoint, first_fault, parse_checkpoint, read_checkpoints
from driftwatch.service.sealing import Checkpoints
from driftwatch.storage.audit import AuditRow
from driftwatch.storage.audit_chain import FIRST, Head, SealedRow, seal_hash

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_STATE = st.none() | st.dictionaries(st.text(), _JSON, max_size=3)
_EVENT = st.builds(
    AuditRow,
    id=st.integers(1, 2**40),
    happened_at=st.integers(0, 2**60),
    actor=st.text(),
    verb=st.text(),
    subject=st.text(),
    state_before=_STATE,
    state_after=_STATE,
    evidence_ref=st.none() | st.text(),
    seal_number=st.none(),
)
_EVENTS = st.lists(_EVENT, min_size=1, max_size=6, unique_by=lambda event: event.id)


def chain(events: list[AuditRow], before: Head = Head(0, FIRST)) -> list[SealedRow]:  # noqa: B008 - it is frozen
    rows: list[SealedRow] = []
    for number, event in enumerate(events, before.count + 1):
        previous = rows[-1].seal_hash if rows else before.hash
        rows.append(SealedRow(replace(event, seal_number=number), previous, seal_hash(event, number, previous)))
    return rows


def test_the_canonical_form_is_what_the_documentation_says() -> None:
    event = AuditRow(7, 5, "cli:ann", "created", "route/ä", None, {"b": [1, 2.5], "a": True}, None, 3)
    text = (
        '["driftwatch-audit-1",3,"' + "00" * 32 + '",7,5,"cli:ann","created","route/\\u00e4",'
        'null,{"a":true,"b":[1,2.5]},null]'
    )
    assert seal_hash(event, 3, bytes(32)) == hashlib.sha256(text.encode()).digest()


@given(_EVENTS)
def test_a_chain_that_nobody_touched_is_whole(events: list[AuditRow]) -> None:
    rows = chain(events)
    end = Head(len(rows), rows[-1].seal_hash)
    heads = [Checkpoint(Head(row.event.seal_number or 0, row.seal_hash), "x") for row in rows]
    assert first_fault(rows, heads) == (end, None)


@given(_EVENTS, _EVENT, st.data())
def test_one_change_is_seen_where_it_is(events: list[AuditRow], other: AuditRow, data: st.DataObject) -> None:
    rows = chain(events)
    end = Checkpoint(Head(len(rows), rows[-1].seal_hash), "x")
    place = data.draw(st.integers(0, len(rows) - 1))
    what = data.draw(st.sampled_from(["change", "delete", "replace", "insert", "seal anew", "swap"]))
    touched = list(rows)
    fresh = replace(other, actor=f"{rows[place].event.actor}!")
    forged = chain([fresh], Head(place, rows[place].previous_hash))[0]
    match what:
        case "change":
            touched[place] = replace(rows[place], event=replace(fresh, seal_number=place + 1))
        case "delete":
            del touched[place]
        case "replace":
            touched[place] = forged
        case "insert":
            touched.insert(place, forged)
        case "seal anew":
            head = Head(place, rows[place].previous_hash)
            touched[place:] = chain([fresh, *(row.event for row in rows[place + 1 :])], head)
        case "swap" if len(rows) > 1:
            first, second = place, (place + 1) % len(rows)
            one, two = rows[first].event, rows[second].event
            touched[first] = replace(rows[second], event=replace(two, seal_number=one.seal_number))
            touched[second] = replace(rows[first], event=replace(one, seal_number=two.seal_number))
        case _:
            return
    _, fault = first_fault(touched, [end])
    assert fault is not None
    # A change that is sealed anew is seen at the event after it, or at the checkpoint.
    allowed = {
        "replace": place + 2,
        "insert": place + 1,
        "seal anew": len(rows),
        "swap": 1 if place + 1 == len(rows) else place + 1,
    }
    assert fault.number == min(allowed.get(what, place + 1), len(rows)) or what == "delete"
    assert fault.number == place + 1 or what != "delete"


def test_a_file_of_checkpoints_is_read_but_for_a_line_that_was_cut(tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    line = '{"schema": 1, "count": 3, "hash": "' + "ab" * 32 + '", "at": "2026-01-01T00:00:00+00:00"}\n'
    file.write_text(line + line[:40])
    (found,) = read_checkpoints(file)
    assert found == Checkpoint(Head(3, b"\xab" * 32), "of 2026-01-01T00:00:00+00:00 in kept.jsonl")
    for wrong in ('{"count": 3}', "[]", "x", line.replace("3", "-3").strip(), line.replace("ab", "xy").strip()):
        file.write_text(f"{line}{wrong}\n")
        with pytest.raises(UserError, match=r"line 2: .* is no checkpoint"):
            read_checkpoints(file)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_checkpoints(tmp_path / "none")


def test_a_checkpoint_of_a_message_is_read() -> None:
    assert parse_checkpoint(f"12:{'0f' * 32}").head == Head(12, b"\x0f" * 32)
    for wrong in ("", "12", f"0:{'0f' * 32}", f"x:{'0f' * 32}", "12:0f", f"12:{'0F' * 32}"):
        with pytest.raises(UserError, match="COUNT:HASH"):
            parse_checkpoint(wrong)


def test_where_checkpoints_go_is_checked_at_the_start(tmp_path: Path) -> None:
    assert Checkpoints.parse("") == Checkpoints()
    assert Checkpoints.parse("receiver:ops") == Checkpoints(receiver="ops")
    assert Checkpoints.parse(f"file:{tmp_path}/a") == Checkpoints(file=tmp_path / "a")
    with pytest.raises(UserError, match="cannot be written: No such file"):
        Checkpoints.parse(f"file:{tmp_path}/none/a")
    for wrong in ("ops", "file:", "mail:ops"):
        with pytest.raises(UserError, match="write file:/path/to/it or receiver:NAME"):
            Checkpoints.parse(wrong)

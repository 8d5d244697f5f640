"""What every page is built from: panel heads, evidence lines, chips, measures, timelines, states."""

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from driftwatch.queries.status import Status

__all__ = [
    "COLOURS",
    "KEY_CURRENT",
    "KEY_ESTIMATED",
    "KEY_P50",
    "KEY_P95",
    "KEY_REFERENCE",
    "KEY_THRESHOLD",
    "KEY_VOLUME",
    "Happening",
    "card",
    "chip",
    "evidence",
    "measures",
    "no_model",
    "page_head",
    "panel",
    "plain",
    "state",
    "stylesheet",
    "timeline",
]

_Colour = Literal["red", "orange", "violet", "gray", "blue", "green"]

COLOURS: Mapping[Status, _Colour] = {
    Status.CRITICAL: "red",
    Status.WARNING: "orange",
    Status.RUN_ERROR: "violet",
    Status.NO_DATA: "gray",
    Status.LOW_DATA: "gray",
    Status.LEARNING: "blue",
    Status.WATCH: "gray",
    Status.HEALTHY: "green",
}
_CLASSES: Mapping[_Colour, str] = {
    "red": "dw-crit",
    "orange": "dw-warn",
    "violet": "dw-evt",
    "gray": "dw-mut",
    "blue": "dw-mut",
    "green": "dw-ok",
}
KEY_REFERENCE = '<span><i class="area"></i>reference</span>'
KEY_CURRENT = '<span><i class="line"></i>current</span>'
KEY_ESTIMATED = '<span><i class="line dw-grey"></i>estimated, dashed, with its band</span>'
KEY_P50 = '<span><i class="line dw-grey"></i>p50</span>'
KEY_P95 = '<span><i class="line"></i>p95</span>'
KEY_THRESHOLD = '<span><i class="dash"></i>alarm threshold</span>'
KEY_VOLUME = '<span><i class="volume"></i>rows</span>'
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:<>])")


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a timeline.

    Attributes:
        sign: its shape.
        status: whose colour it has.
        text: what happened; escaped here.
        when: the time, ready to read, and anything small that belongs to it.
    """

    sign: str
    status: Status
    text: str
    when: str


def stylesheet() -> None:
    """Load the one stylesheet."""
    st.html(Path(__file__).parent / "style.css")


def plain(text: str) -> str:
    """User text made safe for Markdown: nothing in it is formatting."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


@contextmanager
def panel(
    title: str,
    about: str = "",
    *,
    key: str,
    marks: Sequence[str] = (),
    stretch: bool = False,
    control: Callable[[], str] | None = None,
) -> Iterator[str | None]:
    """A bordered box with its head: title, what it is about, and at the right the key of its chart.

    Args:
        title: a few words.
        about: window, n, reference: the evidence.
        key: stable name of the element.
        marks: the ``KEY_...`` constants of what is drawn.
        stretch: as tall as its neighbour.
        control: draws a control into the head, at the right; what it returns is what the panel yields.
    """
    with st.container(border=True, key=f"panel-{key}", gap="xsmall", height="stretch" if stretch else "content"):
        drawn = f'<span class="dw-key">{"".join(marks)}</span>' if marks else ""
        head = (
            '<div class="dw-panelhead" style="justify-content:space-between">'
            f'<span class="dw-panelhead"><b role="heading" aria-level="2">{html.escape(title)}</b>'
            f'<span class="dw-meta">{html.escape(about)}</span></span>{drawn}</div>'
        )
        if control is None:
            st.html(head)
            yield None
            return
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(head, width="content")
            chosen = control()
        yield chosen


def page_head(title: str, chips: Sequence[tuple[str, str]] = (), *, more: str | None = None) -> None:
    """The page's name, then chips of (text, colour); `more` explains the first when it is pointed at."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(plain(title), anchor=False, width="content")
        for place, (text, colour) in enumerate(chips):
            st.badge(plain(text), color=_colour(colour), help=more if place == 0 else None)


def chip(status: Status, more: str = "") -> tuple[str, str]:
    """A status as a chip for :func:`page_head`."""
    return (f"{status.label}{more}", COLOURS[status])


def evidence(parts: Sequence[tuple[str, str]]) -> None:
    """The line that says what everything below was computed from: (label, value) pairs; empty values are left out."""
    text = " · ".join(f"{html.escape(label)} <b>{html.escape(value)}</b>".strip() for label, value in parts if value)
    st.html(f'<div class="dw-meta dw-evidence">{text}</div>')


def card(label: str, value: str, note: str, *, colour: str = "off", more: str | None = None) -> None:
    """One number with a note below it.

    Args:
        label: what it is; may hold Markdown of ours.
        value: ready to read.
        note: a few words, below twenty characters.
        colour: of the note: "red", "orange", "green", or "off" for grey.
        more: explained when pointed at.
    """
    st.metric(
        label,
        value,
        delta=note or None,
        delta_color="off" if colour not in ("red", "orange", "green") else _delta(colour),
        delta_arrow="off",
        border=True,
        help=more,
    )


def measures(pairs: Sequence[tuple[str, str, Status | None]]) -> None:
    """A list of (name, value, status or None): names left, values right."""
    rows = "".join(
        f'<dt>{html.escape(name)}</dt><dd class="{_class(status)}">{_signed(value, status)}</dd>'
        for name, value, status in pairs
    )
    st.html(f'<dl class="dw-kv">{rows}</dl>')


def timeline(happenings: Sequence[Happening]) -> None:
    """What happened, newest first."""
    rows = "".join(
        f'<li><span class="s {_class(each.status)}">{html.escape(each.sign)}</span>{html.escape(each.text)}'
        f"<time>{html.escape(each.when)}</time></li>"
        for each in happenings
    )
    st.html(f'<ul class="dw-tl">{rows}</ul>')


def state(sign: str, title: str, sentence: str, *, height: int = 190) -> None:
    """What stands in a panel that has nothing to draw: why, since when, what happens meanwhile.

    Args:
        sign: a grey shape.
        title: a few words.
        sentence: one or two sentences.
        height: pixels of the chart that it replaces.
    """
    st.html(
        f'<div class="dw-state" style="min-height:{int(height)}px" role="status"><span class="s">{html.escape(sign)}'
        f'</span><b>{html.escape(title)}</b><span class="t">{html.escape(sentence)}</span></div>'
    )


def no_model(title: str) -> None:
    """What a page of one model shows as long as no model has logged anything."""
    st.title(title, anchor=False)
    with st.container(border=True):
        state("○", "No model yet", "Log a first prediction; the Fleet page shows how.")


def _colour(name: str) -> _Colour:
    return next((colour for colour in _CLASSES if colour == name), "gray")


def _delta(name: str) -> Literal["red", "orange", "green"]:
    return "red" if name == "red" else "orange" if name == "orange" else "green"


def _class(status: Status | None) -> str:
    return "" if status is None else _CLASSES[COLOURS[status]]


def _signed(value: str, status: Status | None) -> str:
    sign = f"{status.sign} " if status is not None and status is not Status.HEALTHY else ""
    return html.escape(sign + value)

"""What stands in an address: which model, column, window. Everything that arrives is checked.

A control and its parameter follow one another in both directions, so that a link opens what its sender saw.
(Streamlit's own binding writes the label of an option, not the option, and cannot say that it dropped a value.)
"""

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboards.component import plain
from driftwatch.queries.catalogue import DEFAULT_ENVIRONMENT
from driftwatch.queries.span import SPANS

__all__ = [
    "FEATURE",
    "FLEET",
    "INCIDENTS",
    "MODEL",
    "PERFORMANCE",
    "QUALITY",
    "choose_filter",
    "choose_one",
    "choose_span",
    "identity",
    "model_key",
    "wanted",
]

FLEET = "views/fleet.py"
MODEL = "views/model.py"
FEATURE = "views/feature.py"
INCIDENTS = "views/incidents.py"
QUALITY = "views/quality.py"
PERFORMANCE = "views/performance.py"

_SPAN_LABELS = {"24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d"}
_WIDTH = 168  # two controls fit beside each other on a phone
_LONGEST = 80


def model_key(name: str, environment: str) -> str:
    """How a model is called in an address: its name, after its environment if that is not the usual one."""
    return name if environment == DEFAULT_ENVIRONMENT else f"{environment}/{name}"


def identity(key: str, models: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Name and environment of the model of that key.

    Args:
        key: one that :func:`model_key` made.
        models: name and environment of every model; holds the one that is meant.
    """
    return next(each for each in models if model_key(*each) == key)


def wanted(name: str) -> str | None:
    """What the address says under that name, or None."""
    return st.query_params.get(name) or None


def choose_span(default: str) -> str:
    """The window control."""
    key = _follow("window", list(SPANS), default, "window")
    chosen = st.segmented_control(
        "Window", list(SPANS), required=True, format_func=lambda name: _SPAN_LABELS[name], key=key
    )
    return _lead("window", chosen or default, default)


def choose_filter(labels: Mapping[str, str], *, key: str) -> str:
    """A row of pills of which one is on; the first while the address names none."""
    first = next(iter(labels))
    chosen = st.pills(
        "Show",
        list(labels),
        required=True,
        format_func=lambda name: labels[name],
        key=_follow(key, list(labels), first, "filter"),
        label_visibility="collapsed",
    )
    return _lead(key, chosen or first, first)


def choose_one(label: str, options: Sequence[str], *, key: str, labels: Mapping[str, str] | None = None) -> str:
    """A control for one of several; the first while the address names none. The address always says which.

    Args:
        label: what is chosen.
        options: at least one.
        key: its name in the address.
        labels: what options are called, where they are not shown as they are.
    """
    widget = _follow(key, options, options[0], label.lower())
    called = labels or {}
    chosen = st.selectbox(label, options, key=widget, width=_WIDTH, format_func=lambda name: called.get(name, name))
    return _lead(key, chosen or options[0], None)


def _follow(name: str, options: Sequence[str], default: str, what: str) -> str:
    """Let the control take what the address says, if that is new; returns the control's key."""
    control, seen = f"{name}-control", f"{name}-seen"
    asked = wanted(name)
    if asked is not None and asked not in options:
        shown = asked if len(asked) <= _LONGEST else f"{asked[: _LONGEST - 1]}…"
        st.toast(f"There is no {what} called “{plain(shown)}” here.", icon=":material/info:", duration="long")
        asked = None
    given = asked or default
    if st.session_state.get(control) not in options or st.session_state.get(seen) != given:
        st.session_state[control] = given
    st.session_state[seen] = given
    return control


def _lead(name: str, chosen: str, default: str | None) -> str:
    """Let the address say what the control shows; a default is left out."""
    st.session_state[f"{name}-seen"] = chosen
    if chosen == default:
        if name in st.query_params:
            del st.query_params[name]
    elif wanted(name) != chosen:
        st.query_params[name] = chosen
    return chosen

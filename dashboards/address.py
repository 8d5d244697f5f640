"""What stands in an address: which model, column, window. Everything that arrives is checked.

Controls are bound to the address (Streamlit writes and reads it), so that a link opens what its sender saw. A value
that is not an option is dropped, and :func:`note_unknown` says so.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from driftwatch.queries.catalogue import DEFAULT_ENVIRONMENT
from driftwatch.queries.span import SPANS

__all__ = [
    "FEATURE",
    "FLEET",
    "INCIDENTS",
    "MODEL",
    "choose_one",
    "choose_span",
    "identity",
    "model_key",
    "note_unknown",
    "wanted",
]

FLEET = "views/fleet.py"
MODEL = "views/model.py"
FEATURE = "views/feature.py"
INCIDENTS = "views/incidents.py"

_SPAN_LABELS = {"24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d"}
_WIDTH = 168  # two controls fit beside each other on a phone


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


def note_unknown(name: str, options: Sequence[str], what: str) -> None:
    """Say that the address asked for something that is not there. Call it before the control is drawn."""
    asked = wanted(name)
    if asked is not None and asked not in options:
        shown = asked if len(asked) <= 80 else f"{asked[:79]}…"
        st.session_state[f"unknown-{name}"] = shown
    shown = st.session_state.pop(f"unknown-{name}", None)
    if shown is not None:
        st.info(f"There is no {what} called “{shown}” here.", icon=":material/info:")


def choose_span(default: str) -> str:
    """The window control."""
    chosen = st.segmented_control(
        "Window",
        list(SPANS),
        default=default,
        required=True,
        format_func=lambda name: _SPAN_LABELS[name],
        key="window",
        bind="query-params",
    )
    return chosen or default


def choose_one(label: str, options: Sequence[str], *, key: str, format_func: Callable[[str], str] = str) -> str:
    """A control for one of several; the first while the address names none. The address always says which.

    Args:
        label: what is chosen.
        options: at least one.
        key: its name in the address.
        format_func: how an option is written.
    """
    if st.session_state.get(key) not in options and wanted(key) not in options:
        st.session_state[key] = options[0]
    chosen = st.selectbox(
        label, options, index=None, key=key, bind="query-params", format_func=format_func, width=_WIDTH, required=True
    )
    return chosen or options[0]

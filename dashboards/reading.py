"""How pages read the store: one connection pool a process, results kept until the data change."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import streamlit as st

from dashboards.component import state
from driftwatch.config import Settings
from driftwatch.errors import DriftwatchError, SchemaVersionError, StoreError
from driftwatch.queries.watermark import read_watermark
from driftwatch.storage.store import Store

__all__ = ["answered", "read", "settings", "store"]

_Result = TypeVar("_Result")
_RETRY_SECONDS = 5
_KEPT_SECONDS = 60


def settings() -> Settings:
    """The settings of this process's environment."""
    return Settings.from_environment(os.environ)


def store() -> Store:
    """The store that ``DRIFTWATCH_STORE`` names.

    Raises:
        StoreError: it cannot be opened; the next rerun tries again.
    """
    return _open(settings().store_url)


def read(question: Callable[..., _Result], *arguments: Any) -> _Result:
    """Ask a read model of ``driftwatch.queries``; the same question is not computed twice while nothing changed.

    Args:
        question: a function whose first argument is the store; named by its module and name.
        arguments: the rest, hashable.
    """
    opened = store()
    name = f"{question.__module__}.{question.__qualname__}"
    answer: _Result = _answer(question, opened, (settings().store_url, name, *read_watermark(opened)), arguments)
    return answer


@contextmanager
def answered() -> Iterator[None]:
    """Draw what is inside; if the store does not answer, say so, try again every five seconds, and end the page."""
    try:
        yield
    except StoreError as error:
        _away(error)
        st.stop()
    except DriftwatchError as error:
        state("✕", "This page cannot be shown", str(error))
        st.stop()


@st.cache_resource(show_spinner=False)
def _open(url: str) -> Store:
    return Store.open(url)


@st.cache_data(show_spinner=False, ttl=_KEPT_SECONDS, max_entries=128)
def _answer(
    _question: Callable[..., Any],
    _store: Store,
    mark: tuple[Any, ...],  # noqa: ARG001 - part of the key
    arguments: tuple[Any, ...],
) -> Any:
    return _question(_store, *arguments)


def _away(error: StoreError) -> None:
    with st.container(border=True, key="panel-away"):
        if isinstance(error, SchemaVersionError):
            state("○", "The store has another schema", f"{error} Trying again every {_RETRY_SECONDS} s.")
        else:
            state("○", "The store does not answer", f"{error} Trying again every {_RETRY_SECONDS} s.")
    drawn: list[bool] = []

    @st.fragment(run_every=_RETRY_SECONDS)
    def retry() -> None:
        if drawn:
            st.rerun()
        drawn.append(True)

    retry()

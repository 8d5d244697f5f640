"""What commands on stored models share: the store, the model, a time, and who is asking."""

import getpass
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from driftwatch.storage.registration import ModelRow
    from driftwatch.storage.store import Store

__all__ = ["find", "instant", "opened", "user"]


def opened(url: str | None) -> "Store":
    """The store of that address, else the configured one."""
    from driftwatch.config import Settings
    from driftwatch.storage.store import Store

    return Store.open(url or Settings.from_environment(os.environ).store_url)


def find(conn: "Connection", environment: str, name: str) -> "ModelRow":
    """A registered model.

    Raises:
        NotFoundError: there is none of that name; the message names those nearby.
    """
    from driftwatch.service.model_view import find_model

    return find_model(conn, environment, name)


def instant(text: str, option: str) -> int:
    """Microseconds of a time that was given as an option, read in UTC.

    Raises:
        SpecError: it is none; names the option.
    """
    from zoneinfo import ZoneInfo

    from driftwatch.monitors.reading import read_instant

    return read_instant(text, option, ZoneInfo("UTC"))


def user() -> str:
    """Who is asking, for the audit log."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"

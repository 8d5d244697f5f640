"""Monthly partitions of the tables that grow with traffic; PostgreSQL only, a no-op on SQLite.

A partition is made as a table of its own and then attached, which keeps nobody from reading or writing meanwhile.
There is no default partition: rows without one are refused, and retention drops whole partitions.
"""

import re
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, text

from driftwatch.domain.instant import DAY, from_datetime, to_datetime
from driftwatch.errors import StoreError
from driftwatch.storage.engine import Database
from driftwatch.storage.schema import PARTITIONED

__all__ = ["AHEAD", "LIMIT", "ensure", "list_partitions", "month_of", "months_ahead", "months_between", "months_of"]

AHEAD = 2
"""How many months after the current one have partitions ahead of need."""

LIMIT = 600
"""Months that a store may hold: wrong clocks and typing errors must not fill the catalogue."""

_LOCK_SECONDS = 5
_KEY = 0x6477_7061_7274  # "dwpart": one process at a time makes partitions

_known: "WeakKeyDictionary[Database, set[str]]" = WeakKeyDictionary()
_guard = threading.Lock()


def month_of(at: int) -> str:
    """The month that holds an instant, as ``"2013-07"``."""
    moment = to_datetime(at)
    return f"{moment.year:04d}-{moment.month:02d}"


def months_of(instants: Iterable[int]) -> set[str]:
    """The months that these instants (microseconds UTC) fall in."""
    return {month_of(day * DAY) for day in {at // DAY for at in instants}}


def months_ahead(now: int, *, ahead: int = AHEAD) -> list[str]:
    """The month before `now`, its own, and `ahead` more."""
    current = _number(month_of(now))
    return [_month(number) for number in range(current - 1, current + ahead + 1)]


def months_between(first: str, last: str) -> list[str]:
    """Every month from `first` to `last`, both included.

    Raises:
        ValueError: one of them is not a month, or the last is before the first.
    """
    start, end = _number(first), _number(last)
    if end < start:
        raise ValueError(f"{last} is before {first}")
    return [_month(number) for number in range(start, end + 1)]


def _number(month: str) -> int:
    match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", month, re.ASCII)
    if match is None:
        raise ValueError(f"{month!r} is not a month")
    return int(match[1]) * 12 + int(match[2]) - 1


def _month(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def list_partitions(conn: Connection) -> list[str]:
    """The months that every partitioned table has a partition of; none on SQLite."""
    if conn.dialect.name != "postgresql":
        return []
    names = {
        name
        for (name,) in conn.execute(
            text(
                "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
                "WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(current_schema())"
            )
        )
    }
    tables = list(PARTITIONED)
    months = {
        name.removeprefix(f"{tables[0]}_").replace("_", "-") for name in names if name.startswith(f"{tables[0]}_")
    }
    return sorted(month for month in months if all(_name(table, month) in names for table in tables))


def ensure(database: Database, months: Iterable[str]) -> list[str]:
    """Make the partitions of these months (``"2013-07"``) where they are missing, in a transaction of its own.

    Call it before the transaction that needs them. Months that this process knows cost nothing; several processes
    take turns.

    Returns:
        The months that were made now.

    Raises:
        ValueError: a text that is not a month.
        StoreError: too many months, or a lock that was not to be had in 5 seconds.
    """
    if database.dialect != "postgresql":
        return []
    with _guard:
        known = _known.setdefault(database, set())
    missing = sorted(set(months) - known)
    for month in missing:
        _number(month)
    if not missing:
        return []
    with database.begin() as conn:
        conn.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY})
        present = set(list_partitions(conn))
        fresh = [month for month in missing if month not in present]
        if len(present) + len(fresh) > LIMIT:
            raise StoreError(
                f"{database} holds {len(present)} months; {len(fresh)} more ({fresh[0]} to {fresh[-1]}) are too many "
                f"(the limit is {LIMIT}). Look for wrong clocks among the clients, or let retention drop old months."
            )
        for month in fresh:
            for table in PARTITIONED:
                _make(conn, table, month)
    with _guard:
        known |= present | set(missing)
    return fresh


def _name(table: str, month: str) -> str:
    return f"{table}_{month.replace('-', '_')}"


def _make(conn: Connection, table: str, month: str) -> None:
    name = _name(table, month)
    if conn.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is not None:
        return
    start, end = _bounds(month, PARTITIONED[table][1])
    conn.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
    conn.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})"))


def _bounds(month: str, unit: str) -> tuple[int, int]:
    number = _number(month)
    start, end = (from_datetime(datetime(each // 12, each % 12 + 1, 1, tzinfo=UTC)) for each in (number, number + 1))
    size = DAY if unit == "day" else 1
    return start // size, end // size

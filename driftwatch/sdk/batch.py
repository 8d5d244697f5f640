"""Tables of predictions, from any library, as columns of plain values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import time_ns
from typing import Any

from driftwatch.errors import DataError
from driftwatch.sdk.value import Plain, id_text, instant_of, packb, unpackb
from driftwatch.wire import new_id

__all__ = ["Batch", "Part", "read_batch"]

_PART_ROWS = 4096
_ENVELOPE = ("prediction", "score", "latency_seconds", "error", "request_id", "entity")
_SINGLE = ("id", "timestamp", *_ENVELOPE)
_ROLES = (*_SINGLE, "features", "tags")

Columns = dict[str, Sequence[Any]]


class Part:
    """Some rows of a batch, ready for one frame.

    Attributes:
        positions: of its rows within the batch.
        columns: the arguments of `Assembly.parcel_of_columns` but the deployment.
    """

    __slots__ = ("columns", "positions")

    def __init__(self, positions: Sequence[int], columns: dict[str, Any]) -> None:
        self.positions = positions
        self.columns = columns


class Batch:
    """A table by role.

    Attributes:
        n: number of rows.
    """

    def __init__(self, n: int, single: Columns, features: Columns, tags: Columns) -> None:
        self.n = n
        self._single = single
        self._features = features
        self._tags = tags

    def parts(self, drop: Callable[[str, int], None], leaves_out: Callable[[str], bool] | None) -> Iterator[Part]:
        """Parts of at most 4,096 rows, without the rows whose id or time is wrong.

        Args:
            drop: takes the reason and the number of rows that are left out.
            leaves_out: whether the features of an id are not part of the sample; such rows are parts of their own.
        """
        for start in range(0, self.n, _PART_ROWS):
            rows = range(start, min(start + _PART_ROWS, self.n))
            ids, at = self._ids(rows), self._instants(rows)
            kept = [row for row in rows if ids[row - start] is not None and at[row - start] is not None]
            nameless = ids.count(None)
            for reason, lost in (("bad_id", nameless), ("bad_time", len(rows) - len(kept) - nameless)):
                if lost:
                    drop(reason, lost)
            out = [row for row in kept if leaves_out(str(ids[row - start]))] if leaves_out is not None else []
            skipped = set(out)
            sampled = [row for row in kept if row not in skipped] if out else kept
            for positions, features in ((sampled, self._features), (out, {})):
                if positions:
                    chosen = [row - start for row in positions]
                    yield self._part(positions, [ids[i] for i in chosen], [at[i] for i in chosen], features)

    def _part(self, positions: Sequence[int], ids: Sequence[Any], at: Sequence[Any], features: Columns) -> Part:
        first = positions[0]
        together = positions[-1] - first + 1 == len(positions)

        def pick(columns: Columns) -> Columns:
            if together:
                return {name: column[first : first + len(positions)] for name, column in columns.items()}
            return {name: [column[row] for row in positions] for name, column in columns.items()}

        envelope = pick({name: self._single[name] for name in _ENVELOPE if name in self._single})
        columns = {"ids": ids, "at": at, "envelope": envelope, "features": pick(features), "tags": pick(self._tags)}
        return Part(positions, columns)

    def _ids(self, rows: range) -> list[str | None]:
        column = self._single.get("id")
        return [new_id() for _ in rows] if column is None else [id_text(column[row]) for row in rows]

    def _instants(self, rows: range) -> list[int | None]:
        column = self._single.get("timestamp")
        if column is None:
            return [time_ns() // 1000] * len(rows)
        return [instant_of(column[row]) for row in rows]


def read_batch(data: Any, roles: Mapping[str, Any], plain: Plain) -> Batch:
    """Read a mapping of columns, or a pandas, polars or pyarrow table.

    Args:
        data: the table.
        roles: column by role, `features` and `tags` lists of columns.
        plain: makes the values plain.

    Raises:
        DataError: a role or column is not known, or the columns differ in length.
    """
    columns = {str(name): column for name, column in _columns(data)}
    single, groups = _assign(columns, roles)
    as_given = {single[role] for role in ("id", "timestamp") if role in single}
    lists: dict[str, list[Any]] = {}
    for name in dict.fromkeys((*single.values(), *groups["features"], *groups["tags"])):
        values = _objects(columns[name])
        lists[name] = values if name in as_given else _plain_values(values, plain)
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns differ in length: {lengths}")
    return Batch(
        next(iter(lengths.values()), 0),
        {role: lists[name] for role, name in single.items()},
        {name: lists[name] for name in groups["features"]},
        {name: lists[name] for name in groups["tags"]},
    )


def _assign(columns: Mapping[str, Any], roles: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, list[str]]]:
    for role in roles:
        if role not in _ROLES:
            raise DataError(f"{role!r} is no role; the roles are {', '.join(_ROLES)}")
    single = {role: str(roles.get(role, role)) for role in _SINGLE if roles.get(role, role) is not None}
    single = {role: name for role, name in single.items() if role in roles or name in columns}
    tags = [str(name) for name in roles.get("tags") or ()]
    taken = {*single.values(), *tags}
    given = roles.get("features")
    features = [str(name) for name in given] if given is not None else [name for name in columns if name not in taken]
    for name in (*single.values(), *tags, *features):
        if name not in columns:
            raise DataError(f"there is no column {name!r}; the columns are {', '.join(columns)}", column=name)
    return single, {"features": features, "tags": tags}


def _columns(data: Any) -> list[tuple[Any, Any]]:
    if isinstance(data, Mapping):
        return list(data.items())
    names = getattr(data, "column_names", None)  # pyarrow
    if names is None:
        names = getattr(data, "columns", None)  # pandas, polars
    if names is None:
        raise DataError(f"{type(data).__name__} is no table; give columns by name or a data frame")
    return [(name, data[name]) for name in names]


def _objects(column: Any) -> list[Any]:
    """A column as a list of Python or numpy objects."""
    if getattr(getattr(column, "dtype", None), "kind", "") != "M":  # numpy's times become integers in `tolist`
        for method in ("to_pylist", "tolist", "to_list"):  # pyarrow; numpy and pandas; polars
            convert = getattr(column, method, None)
            if convert is not None:
                return list(convert())
    return list(column)


def _plain_values(values: list[Any], plain: Plain) -> list[Any]:
    try:
        made = unpackb(packb(values, plain.default, plain.option))
    except Exception:  # noqa: BLE001 - what ormsgpack refuses is made plain value by value
        made = plain.clean(values)
    return list(made)

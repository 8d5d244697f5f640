"""One registry for everything that can be extended by name."""

import difflib
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from driftwatch.errors import UnknownNameError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Names, their aliases and what they stand for.

    Built-ins and third parties enter by the same door: built-ins call :meth:`add`, other packages declare an
    entry point in the group ``driftwatch.<kind>``, which is loaded at the first look-up of a name. One that cannot be
    loaded stops nobody but those who ask for it, and is told to them.
    Aliases are resolved by :meth:`key` and never stored.

    Args:
        kind: what is registered, in the singular (``"measure"``); used in messages.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._items: dict[str, T] = {}
        self._aliases: dict[str, str] = {}
        self._plugins_loaded = False
        self._broken: dict[str, str] = {}

    def add(self, name: str, item: T, *, aliases: tuple[str, ...] = ()) -> T:
        """Register `item`; a name or alias that is taken is a `ValueError`."""
        for taken in (name, *aliases):
            if taken in self._items or taken in self._aliases:
                raise ValueError(f"{self._kind} {taken!r} is registered twice")
        self._items[name] = item
        self._aliases.update(dict.fromkeys(aliases, name))
        return item

    def register(self, name: str, *, aliases: tuple[str, ...] = ()) -> Callable[[T], T]:
        """Decorator form of :meth:`add`."""

        def decorate(item: T) -> T:
            return self.add(name, item, aliases=aliases)

        return decorate

    def key(self, name: str) -> str:
        """The full name behind a name or an alias.

        Raises:
            UnknownNameError: with the nearest match and all names.
        """
        self._load_plugins()
        if name in self._items:
            return name
        if name in self._aliases:
            return self._aliases[name]
        known = tuple(sorted(self._items))
        if name in self._broken:
            raise UnknownNameError(
                f"The {self._kind} {name!r} is installed and cannot be loaded: {self._broken[name]}",
                name=name,
                known=known,
            )
        near = difflib.get_close_matches(name, [*known, *self._aliases], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownNameError(
            f"There is no {self._kind} {name!r}.{hint} Known: {', '.join(known)}.", name=name, known=known
        )

    def __getitem__(self, name: str) -> T:
        return self._items[self.key(name)]

    def __iter__(self) -> Iterator[str]:
        self._load_plugins()
        return iter(sorted(self._items))

    def __len__(self) -> int:
        self._load_plugins()
        return len(self._items)

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        for point in entry_points(group=f"driftwatch.{self._kind}"):
            try:
                self.add(point.name, point.load())
            except Exception as error:  # noqa: BLE001 - whatever another package's import raises
                self._broken[point.name] = f"{type(error).__name__}: {error}"

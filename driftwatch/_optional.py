"""Optional packages: imported where they are used, and named with the command that installs them."""

import importlib
from types import ModuleType

from driftwatch.errors import MissingPartError

__all__ = ["require"]


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import `module`, or say which extra brings it.

    Args:
        module: dotted name of the module.
        extra: the extra of ``driftwatch-monitor`` that installs it.
        purpose: what needs it, in the plural or with an article ("The dashboard").

    Raises:
        MissingPartError: the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".", maxsplit=1)[0] != error.name.split(".")[0]:
            raise
        raise MissingPartError(
            f"{purpose} needs the package {error.name!r}. Install it with: pip install 'driftwatch-monitor[{extra}]'",
            extra=extra,
        ) from None

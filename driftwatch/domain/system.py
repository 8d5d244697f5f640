"""The name under which driftwatch watches itself: a model that is none, in an environment of its own."""

from driftwatch.errors import SpecError

__all__ = ["SYSTEM", "SYSTEM_ENVIRONMENT", "SYSTEM_GROUPS", "SYSTEM_MODEL", "check_name"]

SYSTEM_ENVIRONMENT = "system"
SYSTEM_MODEL = "driftwatch"
SYSTEM = (SYSTEM_ENVIRONMENT, SYSTEM_MODEL)
"""Reserved: no model of a user is called so."""

SYSTEM_GROUPS = f"dw:{SYSTEM_ENVIRONMENT}/{SYSTEM_MODEL}/"
"""What the dedup keys of its incidents begin with."""


def check_name(environment: str, model: str) -> None:
    """Refuse a model of a user that is called as driftwatch itself: nobody would see it.

    Raises:
        SpecError: it is.
    """
    if (environment, model) == SYSTEM:
        raise SpecError(f"{model!r} in {environment!r} is driftwatch itself; take another name", path="model")

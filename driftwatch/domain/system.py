"""The name under which driftwatch watches itself: a model that is none, in an environment of its own."""

__all__ = ["SYSTEM", "SYSTEM_ENVIRONMENT", "SYSTEM_GROUPS", "SYSTEM_MODEL"]

SYSTEM_ENVIRONMENT = "system"
SYSTEM_MODEL = "driftwatch"
SYSTEM = (SYSTEM_ENVIRONMENT, SYSTEM_MODEL)
"""Reserved: no model of a user is called so."""

SYSTEM_GROUPS = f"dw:{SYSTEM_ENVIRONMENT}/{SYSTEM_MODEL}/"
"""What the dedup keys of its incidents begin with."""

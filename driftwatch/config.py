"""Settings of the service, from the environment. The SDK reads its own few variables and never this module."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftwatch.errors import SpecError

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """What a service process needs to know before it opens the store.

    Attributes:
        store_url: ``DRIFTWATCH_STORE``, ``sqlite:///path`` or ``postgresql://...``.
        host: ``DRIFTWATCH_HOST``, the address that the API and the dashboard listen on.
        port: ``DRIFTWATCH_PORT``, the ingest and read API.
        dashboard_port: ``DRIFTWATCH_DASHBOARD_PORT``.
        public_url: ``DRIFTWATCH_PUBLIC_URL``, the dashboard's address as readers of messages reach it.
        audit_checkpoints: ``DRIFTWATCH_AUDIT_CHECKPOINTS``, where the end of the sealed audit log is told:
            ``file:/path`` or ``receiver:NAME``; nowhere, if empty.
    """

    store_url: str = "sqlite:///driftwatch-data/driftwatch.db"
    host: str = "127.0.0.1"
    port: int = 8300
    dashboard_port: int = 8301
    public_url: str = "http://127.0.0.1:8301"
    audit_checkpoints: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the ``DRIFTWATCH_*`` variables named above.

        Raises:
            SpecError: a port is not a number from 1 to 65535.
        """
        host = environment.get("DRIFTWATCH_HOST", cls.host)
        dashboard_port = _port(environment, "DRIFTWATCH_DASHBOARD_PORT", cls.dashboard_port)
        return cls(
            store_url=environment.get("DRIFTWATCH_STORE", cls.store_url),
            host=host,
            port=_port(environment, "DRIFTWATCH_PORT", cls.port),
            dashboard_port=dashboard_port,
            public_url=environment.get("DRIFTWATCH_PUBLIC_URL", f"http://{host}:{dashboard_port}").rstrip("/"),
            audit_checkpoints=environment.get("DRIFTWATCH_AUDIT_CHECKPOINTS", cls.audit_checkpoints).strip(),
        )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise SpecError(f"{text!r} is not a port; give a number from 1 to 65535", path=name)
    return int(text)

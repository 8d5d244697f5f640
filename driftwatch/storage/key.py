"""API keys. Only a hash of the secret is stored; the prefix finds it and may be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from driftwatch.storage.schema import api_keys

__all__ = ["KeyRow", "find_key", "insert_key", "list_keys", "revoke_key"]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One API key."""

    id: int
    prefix: str
    secret_hash: str
    name: str
    role: str
    scopes: dict[str, Any] | None
    created_at: int
    last_used_at: int | None
    n_used: int
    revoked_at: int | None


_COLUMNS = tuple(api_keys.c[name] for name in KeyRow.__dataclass_fields__)


def insert_key(
    conn: Connection,
    *,
    prefix: str,
    secret_hash: str,
    name: str,
    role: str,
    at: int,
    scopes: Mapping[str, Any] | None = None,
) -> int:
    """Store a key; returns its id. A prefix that is taken is an `IntegrityError`: make another key."""
    values = {
        "prefix": prefix,
        "secret_hash": secret_hash,
        "name": name,
        "role": role,
        "scopes": None if scopes is None else dict(scopes),
        "created_at": at,
    }
    return int(conn.execute(api_keys.insert().values(**values).returning(api_keys.c.id)).scalar_one())


def find_key(conn: Connection, prefix: str) -> KeyRow | None:
    """The key of that prefix unless it is revoked, or None."""
    row = conn.execute(
        select(*_COLUMNS).where(api_keys.c.prefix == prefix, api_keys.c.revoked_at.is_(None))
    ).one_or_none()
    return None if row is None else KeyRow(*row)


def revoke_key(conn: Connection, prefix: str, *, at: int) -> bool:
    """Let a key open nothing any more; False if there is no such key, or it is revoked already."""
    done = conn.execute(
        update(api_keys).where(api_keys.c.prefix == prefix, api_keys.c.revoked_at.is_(None)).values(revoked_at=at)
    )
    return done.rowcount == 1


def list_keys(conn: Connection) -> list[KeyRow]:
    """Every key, revoked ones too, oldest first."""
    return [KeyRow(*row) for row in conn.execute(select(*_COLUMNS).order_by(api_keys.c.id))]

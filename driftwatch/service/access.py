"""Who may do what: API keys, and the open door of a fresh install that only its own machine can reach.

A key holds 256 random bits, so that its plain SHA-256 is as good as a slow hash would be, and a request costs
microseconds. Only the hash is stored.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch.errors import NotFoundError, SpecError
from driftwatch.service.denial import Denials
from driftwatch.service.listener import is_loopback
from driftwatch.service.refusal import Refusal
from driftwatch.storage import audit, key
from driftwatch.storage.store import Store

__all__ = ["SCOPES", "Caller", "Gate", "create_key", "revoke_key"]

SCOPES = ("ingest", "read", "admin")
"""What a key may open: ingest writes batches and outcomes, read reads, admin does both and all else."""

_REMEMBER_SECONDS = 5.0
_MOST_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        name: the key's prefix, or "open" where no key is needed.
        scopes: what it may do.
        key_id: of the key, or None.
    """

    name: str
    scopes: frozenset[str]
    key_id: int | None = None

    @property
    def actor(self) -> str:
        """What the audit log calls it."""
        return f"key:{self.name}" if self.key_id is not None else f"http:{self.name}"

    def may(self, scope: str) -> bool:
        """Whether the scope, or admin, is among those of the key."""
        return scope in self.scopes or "admin" in self.scopes


# No admin: any page that this machine's browser shows can send a request to a door without a key.
_OPEN = Caller("open", frozenset(SCOPES) - {"admin"})


def create_key(store: Store, *, name: str, scopes: Sequence[str], actor: str) -> str:
    """Make a key, on record; returns its text, which nobody can read again.

    Raises:
        SpecError: a scope that does not exist.
    """
    for scope in scopes:
        if scope not in SCOPES:
            raise SpecError(f"there is no scope {scope!r}; known: {', '.join(SCOPES)}", path="scope")
    text = f"dw_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
    with store.begin() as conn:
        now = store.now(conn)
        key.insert_key(
            conn,
            prefix=_prefix(text),
            secret_hash=_hash(text),
            name=name,
            role="service",
            at=now,
            scopes=dict.fromkeys(scopes, True),
        )
        after = {"name": name, "scopes": sorted(scopes)}
        audit.append_event(conn, at=now, actor=actor, verb="created", subject=f"key/{_prefix(text)}", after=after)
    return text


def revoke_key(store: Store, prefix: str, *, actor: str) -> None:
    """Let a key open nothing any more, on record; running services notice within five seconds.

    Raises:
        NotFoundError: there is no such key, or it is revoked already.
    """
    with store.begin() as conn:
        now = store.now(conn)
        if not key.revoke_key(conn, prefix, at=now):
            raise NotFoundError(f"there is no key {prefix!r} that is not revoked; see: driftwatch key list")
        audit.append_event(conn, at=now, actor=actor, verb="revoked", subject=f"key/{prefix}")


class Gate:
    """Decides about requests; what the store says is remembered for five seconds.

    Args:
        store: where the keys are.
        host: the address that the service listens on; without any key, a loopback address is open.
    """

    def __init__(self, store: Store, *, host: str) -> None:
        self._store = store
        self._loopback = is_loopback(host)
        self._known: dict[str, tuple[float, Caller | None]] = {}
        self._any_key: tuple[float, bool] = (-_REMEMBER_SECONDS, False)
        self._lock = threading.Lock()
        self._denials = Denials(store)

    def has_keys(self) -> bool:
        """Whether any key that is not revoked exists."""
        now = time.monotonic()
        read_at, any_key = self._any_key
        if now - read_at >= _REMEMBER_SECONDS:
            with self._store.read() as conn:
                any_key = any(row.revoked_at is None for row in key.list_keys(conn))
            self._any_key = (now, any_key)
        return any_key

    def admit(self, authorization: str | None, scope: str, *, host: str | None, address: str = "") -> Caller:
        """Let a request in, or note in the audit log that it was denied.

        Args:
            authorization: its header, or None.
            scope: what it wants to do.
            host: the name by which it called the service.
            address: where it came from.

        Raises:
            Refusal: 401 without a valid key, 403 with one that may not do this.
        """
        try:
            caller = self._caller(authorization, host)
        except Refusal as refusal:
            self._denials.note("http:unknown", scope, refusal.status, address=address)
            raise
        if not caller.may(scope):
            status = 401 if caller is _OPEN else 403
            self._denials.note(caller.actor, scope, status, address=address)
            if caller is _OPEN:
                raise _unauthorized(f"this needs a key; make one with: driftwatch key create --scope {scope}")
            allowed = ", ".join(sorted(caller.scopes)) or "nothing"
            raise Refusal(403, f"this key may {allowed}; this needs the scope {scope}")
        return caller

    def _caller(self, authorization: str | None, host: str | None) -> Caller:
        if authorization is None:
            if self._loopback and not self.has_keys():
                # A web page that points its own name at this machine must not read what is open to it alone.
                if host is not None and not is_loopback(_without_port(host)):
                    raise Refusal(403, f"without a key the service answers to localhost only, not to {host!r}")
                return _OPEN
            raise _unauthorized("give an API key: Authorization: Bearer dw_...")
        kind, _, text = authorization.strip().partition(" ")
        if kind.lower() != "bearer" or not text.strip().startswith("dw_"):
            raise _unauthorized("the header must be: Authorization: Bearer dw_...")
        caller = self._recall(text.strip())
        if caller is None:
            raise _unauthorized("this key is not known, or it was revoked")
        return caller

    def _recall(self, text: str) -> Caller | None:
        digest, now = _hash(text), time.monotonic()
        remembered = self._known.get(digest)
        if remembered is not None and now - remembered[0] < _REMEMBER_SECONDS:
            return remembered[1]
        with self._store.read() as conn:
            row = key.find_key(conn, _prefix(text))
        known = row is not None and hmac.compare_digest(row.secret_hash, digest)
        caller = Caller(row.prefix, frozenset(row.scopes or {}), row.id) if row is not None and known else None
        with self._lock:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[digest] = (now, caller)
        return caller


def _prefix(text: str) -> str:
    return "_".join(text.split("_")[:2])[:32]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.rpartition(":")[0] if ":" in host else host


def _unauthorized(detail: str) -> Refusal:
    return Refusal(401, detail, headers={"WWW-Authenticate": "Bearer"})

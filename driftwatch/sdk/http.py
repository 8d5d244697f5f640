"""Frames over HTTP: kept-alive connections, zlib, and what each status means for the next try."""

import time
import zlib
from typing import Any

from driftwatch.errors import DeliveryError, SpecError
from driftwatch.sdk.transport import OUTCOMES, Parcel, RefusedError
from driftwatch.wire import CONTENT_TYPE, decode_outcomes, from_bytes

__all__ = ["HttpTransport"]

_RETRYABLE = frozenset({408, 425, 429})
_MAX_REPLY = 1 << 20
_LEVEL = 1


class HttpTransport:
    """POST to `/v1/batches` and `/v1/outcomes` of a service.

    `http.client` is loaded by the first send, on the sender's thread.

    Args:
        url: `http(s)://host[:port][/prefix]`.
        api_key: sent as `Authorization: Bearer`.
        timeout_seconds: of connecting and of each read.

    Raises:
        SpecError: the address has no host or no port number, or the key holds what a header cannot.
    """

    def __init__(self, url: str, *, api_key: str | None, timeout_seconds: float) -> None:
        self._secure = url.startswith("https:")
        self._host, self._port, self._prefix = _split(url)
        self._timeout_seconds = timeout_seconds
        self._connection: Any = None
        self._headers = {"User-Agent": f"driftwatch-python/{_version()}", "Content-Encoding": "zlib"}
        if api_key:
            if not (api_key.isascii() and api_key.isprintable()):
                raise SpecError("the key has characters that a header cannot carry", path="api_key")
            self._headers["Authorization"] = f"Bearer {api_key}"

    def send(self, parcel: Parcel) -> int:
        """Post one parcel, on the kept connection if it still stands."""
        path, content_type, body = self._request(parcel)
        headers = {
            **self._headers,
            "Content-Type": content_type,
            "Idempotency-Key": parcel.batch_id,
            "Driftwatch-Sent-At": _iso(time.time_ns() // 1000),
        }
        status, retry_after, reply = self._post(path, zlib.compress(body, _LEVEL), headers)
        if status in (200, 202):
            return _quarantined(reply)
        raise RefusedError(
            _explain(status, reply),
            reason="conflict" if status == 409 else f"refused_{status}",
            retryable=status in _RETRYABLE or status >= 500,
            retry_after_seconds=retry_after,
        )

    def close(self) -> None:
        """Close the connection; the next send opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _request(self, parcel: Parcel) -> tuple[str, str, bytes]:
        if parcel.kind == OUTCOMES:
            return f"{self._prefix}/v1/outcomes", "application/json", _outcomes_json(parcel.body)
        return f"{self._prefix}/v1/batches", CONTENT_TYPE, parcel.body

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, float | None, bytes]:
        kept = self._connection is not None
        try:
            return self._exchange(path, body, headers)
        except OSError as error:
            if not kept:
                raise self._unreachable(error) from error
        # A server may close an idle connection at any time; the batch id makes the second try harmless.
        try:
            return self._exchange(path, body, headers)
        except OSError as error:
            raise self._unreachable(error) from error

    def _exchange(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, float | None, bytes]:
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

        if self._connection is None:
            kind = HTTPSConnection if self._secure else HTTPConnection
            self._connection = kind(self._host, self._port, timeout=self._timeout_seconds)
        try:
            self._connection.request("POST", path, body, headers)
            response = self._connection.getresponse()
            reply = response.read(_MAX_REPLY)
        except HTTPException as error:
            self.close()
            raise ConnectionError(f"{type(error).__name__}: {error}") from error
        except OSError:
            self.close()
            raise
        if response.will_close or len(reply) == _MAX_REPLY:
            self.close()
        return response.status, _seconds(response.getheader("Retry-After")), reply

    def _unreachable(self, error: OSError) -> DeliveryError:
        return DeliveryError(f"no answer from {self._host}:{self._port}: {error}", retryable=True)


def _split(url: str) -> tuple[str, int | None, str]:
    scheme, _, rest = url.partition("://")
    place, slash, prefix = rest.partition("/")
    host, _, port = place.rpartition(":") if ":" in place.rpartition("]")[2] else (place, "", "")
    host = host.strip("[]")
    if not host or "@" in host or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise SpecError(f"{url!r} is no address; use {scheme}://host:port", path="url")
    return host, int(port) if port else None, (slash + prefix).rstrip("/")


def _outcomes_json(body: bytes) -> bytes:
    import json

    frame = decode_outcomes(body)
    rows = [
        {"id": id_, "request_id": request_id, "value": value, "at": _iso(at)}
        for id_, request_id, value, at in zip(
            frame.ids, frame.request_ids, frame.values, from_bytes("q", frame.at), strict=True
        )
    ]
    payload = {
        "batch_id": frame.batch_id,
        "model": frame.model,
        "environment": frame.environment,
        "outcomes": [{name: item for name, item in row.items() if item is not None or name == "value"} for row in rows],
    }
    return json.dumps(payload, separators=(",", ":")).encode()


def _iso(at: int) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat()


def _seconds(header: str | None) -> float | None:
    """`Retry-After`: seconds, or a date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _quarantined(reply: bytes) -> int:
    import json

    try:
        faults = json.loads(reply).get("quarantined") or []
    except (ValueError, AttributeError):
        return 0
    return len(faults) if isinstance(faults, list) else 0


def _explain(status: int, reply: bytes) -> str:
    hint = {
        401: "give api_key or DRIFTWATCH_API_KEY",
        403: "the key may not write to this model",
        404: "the address is not a driftwatch service",
        409: "the batch id is taken by other content",
    }.get(status)
    said = reply[:300].decode("utf-8", "replace").strip()
    return f"the service answered {status}{f' ({hint})' if hint else ''}{f': {said}' if said else ''}"


def _version() -> str:
    from driftwatch import __version__

    return __version__

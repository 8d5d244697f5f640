"""One POST to one address: bounded in time and in what is read, no redirect followed, no address logged."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.request import getproxies, proxy_bypass

import httpx

from driftwatch.domain.instant import SECOND, from_datetime
from driftwatch.errors import DeliveryError
from driftwatch.notifiers.secret import is_loopback

__all__ = ["post_json"]

_OK = range(200, 300)
_AGAIN = frozenset({408, 425, 429, *range(500, 600)})
_LONGEST_WAIT = 86_400.0


def post_json(
    url: str,
    body: bytes,
    *,
    receiver: str,
    timeout_seconds: float = 10.0,
    headers: Mapping[str, str] | None = None,
    read_at_most: int = 2_048,
) -> str:
    """POST `body` as JSON.

    The transport is used without a client around it: a client logs the whole address at INFO, and the address of a
    webhook is its password.

    Args:
        url: where to.
        body: JSON.
        receiver: what to call the other side in messages, in place of its address.
        timeout_seconds: for each of connect, write and read, and for the answer as a whole.
        headers: more of them.
        read_at_most: bytes of the answer.

    Returns:
        The start of the answer.

    Raises:
        DeliveryError: anything but a 2xx answer in time.
    """
    started = time.monotonic()
    sent = {"Content-Type": "application/json", "User-Agent": "driftwatch", **(headers or {})}
    request = httpx.Request("POST", url, content=body, headers=sent)
    request.extensions["timeout"] = httpx.Timeout(timeout_seconds).as_dict()
    try:
        with httpx.HTTPTransport(proxy=_proxy(request.url)) as transport:
            response = transport.handle_request(request)
            try:
                text = _start_of(response, read_at_most, deadline=started + timeout_seconds)
            finally:
                response.close()
    except httpx.TimeoutException:
        raise DeliveryError(f"{receiver} did not answer within {timeout_seconds:g} s.", retryable=True) from None
    except (httpx.HTTPError, OSError) as error:
        raise DeliveryError(f"{receiver} cannot be reached: {error}.", retryable=True) from None
    if response.status_code in _OK:
        return text
    raise _refusal(receiver, response, text)


def _proxy(url: httpx.URL) -> str | None:
    if is_loopback(url.host) or proxy_bypass(url.host):
        return None
    return getproxies().get(url.scheme)


def _start_of(response: httpx.Response, read_at_most: int, *, deadline: float) -> str:
    """The first bytes of the answer; one that drips for longer than the deadline is cut."""
    kept = bytearray()
    try:
        for chunk in response.iter_raw():
            kept += chunk
            if len(kept) >= read_at_most or time.monotonic() > deadline:
                break
    except httpx.HTTPError:
        if response.status_code not in _OK:
            raise
        # The status line is the answer: the message was taken.
    return bytes(kept[:read_at_most]).decode("utf-8", "replace").strip()


def _refusal(receiver: str, response: httpx.Response, text: str) -> DeliveryError:
    status = response.status_code
    said = f": {' '.join(text.split())[:200]}" if text else ""
    if 300 <= status < 400:
        return DeliveryError(
            f"{receiver} answered {status}, a redirect. Redirects are not followed; configure the final address.",
            retryable=False,
        )
    return DeliveryError(
        f"{receiver} answered {status}{said}.",
        retryable=status in _AGAIN,
        retry_after_seconds=_retry_after(response.headers.get("Retry-After")),
    )


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return min(max(0.0, from_datetime(moment) / SECOND - time.time()), _LONGEST_WAIT)

"""One message to one target of apprise: a task on standard input, an answer on standard output; see ``apprise.py``."""

import ipaddress
import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from driftwatch._optional import require
from driftwatch.notifiers.endpoint import is_link_local

__all__ = ["deliver"]

_LEAST_SECRET = 4


def deliver(task: Mapping[str, Any]) -> dict[str, Any]:
    """Send it.

    Args:
        task: url, title, body, kind (success, info, warning, failure) and timeout_seconds.

    Returns:
        ``taken``, and in ``words`` who took it or why not, without any part of the address.
    """
    apprise: Any = require("apprise", extra="apprise", purpose="A receiver of type apprise")
    asset = apprise.AppriseAsset(async_mode=False, http_redirects=False)
    service = apprise.Apprise.instantiate(task["url"], asset=asset)
    if service is None:
        return _not_taken(
            "it does not hold an address that apprise can read, like tgram://token/chat or ntfys://topic."
        )
    if _leads_astray(service.host or ""):
        return _not_taken("the address is link-local, where machines keep credentials.")
    service.redirects = False
    service.overflow_mode = apprise.OverflowMode.TRUNCATE
    service.socket_connect_timeout = service.socket_read_timeout = task["timeout_seconds"]
    sender = apprise.Apprise(asset=asset)
    sender.add(service)
    with apprise.LogCapture(fmt="%(message)s") as log:
        taken = bool(sender.notify(title=task["title"], body=task["body"], notify_type=task["kind"]))
        said = log.getvalue()
    if not taken:
        return _not_taken(_without(task["url"], " ".join(said.split()))[:300] or "the target did not take it.")
    return {"taken": True, "words": str(service.service_name)}


def _not_taken(words: str) -> dict[str, Any]:
    return {"taken": False, "words": words}


def _leads_astray(host: str) -> bool:
    """Whether it is a link-local address; what is no address may be a token, which no name server shall see."""
    literal = host.strip("[]")
    try:
        ipaddress.ip_address(literal)
    except ValueError:
        return False
    return is_link_local(literal)


def _without(url: str, words: str) -> str:
    """The words with every part of the address taken out that may be a secret."""
    parts = sorted(re.split(r"[:/?&=@#,;]+", url), key=len, reverse=True)
    for part in parts:
        if len(part) >= _LEAST_SECRET:
            words = words.replace(part, "…")
    return words


if __name__ == "__main__":
    sys.stdout.write(json.dumps(deliver(json.load(sys.stdin))))

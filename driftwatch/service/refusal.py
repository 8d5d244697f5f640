"""A request that is not taken: the status, the words, and the headers that go with them."""

from collections.abc import Mapping
from typing import Any

from driftwatch.errors import BusyError, DataError, DriftwatchError, SpecError, StoreError, http_status

__all__ = ["Refusal", "answer_of"]

_RETRY_SECONDS = 2


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """Raised inside a request to answer it with another status than success.

    Attributes:
        status: HTTP status.
        body: ``{"detail": ..., "path": ...}``.
        headers: of the response.
    """

    def __init__(
        self, status: int, detail: str, *, path: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.body: dict[str, Any] = {"detail": detail, "path": path}
        self.headers = dict(headers or {})


def answer_of(error: DriftwatchError) -> Refusal:
    """How one of our own errors is answered."""
    status = http_status(error)
    headers: dict[str, str] = {}
    if isinstance(error, BusyError):
        headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
    elif isinstance(error, StoreError):
        headers["Retry-After"] = str(_RETRY_SECONDS)
    return Refusal(status, str(error), path=_path(error), headers=headers)


def _path(error: DriftwatchError) -> str | None:
    """Where in what was sent the fault is."""
    if isinstance(error, SpecError):
        return error.path or None
    if isinstance(error, DataError):
        path, colon, _ = str(error).partition(": ")
        return path if colon and " " not in path else error.column
    return None

"""Bodies come in within bounds: one body's size, the bytes of all that are under way, and each caller's share."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from driftwatch.service.refusal import Refusal

__all__ = ["Intake", "Limits"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the service takes at once.

    Attributes:
        body_bytes: of one body, as sent.
        plain_bytes: of one body, decompressed.
        in_flight_bytes: of all bodies that are being read or stored; beyond it 503.
        requests_a_caller: under way for one key, or one address without keys; beyond it 429.
        workers: batches that are decoded and stored at the same time.
        rows: in one batch.
    """

    body_bytes: int = 16 * _MIB
    plain_bytes: int = 64 * _MIB
    in_flight_bytes: int = 64 * _MIB
    requests_a_caller: int = 64
    workers: int = 4
    rows: int = 100_000


class Intake:
    """The account of what is under way. Lives on the event loop: no locks, no awaits between look and change."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.in_flight = 0
        self._callers: Counter[str] = Counter()

    @contextmanager
    def turn(self, caller: str) -> Iterator[None]:
        """One request of a caller.

        Raises:
            Refusal: 429, it has too many under way.
        """
        if self._callers[caller] >= self.limits.requests_a_caller:
            raise Refusal(
                429,
                f"{self.limits.requests_a_caller} requests of this caller are under way; send fewer, larger batches",
                headers={"Retry-After": "1"},
            )
        self._callers[caller] += 1
        try:
            yield
        finally:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]

    async def read(self, stream: AsyncIterator[bytes], declared: str | None) -> bytes:
        """The whole body. Its bytes stay in the account until :meth:`release`.

        Args:
            stream: pieces of the body.
            declared: the header ``Content-Length``, or None.

        Raises:
            Refusal: 413 too large, 503 too much under way.
        """
        length = int(declared) if declared is not None and declared.isdecimal() else 0
        self._admit(length, 0)
        pieces: list[bytes] = []
        held = 0
        try:
            async for piece in stream:
                self._admit(held + len(piece), held)
                held += len(piece)
                self.in_flight += len(piece)
                pieces.append(piece)
        except BaseException:
            self.in_flight -= held
            raise
        return b"".join(pieces)

    def release(self, body: bytes) -> None:
        """Take a body that was read out of the account."""
        self.in_flight -= len(body)

    def _admit(self, size: int, held: int) -> None:
        if size > self.limits.body_bytes:
            raise Refusal(413, f"the body has more than {self.limits.body_bytes:,} bytes; send fewer rows in a batch")
        if self.in_flight - held + size > self.limits.in_flight_bytes:
            raise Refusal(503, "too much is under way; send again in a moment", headers={"Retry-After": "2"})

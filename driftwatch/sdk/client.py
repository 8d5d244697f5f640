"""The surface of the SDK: one `Client` a model version."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from time import time_ns
from typing import Any, Self

from driftwatch.errors import SpecError
from driftwatch.sdk.redaction import Redaction, Rule
from driftwatch.sdk.sender import Nowhere, Sender
from driftwatch.sdk.stats import Counter, Stats, notice
from driftwatch.sdk.transport import Transport, open_transport
from driftwatch.sdk.watch import Watch
from driftwatch.wire import MAX_TEXT_BYTES, clean_text, new_id

__all__ = ["EMBEDDING_FEATURE", "Client"]

_MAX_BYTES = 32 << 20
_SHORT_ID = 36
_INFINITY = float("inf")
EMBEDDING_FEATURE = "embedding"


class Client:
    """Logs the predictions and outcomes of one model version. Make one at start-up and share it between threads.

    Only this constructor raises. The calls never raise, never wait for the network and never keep more than
    `max_queue_bytes`: what cannot be kept is dropped and counted (`stats`).

    Args:
        url: where frames go: `http(s)://host:port` (the service), `sqlite:///path` or `postgresql://...` (its
            inbox table), `memory:` (tests). Without it the environment variable DRIFTWATCH_URL; without either
            every row is dropped and counted.
        model: name of the model.
        version: version of the model; numbers become text.
        environment: with `model` the identity of the model.
        deployment: which deployment of the model this process is.
        api_key: key of the service; else the environment variable DRIFTWATCH_API_KEY.
        redact: rule by name of column, a feature, a tag, or `prediction`, `error`, `request_id`, `entity`:
            `"drop"`, `"hash"`, `"truncate:N"`, or a function of one value.
        allow: the only features and tags that may leave the process; default all.
        hash_key: secret under which `"hash"` and `entity` are hashed (HMAC-SHA-256); else the environment variable
            DRIFTWATCH_HASH_KEY. Without it an `entity` leaves as it is.
        sample_rate: share of the rows whose features are kept, chosen by a hash of the id. Everything else of a
            row is always logged.
        synchronous: no thread: each call sends before it returns, at most `timeout_seconds`; for serverless.
        linger_seconds: how long a row waits for others; five times that below one row a second. A process that is
            killed loses at most these rows.
        timeout_seconds: of connecting, and of each answer.
        shutdown_seconds: how long the end of the process may be held up by rows that wait.
        max_queue_bytes: bound of the queue.
        transport: a `Transport` of your own instead of `url`.

    Raises:
        SpecError: an argument is wrong.
        MissingPartError: the address needs a package that is absent.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        model: str,
        version: str,
        environment: str = "production",
        deployment: str = "default",
        api_key: str | None = None,
        redact: Mapping[str, Rule] | None = None,
        allow: Collection[str] | None = None,
        hash_key: str | bytes | None = None,
        sample_rate: float = 1.0,
        synchronous: bool = False,
        linger_seconds: float = 2.0,
        timeout_seconds: float = 10.0,
        shutdown_seconds: float = 5.0,
        max_queue_bytes: int = _MAX_BYTES,
        transport: Transport | None = None,
    ) -> None:
        from driftwatch.sdk.assembly import Assembly
        from driftwatch.sdk.value import Plain, id_text, instant_of, packb

        self._counter = Counter()
        self._deployment = _name("deployment", deployment)
        self._sample_rate = _between("sample_rate", sample_rate, 0.0, 1.0)
        self._samples = sample_rate < 1.0
        self._sample_limit = round(self._sample_rate * 2**32)
        key = _key(hash_key or os.environ.get("DRIFTWATCH_HASH_KEY"))
        assembly = Assembly(
            header={
                "model": _name("model", model),
                "version": _name("version", version),
                "environment": _name("environment", environment),
                "sdk": f"python/{_version()}",
            },
            redaction=Redaction(redact, allow=allow, key=key, count=self._counter.alter),
            key=key,
            sample_rate=self._sample_rate,
            counter=self._counter,
        )
        self._assembly = assembly
        self._plain = Plain(self._counter.alter)
        self._pack = packb
        self._default = self._plain.default
        self._id_text = id_text
        self._instant_of = instant_of
        make = _factory(url, transport, api_key, _between("timeout_seconds", timeout_seconds, 0.0, 3600.0))
        self._sender: Sender | Nowhere
        if make is None:
            self._sender = Nowhere(self._counter)
            return
        self._sender = Sender(
            make_transport=make,
            assemble=assembly.parcels,
            counter=self._counter,
            max_bytes=int(_between("max_queue_bytes", max_queue_bytes, 1 << 16, 1 << 40)),
            linger_seconds=_between("linger_seconds", linger_seconds, 0.0, 3600.0),
            shutdown_seconds=_between("shutdown_seconds", shutdown_seconds, -1.0, 3600.0),
            synchronous=bool(synchronous),
        )

    def log_prediction(
        self,
        features: Any,
        *,
        prediction: Any,
        score: Any = None,
        id: Any = None,  # noqa: A002 - the name of the column
        at: Any = None,
        latency_seconds: Any = None,
        error: Any = None,
        tags: Any = None,
        request_id: Any = None,
        entity: Any = None,
        deployment: str | None = None,
        embedding: Any = None,
    ) -> str | None:
        """Log one prediction.

        Args:
            features: model inputs by name: numbers, booleans, texts, null; numpy and pandas values too.
            prediction: what the model answered; None when it failed.
            score: its probability or value.
            id: text of 1 to 128 bytes, a UUID or an integer; default a new UUIDv7.
            at: datetime (naive: UTC), ISO 8601 text or POSIX seconds; default now.
            latency_seconds: how long the model took.
            error: the exception or its text, when the model failed.
            tags: columns that are not model inputs (region, protected group): segments, never drift features.
            request_id: names the request; several models that answered it share its outcome.
            entity: the person or thing that the row is about: the key of erasure.
            deployment: where not the client's own.
            embedding: a vector of numbers, logged as the feature `embedding` and judged whole, like any feature that
                is a list of numbers.

        Returns:
            the id, or None if the row was dropped (and counted).
        """
        try:
            if id is None:
                id = new_id()  # noqa: A001 - as above
            elif type(id) is not str or not 0 < len(id) <= _SHORT_ID or not (id.isascii() and id.isprintable()):
                id = self._id(id)  # noqa: A001 - as above
            at = time_ns() // 1000 if at is None else self._at(at)
            if embedding is not None:
                features = {**features, EMBEDDING_FEATURE: embedding}
            if self._samples and self._leaves_out(id):
                features = None
            row = (
                id, at, deployment or self._deployment, features, prediction, score, latency_seconds,
                error, tags, request_id, entity,
            )  # fmt: skip
            try:
                data = self._pack(row, self._default, self._plain.option)
            except Exception:  # noqa: BLE001 - what ormsgpack refuses is made plain value by value
                data = self._pack(self._plain.clean(row))
            size = len(data)
            sender = self._sender
            if sender.queued + size > sender.threshold:
                return id if sender.offer(data, size) else None
            sender.append(data)
            sender.queued += size
        except Exception as fault:  # noqa: BLE001 - the host must never suffer
            self._lose(fault)
            return None
        return id  # type: ignore[no-any-return]  # text by now

    def log_outcome(self, id: Any, value: Any, *, at: Any = None, request_id: Any = None) -> bool:  # noqa: A002
        """Log what came true for an earlier prediction; again for a correction.

        Args:
            id: the prediction's id; None if `request_id` names it.
            value: the true class or number. A missing value (None, NaN, infinity) is no outcome, and is dropped.
            at: when it became known, as in `log_prediction`; default now.
            request_id: reaches every version that answered the request.

        Returns:
            whether it was queued; else it was dropped and counted.
        """
        try:
            if id is None and request_id is None:
                raise _Loss("bad_id")  # noqa: TRY301 - one place counts
            plain = self._plain.clean(value)
            if plain is None or (isinstance(plain, float) and not -_INFINITY < plain < _INFINITY):
                raise _Loss("no_value")  # noqa: TRY301 - as above
            key = None if id is None else self._id(id)
            request = None if request_id is None else self._id(request_id)
            data = self._pack((key, request, plain, time_ns() // 1000 if at is None else self._at(at)))
            return self._sender.offer(data, len(data))
        except Exception as fault:  # noqa: BLE001 - the host must never suffer
            self._lose(fault)
            return False

    def log_outcomes(self, outcomes: Mapping[Any, Any] | Iterable[tuple[Any, Any]], *, at: Any = None) -> int:
        """Log many outcomes.

        Args:
            outcomes: value by id, or pairs of id and value.
            at: when they became known; default now.

        Returns:
            how many were queued.
        """
        try:
            pairs = outcomes.items() if isinstance(outcomes, Mapping) else outcomes
            return sum(self.log_outcome(id_, value, at=at) for id_, value in pairs)
        except Exception as fault:  # noqa: BLE001 - the host must never suffer
            self._lose(fault)
            return 0

    def log_batch(self, data: Any, roles: Mapping[str, Any] | None = None) -> list[str | None]:
        """Log a table of predictions, column by column.

        Args:
            data: a mapping of column to sequence, or a data frame or table of pandas, polars or pyarrow.
            roles: column by role: `id`, `timestamp`, `prediction`, `score`, `latency_seconds`, `error`,
                `request_id`, `entity`; and `features` and `tags`, each a list of columns. Left out: the roles that
                have a column of their own name; features are all other columns.

        Returns:
            one id a row, None for a row that was dropped (and counted).
        """
        from driftwatch.sdk.batch import read_batch

        ids: list[str | None] = []
        try:
            batch = read_batch(data, roles or {}, self._plain)
            ids = [None] * batch.n
            for part in batch.parts(self._counter.drop, self._leaves_out if self._samples else None):
                parcel = self._assembly.parcel_of_columns(deployment=self._deployment, **part.columns)
                if self._sender.offer(parcel, len(parcel.body)):
                    for position, id_ in zip(part.positions, part.columns["ids"], strict=True):
                        ids[position] = id_
        except Exception as fault:  # noqa: BLE001 - the host must never suffer
            self._lose(fault)
        return ids

    def watch(
        self,
        features: Any = None,
        *,
        result: Callable[[Any], Any] | None = None,
        score: Callable[[Any], Any] | None = None,
        tags: Any = None,
        deployment: str | None = None,
    ) -> Watch:
        """Time a call and log it with its exception, if any: a decorator, or a context manager.

        Args:
            features: the features; for a decorator, a function of the call's arguments that returns them
                (default: the first argument).
            result: decorator: function of the returned value that gives the prediction (default: the value).
            score: decorator: function of the returned value that gives the score.
            tags: as in `log_prediction`.
            deployment: as in `log_prediction`.
        """
        return Watch(self, features=features, result=result, score=score, tags=tags, deployment=deployment)

    def flush(self, timeout: float = 5.0) -> bool:
        """Send what waits. Returns whether everything logged before was sent, or dropped, in `timeout` seconds."""
        return self._sender.flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Flush and end; later rows are dropped and counted. Returns what `flush` does."""
        return self._sender.close(timeout)

    @property
    def stats(self) -> Stats:
        """What was sent, what waits, what was dropped and why."""
        sender = self._sender
        return self._counter.snapshot(queued_rows=sender.waiting(), queued_bytes=max(0, sender.queued))

    @property
    def transport(self) -> Any:
        """Where frames go; with `memory:` it has `frames` and `outcomes`."""
        return self._sender.transport

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _id(self, value: Any) -> str:
        text = self._id_text(value)
        if text is None:
            raise _Loss("bad_id")
        return text

    def _at(self, value: Any) -> int:
        at = self._instant_of(value)
        if at is None:
            raise _Loss("bad_time")
        return at

    def _lose(self, fault: Exception) -> None:
        """Count a row that cannot be logged, and say why once a minute."""
        reason = fault.reason if isinstance(fault, _Loss) else "bad_row"
        self._counter.drop(reason)
        notice(reason, f"driftwatch drops rows: {_WHY.get(reason) or repr(fault)}")

    def _leaves_out(self, id_: str) -> bool:
        """Whether the features of this row are not part of the sample; the same answer for an id everywhere."""
        from zlib import crc32

        return crc32(id_.encode()) >= self._sample_limit


class _Loss(Exception):  # noqa: N818 - never leaves this module
    """A row that cannot be logged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_WHY = {
    "bad_id": "an id must be a text of 1 to 128 bytes, a UUID or an integer",
    "bad_time": "a time must be a datetime, ISO 8601 text or POSIX seconds",
    "no_value": "an outcome without a value is no outcome",
}


def _factory(
    url: str | None, transport: Transport | None, api_key: str | None, timeout_seconds: float
) -> Callable[[], Transport] | None:
    """What makes the transport, now and in a forked child; None without an address."""
    if transport is not None:
        if not callable(getattr(transport, "send", None)):
            raise SpecError(f"{transport!r} has no method send", path="transport")
        return lambda: transport
    address = os.environ.get("DRIFTWATCH_URL") if url is None else url
    if not address:
        return None
    if not isinstance(address, str):
        raise SpecError(f"{address!r} is not a text", path="url")
    key = api_key or os.environ.get("DRIFTWATCH_API_KEY")
    return lambda: open_transport(address, api_key=key, timeout_seconds=timeout_seconds)


def _name(argument: str, value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text or clean_text(text) != text:
        raise SpecError(f"{value!r} is no name; give a text of 1 to {MAX_TEXT_BYTES} bytes", path=argument)
    return text


def _between(argument: str, value: Any, low: float, high: float) -> float:
    """A number in (low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
        raise SpecError(f"{value!r} is not a number above {low:g} and at most {high:g}", path=argument)
    return value


def _key(value: str | bytes | None) -> bytes | None:
    if value is not None and not isinstance(value, str | bytes):
        raise SpecError(f"a secret must be text or bytes, not {type(value).__name__}", path="hash_key")
    return value.encode() if isinstance(value, str) else value or None


def _version() -> str:
    from driftwatch import __version__

    return __version__

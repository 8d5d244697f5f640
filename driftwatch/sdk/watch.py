"""`client.watch()`: times a call and logs it, as a decorator or as a context manager. The call itself is untouched."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol, TypeVar, cast

from driftwatch.wire import new_id

__all__ = ["Call", "Watch"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_COROUTINE = 0x80  # inspect.CO_COROUTINE, without the import


class _Client(Protocol):
    @property
    def log_prediction(self) -> Callable[..., str | None]: ...


class Call:
    """What is known of the watched call: set its attributes inside the `with` block.

    Attributes:
        id: the id that the row will have.
        features: model inputs by name.
        prediction: what the model answered.
        score: its probability or value.
        tags: columns that are not model inputs.
        request_id: names the request.
        entity: the key of erasure.
        error: an error that was caught inside.
    """

    __slots__ = ("entity", "error", "features", "id", "prediction", "request_id", "score", "tags")

    def __init__(self, features: Any, tags: Any) -> None:
        self.id = new_id()
        self.features = features
        self.prediction: Any = None
        self.score: Any = None
        self.tags = tags
        self.request_id: Any = None
        self.entity: Any = None
        self.error: Any = None


class Watch:
    """Made by `Client.watch`; its arguments are described there."""

    def __init__(
        self,
        client: _Client,
        *,
        features: Any,
        result: Callable[[Any], Any] | None,
        score: Callable[[Any], Any] | None,
        tags: Any,
        deployment: str | None,
    ) -> None:
        self._client = client
        self._features = features
        self._result = result
        self._score = score
        self._tags = tags
        self._deployment = deployment
        self._open: list[tuple[Call, float]] = []

    def __enter__(self) -> Call:
        call = Call(None if callable(self._features) else self._features, self._tags)
        self._open.append((call, perf_counter()))
        return call

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        call, start = self._open.pop()
        self._log(call, start, error)

    def __call__(self, function: _Function) -> _Function:
        """Watch every call of a function or coroutine function."""
        from functools import wraps

        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & _COROUTINE:

            @wraps(function)
            async def watched_coroutine(*args: Any, **keywords: Any) -> Any:
                call, start = self._begin(args, keywords), perf_counter()
                try:
                    answer = await function(*args, **keywords)
                except BaseException as error:
                    self._log(call, start, error)
                    raise
                return self._end(call, start, answer)

            return cast("_Function", watched_coroutine)

        @wraps(function)
        def watched(*args: Any, **keywords: Any) -> Any:
            call, start = self._begin(args, keywords), perf_counter()
            try:
                answer = function(*args, **keywords)
            except BaseException as error:
                self._log(call, start, error)
                raise
            return self._end(call, start, answer)

        return cast("_Function", watched)

    def _begin(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Call:
        """Read the features before the call, which may change them."""
        try:
            if callable(self._features):
                return Call(self._features(*args, **keywords), self._tags)
            if self._features is not None:
                return Call(self._features, self._tags)
            return Call(dict(args[0] if args else next(iter(keywords.values()))), self._tags)
        except Exception:  # noqa: BLE001 - the watched call goes on whatever the features are
            return Call(None, self._tags)

    def _end(self, call: Call, start: float, answer: Any) -> Any:
        seconds = perf_counter() - start
        try:
            call.prediction = answer if self._result is None else self._result(answer)
            call.score = None if self._score is None else self._score(answer)
        except Exception as error:  # noqa: BLE001 - the answer reaches the caller whatever we make of it
            call.error = error
        self._log(call, perf_counter() - seconds, None)
        return answer

    def _log(self, call: Call, start: float, error: BaseException | None) -> None:
        self._client.log_prediction(
            call.features,
            prediction=call.prediction,
            score=call.score,
            id=call.id,
            latency_seconds=perf_counter() - start,
            error=call.error if error is None else error,
            tags=call.tags,
            request_id=call.request_id,
            entity=call.entity,
            deployment=self._deployment,
        )

"""Every error that driftwatch raises on purpose.

::

    DriftwatchError
    ├── UserError                 the caller can mend it; exit code 2
    │   ├── SpecError             a wrong key or value in model.yaml and its like
    │   ├── DataError             a file, frame, column or row that cannot be used
    │   ├── UnknownNameError      a name that is not registered; carries the nearest ones
    │   └── NotFoundError         no such model, version, incident ...
    ├── MissingPartError          an optional package is absent; the message is the command that adds it
    ├── FrameError                bytes that are not a frame
    │   ├── FrameVersionError     a frame of a release that this one does not know
    │   ├── BodyTooLargeError     more bytes than are taken at once
    │   └── UnsupportedEncodingError  a Content-Encoding that is not known
    ├── ConflictError             the same id with other content
    ├── StoreError                the database refuses
    │   └── SchemaVersionError    the store has another schema than this release
    ├── DeliveryError             a receiver did not take a message; says whether to try again
    └── BusyError                 too much at once; says when to come back

A message says what is wrong, with which value, and what to do next; the facts are attributes.
"""

__all__ = [
    "BodyTooLargeError",
    "BusyError",
    "ConflictError",
    "DataError",
    "DeliveryError",
    "DriftwatchError",
    "FrameError",
    "FrameVersionError",
    "MissingPartError",
    "NotFoundError",
    "SchemaVersionError",
    "SpecError",
    "StoreError",
    "UnknownNameError",
    "UnsupportedEncodingError",
    "UserError",
    "exit_code",
    "http_status",
]


class DriftwatchError(Exception):
    """Root of the tree above."""


class UserError(DriftwatchError):
    """The caller can mend this by changing what was asked."""


class SpecError(UserError):
    """A specification holds a wrong key or value.

    Attributes:
        path: where, in dotted form (``"columns.timestamp"``).
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class DataError(UserError):
    """Data that cannot be used as asked.

    Attributes:
        column: the column at fault, or None.
    """

    def __init__(self, message: str, *, column: str | None = None) -> None:
        super().__init__(message)
        self.column = column


class UnknownNameError(UserError):
    """A name that nothing is registered under.

    Attributes:
        name: what was asked for.
        known: every name that exists.
    """

    def __init__(self, message: str, *, name: str, known: tuple[str, ...]) -> None:
        super().__init__(message)
        self.name = name
        self.known = known


class NotFoundError(UserError):
    """No such model, version, window, incident, receiver ..."""


class MissingPartError(DriftwatchError):
    """An optional package is not installed.

    Attributes:
        extra: the extra of ``driftwatch-monitor`` that brings it.
    """

    def __init__(self, message: str, *, extra: str) -> None:
        super().__init__(message)
        self.extra = extra


class FrameError(DriftwatchError):
    """Bytes that are not a frame of this format, or a frame that contradicts itself."""


class FrameVersionError(FrameError):
    """A frame of another version of the format: to be kept until a release knows it, never dropped.

    Attributes:
        version: the version that the frame claims.
    """

    def __init__(self, message: str, *, version: object) -> None:
        super().__init__(message)
        self.version = version


class BodyTooLargeError(FrameError):
    """More bytes than are taken at once.

    Attributes:
        limit: the most bytes that are taken.
    """

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


class UnsupportedEncodingError(FrameError):
    """A `Content-Encoding` that is not known."""


class ConflictError(DriftwatchError):
    """An id that is already taken by other content."""


class StoreError(DriftwatchError):
    """The database refuses, or cannot be reached."""


class SchemaVersionError(StoreError):
    """The store has another schema than this release needs.

    Attributes:
        found: the revision in the store, or None for an empty one.
        needed: the revision that this release needs.
    """

    def __init__(self, message: str, *, found: str | None, needed: str) -> None:
        super().__init__(message)
        self.found = found
        self.needed = needed


class DeliveryError(DriftwatchError):
    """A receiver did not take a message.

    Attributes:
        retryable: whether the same message may be taken later.
        retry_after_seconds: the receiver's own word on when, or None.
    """

    def __init__(self, message: str, *, retryable: bool, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds


class BusyError(DriftwatchError):
    """Too much at once.

    Attributes:
        retry_after_seconds: when to try again.
    """

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


_HTTP_STATUS: tuple[tuple[type[DriftwatchError], int], ...] = (
    (NotFoundError, 404),
    (UserError, 422),
    (BodyTooLargeError, 413),
    (UnsupportedEncodingError, 415),
    (FrameError, 400),
    (ConflictError, 409),
    (BusyError, 429),
    (StoreError, 503),
)


def http_status(error: DriftwatchError) -> int:
    """The HTTP status that an error is answered with."""
    return next((status for kind, status in _HTTP_STATUS if isinstance(error, kind)), 500)


def exit_code(error: DriftwatchError) -> int:
    """The exit code of a command that ends with this error: 2 if the caller can mend it, else 1."""
    return 2 if isinstance(error, UserError | MissingPartError) else 1

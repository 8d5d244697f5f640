"""The HTTP service: what SDKs and curl send, what programs read, and what tells an operator that it lives."""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import anyio
import orjson
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from driftwatch import __version__
from driftwatch.config import Settings
from driftwatch.domain.instant import to_iso
from driftwatch.errors import DriftwatchError
from driftwatch.service import api_document, metering, model_view
from driftwatch.service.access import Caller, Gate
from driftwatch.service.api_declared import add_declared
from driftwatch.service.ingest import IngestReply
from driftwatch.service.intake import Intake, Limits
from driftwatch.service.performance_report import report_performance
from driftwatch.service.refusal import Refusal, answer_of
from driftwatch.service.request_body import Body, take_batch, take_outcomes
from driftwatch.storage.store import Store

__all__ = ["Api", "create_app"]

_LOG = logging.getLogger("driftwatch.api")
_INGEST_STATUSES = (200, 202, 400, 401, 403, 409, 413, 415, 422, 429, 503)
_READ_STATUSES = (401, 403, 404, 503)

T = TypeVar("T")
Take = Callable[[Store, Body, Limits], IngestReply]


class Api:
    """The state behind the routes of one process.

    Args:
        store: where everything is.
        settings: of the service; `host` decides whether it is open without a key.
        limits: what is taken at once.
    """

    def __init__(self, store: Store, settings: Settings, limits: Limits) -> None:
        self.store = store
        self.limits = limits
        self.gate = Gate(store, host=settings.host)
        self.intake = Intake(limits)
        self.meter = metering.Meter()
        self.draining = False
        self._ingest = CapacityLimiter(limits.workers)
        self._read = CapacityLimiter(8)

    async def ingest(self, request: Request, take: Take) -> Response:
        """Read a body within the limits, store it in a worker thread, and answer."""
        caller = await self.admit(request, "ingest")
        address = request.client.host if request.client else ""
        with self.intake.turn(caller.name if caller.key_id is not None else address):
            content = await self.intake.read(request.stream(), request.headers.get("content-length"))
            try:
                body = _body(request, content)
                reply = await to_thread.run_sync(partial(take, self.store, body, self.limits), limiter=self._ingest)
            finally:
                self.intake.release(content)
        self.meter.batch(
            accepted=reply.accepted,
            duplicates=reply.duplicates,
            quarantined=len(reply.quarantined),
            seen=reply.seen,
        )
        return _json(reply.to_dict(), 200 if reply.seen else 202)

    async def read(self, request: Request, view: Callable[[], T]) -> T:
        """Something of the store, for whoever may read."""
        await self.admit(request, "read")
        return await to_thread.run_sync(view, limiter=self._read)

    async def administer(self, request: Request, change: Callable[[str], Any]) -> Response:
        """Something that is done for an admin, who is named to it as the audit log calls them."""
        caller = await self.admit(request, "admin")
        return _json(await to_thread.run_sync(partial(change, caller.actor), limiter=self._read))

    async def administer_body(self, request: Request, change: Callable[[bytes, str], Any]) -> Response:
        """The same with a body, which is read within the limits and only for an admin."""
        caller = await self.admit(request, "admin")
        content = await self.intake.read(request.stream(), request.headers.get("content-length"))
        try:
            return _json(await to_thread.run_sync(partial(change, content, caller.actor), limiter=self._read))
        finally:
            self.intake.release(content)

    async def admit(self, request: Request, scope: str) -> Caller:
        """Let the request in, or raise the refusal."""
        headers = request.headers
        address = request.client.host if request.client else ""
        told = headers.get("authorization")
        admit = partial(self.gate.admit, told, scope, host=headers.get("host"), address=address)
        return await to_thread.run_sync(admit, limiter=self._read)


def create_app(store: Store, settings: Settings, *, limits: Limits | None = None) -> FastAPI:
    """The application; its :class:`Api` is at ``app.state.api``."""
    api = Api(store, settings, limits or Limits())
    app = FastAPI(
        title="driftwatch",
        version=__version__,
        summary="Predictions and outcomes in; models, incidents and codecs out; what is declared, both ways.",
        docs_url="/docs",
        redoc_url=None,
    )
    app.state.api = api
    app.middleware("http")(partial(_watched, api))
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    _add_ingest(app, api)
    _add_reads(app, api)
    add_declared(app, api)
    _add_operations(app, api)
    return app


def _add_ingest(app: FastAPI, api: Api) -> None:
    @app.post(
        "/v1/batches",
        summary="Log predictions",
        tags=["ingest"],
        status_code=202,
        responses=api_document.answers(*_INGEST_STATUSES),
        openapi_extra=api_document.BATCH,
    )
    async def post_batches(request: Request) -> Response:
        return await api.ingest(request, take_batch)

    @app.post(
        "/v1/outcomes",
        summary="Log outcomes",
        tags=["ingest"],
        status_code=202,
        responses=api_document.answers(*_INGEST_STATUSES),
        openapi_extra=api_document.OUTCOMES,
    )
    async def post_outcomes(request: Request) -> Response:
        return await api.ingest(request, take_outcomes)


def _add_reads(app: FastAPI, api: Api) -> None:
    """The names of models may hold slashes (team/model): the longer routes stand first."""
    shared: dict[str, Any] = {"tags": ["read"], "responses": api_document.answers(*_READ_STATUSES)}

    @app.get("/v1/models", summary="All models", **shared)
    async def get_models(request: Request) -> Response:
        return _json(await api.read(request, partial(model_view.list_models, api.store)))

    @app.get("/v1/models/{model:path}/incidents", summary="Incidents of a model, the newest first", **shared)
    async def get_incidents(
        request: Request,
        model: str,
        environment: str = "production",
        *,
        open: bool | None = None,  # noqa: A002
    ) -> Response:
        view = partial(model_view.list_incidents, api.store, environment, model, is_open=open)
        return _json(await api.read(request, view))

    @app.get("/v1/models/{model:path}/codecs", summary="The bins of a model's numeric columns", **shared)
    async def get_codecs(request: Request, model: str, environment: str = "production") -> Response:
        return _json(await api.read(request, partial(model_view.show_codecs, api.store, environment, model)))

    @app.get("/v1/models/{model:path}/performance", summary="Realised and estimated performance by period", **shared)
    async def get_performance(
        request: Request,
        model: str,
        environment: str = "production",
        *,
        start: str | None = None,
        end: str | None = None,
        period: str = "day",
        metric: str | None = None,
        by: str | None = None,
        fairness: bool = False,
        bands: bool = False,
        vintage: str | None = None,
    ) -> Response:
        view = partial(
            report_performance, api.store, environment, model, start=start, end=end, period=period, metric=metric,
            by=by, fairness=fairness, bands=bands, vintage=vintage,
        )  # fmt: skip
        return _json(await api.read(request, view))

    @app.get("/v1/models/{model:path}", summary="One model", **shared)
    async def get_model(request: Request, model: str, environment: str = "production") -> Response:
        return _json(await api.read(request, partial(model_view.show_model, api.store, environment, model)))


def _add_operations(app: FastAPI, api: Api) -> None:
    @app.get("/healthz", summary="Whether the process lives", tags=["operation"])
    async def healthz() -> Response:
        return _json({"status": "ok", "version": __version__})

    @app.get("/readyz", summary="Whether it can store what is sent", tags=["operation"])
    async def readyz() -> Response:
        if api.draining:
            raise Refusal(503, "shutting down", headers={"Retry-After": "2"})
        with anyio.fail_after(5):
            now = await to_thread.run_sync(_store_now, api.store)
        return _json({"status": "ok", "store": str(api.store), "now": to_iso(now)})

    @app.get("/metrics", summary="For Prometheus", tags=["operation"])
    async def metrics(request: Request) -> Response:
        gauges = await api.read(request, partial(metering.read_gauges, api.store))
        text = metering.render([*api.meter.families(api.intake.in_flight), *gauges])
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _store_now(store: Store) -> int:
    with store.read() as conn:
        return store.now(conn)


async def _watched(api: Api, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Every request is counted and answered: our own errors as they say, all others with 500 and a log line."""
    started = time.perf_counter()
    try:
        response = await call_next(request)
    except Refusal as refusal:
        response = _refused(refusal)
    except DriftwatchError as error:
        response = _refused(answer_of(error))
        if response.status_code >= 500:
            _LOG.warning("request refused: path=%s status=%d why=%s", request.url.path, response.status_code, error)
    except TimeoutError:
        response = _refused(Refusal(503, "the store does not answer", headers={"Retry-After": "2"}))
    except ClientDisconnect:
        response = _refused(Refusal(400, "the body ended early"))
    except Exception:  # noqa: BLE001 - one bad request must not end the service, nor show its insides
        _LOG.exception("request failed: path=%s", request.url.path)
        response = _refused(Refusal(500, "an error of the service; its log has the details"))
    route = request.scope.get("route")
    api.meter.request(getattr(route, "path_format", "other"), response.status_code, time.perf_counter() - started)
    return response


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    return _refused(Refusal(error.status_code, str(error.detail), headers=error.headers or {}))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    first = error.errors()[0]
    return _refused(Refusal(422, str(first["msg"]), path=".".join(str(part) for part in first["loc"])))


def _body(request: Request, content: bytes) -> Body:
    headers = request.headers
    return Body(
        content,
        headers.get("content-type", "").partition(";")[0].strip().lower(),
        headers.get("content-encoding"),
        headers.get("idempotency-key"),
        headers.get("driftwatch-sent-at"),
        dict(request.query_params),
    )


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")


def _refused(refusal: Refusal) -> Response:
    response = _json(refusal.body, refusal.status)
    response.headers.update(refusal.headers)
    return response

"""What is declared, over HTTP: the same documents as in files, for admin keys alone."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import orjson
from fastapi import FastAPI, Request, Response

from driftwatch.errors import SpecError
from driftwatch.service import api_document
from driftwatch.service.apply import apply_documents
from driftwatch.service.declared import KINDS, find_declared, list_declared, remove_declared
from driftwatch.service.refusal import Refusal
from driftwatch.storage.store import Store

__all__ = ["add_declared"]


class Administration(Protocol):
    """What the routes need of the service: the store, and a door that only admins pass."""

    store: Store

    async def administer(self, request: Request, change: Callable[[str], Any]) -> Response:
        """Admit, call `change` with the actor in a worker thread, and answer with what it returns."""
        ...

    async def administer_body(self, request: Request, change: Callable[[bytes, str], Any]) -> Response:
        """The same, with the body before the actor."""
        ...


def add_declared(app: FastAPI, api: Administration) -> None:
    """Add the routes."""
    _add_reads(app, api)
    _add_writes(app, api)


def _add_reads(app: FastAPI, api: Administration) -> None:
    shared: dict[str, Any] = {"tags": ["declared"], "responses": api_document.answers(401, 403, 404, 422, 503)}

    @app.get("/v1/documents", summary="All declared documents, as POST /v1/apply takes them", **shared)
    async def get_documents(request: Request, kind: str | None = None) -> Response:
        return await api.administer(request, lambda _: _listed(api.store, kind))

    @app.get("/v1/documents/{kind}/{name:path}", summary="One declared document", **shared)
    async def get_document(request: Request, kind: str, name: str) -> Response:
        return await api.administer(request, lambda _: _shown(api.store, kind, name))


def _add_writes(app: FastAPI, api: Administration) -> None:
    statuses = (400, 401, 403, 404, 409, 413, 422, 503)
    shared: dict[str, Any] = {"tags": ["declared"], "responses": api_document.answers(*statuses)}

    @app.post("/v1/apply", summary="Store documents: all of them or none", openapi_extra=api_document.APPLY, **shared)
    async def post_apply(request: Request, *, dry_run: bool = False) -> Response:
        return await api.administer_body(request, partial(_applied, api.store, dry_run=dry_run))

    @app.delete("/v1/documents/{kind}/{name:path}", summary="Take one declaration back", **shared)
    async def delete_document(request: Request, kind: str, name: str) -> Response:
        return await api.administer(request, lambda actor: _removed(api.store, kind, name, actor))


def _listed(store: Store, kind: str | None) -> dict[str, Any]:
    if kind is not None and kind not in KINDS:
        raise SpecError(f"{kind!r} is not one of {', '.join(KINDS)}", path="kind")
    with store.read() as conn:
        declared = list_declared(conn, at=store.now(conn))
    return {"documents": [document for (of, _), document in declared.items() if kind in (None, of)]}


def _shown(store: Store, kind: str, name: str) -> dict[str, Any]:
    with store.read() as conn:
        return find_declared(conn, kind, name, at=store.now(conn))


def _removed(store: Store, kind: str, name: str, actor: str) -> dict[str, Any]:
    remove_declared(store, kind, name, actor=actor)
    return {"kind": kind, "name": name, "verb": "removed"}


def _applied(store: Store, content: bytes, actor: str, *, dry_run: bool) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    documents = body.get("documents") if isinstance(body, dict) else None
    if not isinstance(documents, list):
        raise SpecError("give a list of documents", path="documents")
    for place, each in enumerate(documents):
        if not isinstance(each, dict):
            raise SpecError("a document is a map of keys to values", path=f"documents[{place}]")
    changes = apply_documents(store, documents, actor=actor, dry_run=dry_run, files=False)
    return {"dry_run": dry_run, "changes": [each.to_dict() | each.to_diff() for each in changes]}

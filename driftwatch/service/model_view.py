"""What the read API says of models; times are ISO 8601, unknown is null."""

from typing import Any

from sqlalchemy import Connection

from driftwatch.domain.instant import to_iso
from driftwatch.errors import NotFoundError
from driftwatch.monitors.reading import nearest
from driftwatch.service.binning import read_binnings
from driftwatch.service.references import read_references
from driftwatch.service.threshold_monitor import list_thresholds
from driftwatch.storage import drop, incident, profile, quarantine, registration
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = ["find_model", "list_incidents", "list_models", "show_codecs", "show_model"]


def list_models(store: Store) -> dict[str, Any]:
    """Every model in brief."""
    with store.read() as conn:
        return {"models": [_brief(conn, model) for model in registration.list_models(conn)]}


def show_model(store: Store, environment: str, name: str) -> dict[str, Any]:
    """One model: versions and their features, what is held of it, what clients dropped, its declaration.

    Raises:
        NotFoundError: no such model.
    """
    with store.read() as conn:
        model = find_model(conn, environment, name)
        versions = [
            {
                "version": version.version,
                "created_at": to_iso(version.created_at),
                "retired_at": _iso(version.retired_at),
                "features": {
                    feature: {"kind": row.kind, "importance": row.importance}
                    for feature, row in registration.read_features(conn, version.id).items()
                },
            }
            for version in registration.list_versions(conn, model.id)
        ]
        return {
            **_brief(conn, model),
            "versions": versions,
            "quarantined": quarantine.count_held(conn, environment, name),
            "dropped": drop.count_drops(conn, model.id),
            "spec": model.spec,
            "references": read_references(conn, model.id).to_dict(),
            "monitors": [each.to_dict() for each in list_thresholds(conn, model.id)],
        }


def list_incidents(store: Store, environment: str, name: str, *, is_open: bool | None = None) -> dict[str, Any]:
    """Incidents of one model, the newest first.

    Raises:
        NotFoundError: no such model.
    """
    with store.read() as conn:
        model = find_model(conn, environment, name)
        found = incident.list_incidents(conn, model_id=model.id, is_open=is_open)
        return {"incidents": [each.to_dict() for each in found]}


def show_codecs(store: Store, environment: str, name: str) -> dict[str, Any]:
    """The bins of each numeric column: edges of right-closed bins, or the key grid while there are none.

    Raises:
        NotFoundError: no such model.
    """
    with store.read() as conn:
        binnings = read_binnings(conn, find_model(conn, environment, name).id)
    codecs: dict[str, Any] = {
        column: {"digest": None, "edges": None, "centre": grid.centre, "scale": grid.scale}
        for column, grid in binnings.grids.items()
    }
    for column, codec in binnings.codecs.items():
        grid = codec.grid
        edges = codec.edges.tolist()
        codecs[column] = {"digest": codec.digest.hex(), "edges": edges, "centre": grid.centre, "scale": grid.scale}
    return {"codecs": dict(sorted(codecs.items()))}


def _brief(conn: Connection, model: ModelRow) -> dict[str, Any]:
    versions = registration.list_versions(conn, model.id)
    counts = profile.count_buckets(conn, [version.id for version in versions], 0, 2**62)
    open_incidents = incident.list_incidents(conn, model_id=model.id, is_open=True)
    return {
        "model": model.name,
        "environment": model.environment,
        "created_at": to_iso(model.created_at),
        "versions": [version.version for version in versions],
        "rows": sum(each.n for each in counts),
        "errors": sum(each.n_errors for each in counts),
        "newest_at": _iso(profile.watermark(conn, model.id)),
        "open_incidents": [each.id for each in open_incidents],
    }


def find_model(conn: Connection, environment: str, name: str) -> ModelRow:
    """A registered model.

    Raises:
        NotFoundError: no such model; the message names those nearby, and other environments that have it.
    """
    model = registration.find_model(conn, environment, name)
    if model is not None:
        return model
    models = registration.list_models(conn)
    known = [each.name for each in models if each.environment == environment]
    elsewhere = sorted({each.environment for each in models if each.name == name})
    if elsewhere:
        told = f" It is in {', '.join(elsewhere)}: ask with ?environment={elsewhere[0]}."
    else:
        told = f" Known: {', '.join(known[:20])}." if known else f" No model has sent anything to {environment} yet."
    raise NotFoundError(f"there is no model {name!r} in {environment}.{nearest(name, known)}{told}")


def _iso(at: int | None) -> str | None:
    return None if at is None else to_iso(at)

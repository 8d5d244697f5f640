"""First batches race; one model, one version, one codec come out."""

import json
import subprocess
import sys
import threading
from pathlib import Path

from driftwatch.storage import registration
from driftwatch.storage.store import Store

RACERS = 16

Winner = tuple[int, int, dict[str, str], dict[str, bytes]]


def _first_batch(store: Store, number: int) -> Winner:
    """What ingest does with the first batch of a model; every racer proposes other kinds and codecs."""
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "flights", at=number)
        version_id = registration.ensure_version(conn, model_id, "1", at=number)
        kinds = {f"feature-{place}": ("numeric", "categorical")[number % 2] for place in range(20)}
        # Everybody names the features in another order.
        names = [*list(kinds)[number:], *list(kinds)[:number]][:: 1 if number % 3 else -1]
        known = registration.ensure_features(conn, version_id, {name: kinds[name] for name in names})
        proposed = {name: f"{name} of {number}".encode() for name in names}
        return model_id, version_id, known, registration.ensure_codecs(conn, model_id, proposed)


def test_sixteen_threads_with_the_first_batch_agree(store_url: str) -> None:
    stores = [Store.open(store_url) for _ in range(RACERS)]
    barrier = threading.Barrier(RACERS)
    results: list[Winner] = []

    def race(number: int) -> None:
        barrier.wait()
        results.append(_first_batch(stores[number], number))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == RACERS
    assert all(result == results[0] for result in results)
    with stores[0].read() as conn:
        (model,) = registration.list_models(conn)
        (version,) = registration.list_versions(conn, model.id)
        codecs = registration.read_codecs(conn, model.id)
    assert (model.id, version.id, codecs) == (results[0][0], results[0][1], results[0][3])
    assert len({codec.split(b" of ")[1] for codec in codecs.values()}) == 1  # all of one racer
    for store in stores:
        store.close()


_RACER = """
import sys, json
from driftwatch.storage import registration
from driftwatch.storage.store import Store
url, number = sys.argv[1:]
store = Store.open(url)
print("ready", flush=True)
sys.stdin.readline()
with store.begin() as conn:
    model_id = registration.ensure_model(conn, "production", "flights", at=1)
    version_id = registration.ensure_version(conn, model_id, "1", at=1)
    codec = registration.ensure_codec(conn, model_id, "distance", f"codec of {number}".encode())
print(json.dumps([model_id, version_id, codec.decode()]))
"""


def test_processes_with_the_first_batch_agree_on_one_sqlite_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, url, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(6)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [json.loads(racer.communicate(timeout=60)[0]) for racer in racers]
    assert all(answer == answers[0] for answer in answers)
    with Store.open(url) as store, store.read() as conn:
        (model,) = registration.list_models(conn)
        assert registration.read_codecs(conn, model.id) == {"distance": answers[0][2].encode()}


def test_a_name_is_registered_once_and_found_again(store: Store) -> None:
    with store.begin() as conn:
        first = registration.ensure_model(conn, "production", "flüge ✈", at=1)
        again = registration.ensure_model(conn, "production", "flüge ✈", at=2)
        other = registration.ensure_model(conn, "staging", "flüge ✈", at=3)
        assert first == again != other
        versions = [registration.ensure_version(conn, first, name, at=4) for name in ("1", "2", "1")]
        assert versions[0] == versions[2] != versions[1]
        assert registration.ensure_version(conn, other, "1", at=5) not in versions
    with store.read() as conn:
        assert [(row.environment, row.name, row.created_at) for row in registration.list_models(conn)] == [
            ("production", "flüge ✈", 1),
            ("staging", "flüge ✈", 3),
        ]
        found = registration.find_model(conn, "staging", "flüge ✈")
        assert found is not None
        assert found.id == other
        assert registration.find_model(conn, "staging", "unknown") is None
        assert [row.version for row in registration.list_versions(conn, first)] == ["1", "2"]
        version = registration.find_version(conn, first, "2")
        assert version is not None
        assert version.id == versions[1]
        assert registration.find_version(conn, first, "3") is None


def test_a_feature_keeps_its_first_kind(store: Store) -> None:
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "flights", at=1)
        version_id = registration.ensure_version(conn, model_id, "1", at=1)
        assert registration.ensure_features(conn, version_id, {"a": "numeric", "select": "boolean"}) == {
            "a": "numeric",
            "select": "boolean",
        }
        assert registration.ensure_features(conn, version_id, {"a": "categorical", "b": "text"}) == {
            "a": "numeric",
            "b": "text",
        }
        assert registration.ensure_features(conn, version_id, {}) == {}
        rows = registration.read_features(conn, version_id)
    assert {name: (row.kind, row.importance) for name, row in rows.items()} == {
        "a": ("numeric", None),
        "b": ("text", None),
        "select": ("boolean", None),
    }


def test_the_first_codec_of_a_column_is_the_one_of_everybody(store: Store) -> None:
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "flights", at=1)
        assert registration.ensure_codec(conn, model_id, "distance", b"first\0\xff") == b"first\0\xff"
        assert registration.ensure_codec(conn, model_id, "distance", b"second") == b"first\0\xff"
        assert registration.ensure_codecs(conn, model_id, {"distance": b"third", "temp": b"own"}) == {
            "distance": b"first\0\xff",
            "temp": b"own",
        }
        assert registration.read_codecs(conn, model_id) == {"distance": b"first\0\xff", "temp": b"own"}


def test_a_spec_is_stored_and_taken_back(store: Store) -> None:
    spec = {"model": "flights", "task": "binary", "importance": {"temp": float("nan")}, "features": {"numeric": ["a"]}}
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "flights", at=1)
        registration.set_spec(conn, model_id, spec)
    with store.read() as conn:
        (model,) = registration.list_models(conn)
    assert model.spec == {**spec, "importance": {"temp": None}}  # not-a-number is unknown, and unknown is null
    with store.begin() as conn:
        registration.set_spec(conn, model_id, None)
        (model,) = registration.list_models(conn)
    assert model.spec is None

"""What a client is answered: every status of the contract, and nothing lost on the way."""

import io
import json
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pyarrow as pa
import pytest
import zstandard
from api_server import ApiClient, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingesting import NOON, frame_of, model_id, profiles_of, version_id
from sqlalchemy import func, select

from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_iso, to_iso
from driftwatch.errors import StoreError
from driftwatch.service.access import create_key
from driftwatch.service.intake import Limits
from driftwatch.storage import outcome, prediction, quarantine, registration
from driftwatch.storage.key import revoke_key
from driftwatch.storage.schema import codecs, model_versions, models
from driftwatch.storage.store import Store
from driftwatch.wire import CONTENT_TYPE, OUTCOME_CONTENT_TYPE, OutcomeFrame, encode_outcomes

FRAME = {"Content-Type": CONTENT_TYPE}
ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}


@pytest.fixture
def client(store: Store) -> Iterator[ApiClient]:
    with serving(store) as opened:
        yield opened


@pytest.fixture
def local(tmp_path: Any) -> Iterator[Store]:
    """A store on SQLite alone: for what no database decides."""
    with Store.open(f"sqlite:///{tmp_path}/local.db") as opened:
        yield opened


@pytest.fixture
def local_client(local: Store) -> Iterator[ApiClient]:
    with serving(local) as opened:
        yield opened


def rows_body(**more: Any) -> dict[str, Any]:
    row = {"id": "f-1", "at": to_iso(NOON), "features": {"carrier": "AA", "temp": 20.5}, "prediction": 1, "score": 0.7}
    return {"batch_id": "b-1", "model": "flights", "version": "1", "rows": [row], **more}


def held(store: Store, environment: str = "production", model: str = "flights") -> list[quarantine.HeldRow]:
    with store.read() as conn:
        return quarantine.list_held(conn, environment, model)


def test_202_for_json_rows_then_200_then_409(store: Store, client: ApiClient) -> None:
    first = client.post("/v1/batches", json=rows_body())
    assert first.status_code == 202
    assert first.json() == {"batch_id": "b-1", "accepted": 1, "duplicates": 0, "quarantined": [], "idempotent": True}
    again = client.post("/v1/batches", json=rows_body())
    assert (again.status_code, again.json()) == (200, first.json())
    other = client.post("/v1/batches", json=rows_body(version="2"))
    assert other.status_code == 409
    assert "b-1" in other.json()["detail"]
    assert len(held(store)) == 1
    with store.read() as conn:
        (row,) = prediction.find_prediction(conn, model_id(store), "f-1")
    assert (row.score, row.prediction, row.predicted_at) == (0.7, 1.0, NOON)


@pytest.mark.parametrize("encoding", [None, "zlib", "zstd"])
def test_frames_come_plain_and_compressed(client: ApiClient, encoding: str | None) -> None:
    raw = frame_of().raw
    body = {None: raw, "zlib": zlib.compress(raw), "zstd": zstandard.compress(raw)}[encoding]
    headers = FRAME if encoding is None else {**FRAME, "Content-Encoding": encoding}
    reply = client.post("/v1/batches", content=body, headers=headers)
    assert (reply.status_code, reply.json()["accepted"]) == (202, 10)


def test_an_arrow_stream_is_a_batch(store: Store, client: ApiClient) -> None:
    table = pa.table(
        {
            "id": ["a", "b", None, "d"],
            "at": pa.array([NOON, NOON + 1, NOON + 2, None], pa.timestamp("us", tz="UTC")),
            "score": [0.1, None, 0.3, 0.4],
            "prediction": ["yes", "no", "no", "yes"],
            "temp": [1.5, None, 3.0, 4.0],
            "carrier": pa.array(["AA", "DL", "AA", None]).dictionary_encode(),
            "features.error": pa.array([1, 2, 3, 4]),
            "tags.region": ["n", "s", "n", "s"],
            "when": pa.array([0, 1, 2, 3], pa.time32("s")),
        }
    ).replace_schema_metadata({"model": "flights", "version": "1", "batch_id": "arrow-1"})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    reply = client.post("/v1/batches", content=sink.getvalue(), headers=ARROW)
    assert reply.status_code == 202
    answer = reply.json()
    assert (answer["batch_id"], answer["accepted"], answer["idempotent"]) == ("arrow-1", 2, True)
    faults = {(each["row"], each["column"]) for each in answer["quarantined"]}
    assert faults == {(2, None), (3, "at"), (None, "when")}
    with store.read() as conn:
        kinds = {name: row.kind for name, row in registration.read_features(conn, version_id(store)).items()}
    assert kinds == {"temp": "numeric", "carrier": "categorical", "error": "numeric"}
    assert client.post("/v1/batches", content=sink.getvalue(), headers=ARROW).status_code == 200


def test_a_bad_row_is_held_with_its_place_and_the_others_are_kept(store: Store, client: ApiClient) -> None:
    good = rows_body()["rows"][0]
    rows = [
        "no row",
        {**good, "id": "a", "at": "yesterday"},
        {**good, "id": "b" * 129},
        {**good, "id": "c", "features": {"temp": 1.0}, "score": "high"},
        {**good, "id": "d", "features": {"temp": "hot"}},
        {**good, "id": "e", "at": "2999-01-01T00:00:00Z"},
        {**good, "id": "f", "at": "2013-01-15T12:00:00"},
        {**good, "id": "g", "features": {"temp": None}},
        {**good, "id": "h"},
    ]
    reply = client.post("/v1/batches", json=rows_body(rows=rows))
    assert reply.status_code == 202
    assert reply.json()["accepted"] == 5
    faults = {(each["row"], each["column"]) for each in reply.json()["quarantined"]}
    assert faults == {(0, None), (1, None), (2, None), (3, "score"), (4, "temp"), (5, "at")}
    assert {row.row_number for row in held(store)} == {0, 1, 2, 3, 4, 5}
    assert all(row.payload for row in held(store))
    with store.read() as conn:
        (naive,) = prediction.find_prediction(conn, model_id(store), "f")
    assert naive.predicted_at == NOON


def test_without_any_id_a_retry_is_not_idempotent_and_the_header_is_an_id(client: ApiClient) -> None:
    body = rows_body()
    del body["batch_id"]
    assert client.post("/v1/batches", json=body).json()["idempotent"] is False
    named = client.post("/v1/batches", json=body, headers={"Idempotency-Key": "mine"}).json()
    assert (named["batch_id"], named["idempotent"]) == ("mine", True)
    assert client.post("/v1/batches", json=body, headers={"Idempotency-Key": "mine"}).status_code == 200


@pytest.mark.parametrize(
    ("content", "headers", "status", "words"),
    [
        (b"\x8f\x00random bytes\xff", FRAME, 400, "DWF1"),
        (b"", FRAME, 400, "DWF1"),
        (frame_of().raw[:80], FRAME, 400, "cut off"),
        (b"not zlib", {**FRAME, "Content-Encoding": "zlib"}, 400, "damaged"),
        (zlib.compress(frame_of().raw)[:-8], {**FRAME, "Content-Encoding": "zlib"}, 400, "cut off"),
        (b"{", {"Content-Type": "application/json"}, 400, "not JSON"),
        (b"\xff", {"Content-Type": "application/json"}, 400, "not JSON"),
        (b"no stream", ARROW, 400, "no Arrow IPC stream"),
        (frame_of().raw, {"Content-Type": "text/plain"}, 415, CONTENT_TYPE),
        (frame_of().raw, {}, 415, "Content-Type"),
        (frame_of().raw, {**FRAME, "Content-Encoding": "br"}, 415, "zstd"),
    ],
)
def test_a_body_that_cannot_be_read(
    local: Store, content: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    with serving(local) as client:
        reply = client.post("/v1/batches", content=content, headers=headers)
        assert reply.status_code == status
        assert words in reply.json()["detail"]
        assert client.get("/v1/models").json() == {"models": []}


def test_the_name_of_driftwatch_itself_is_taken_by_no_model(client: ApiClient, store: Store) -> None:
    named = {"environment": "system", "model": "driftwatch"}
    outcomes = {"batch_id": "o-1", "outcomes": [{"id": "f-1", "value": 1, "at": to_iso(NOON)}]}
    for path, body in (("/v1/batches", rows_body(**named)), ("/v1/outcomes", {**outcomes, **named})):
        reply = client.post(path, json=body)
        assert (reply.status_code, reply.json()["path"]) == (422, "model")
    with store.read() as conn:
        assert registration.find_model(conn, "system", "driftwatch") is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"rows": None}, "rows"),
        ({"rows": {}}, "rows"),
        ({"model": None}, "model"),
        ({"model": "m" * 300}, "model"),
        ({"version": [1]}, "version"),
        ({"batch_id": "b" * 129}, "batch_id"),
        ({"deployment": 1.5}, "deployment"),
    ],
)
def test_422_names_the_path(local: Store, change: dict[str, Any], path: str) -> None:
    with serving(local) as client:
        reply = client.post("/v1/batches", json=rows_body(**change))
    assert (reply.status_code, reply.json()["path"]) == (422, path)


def test_413_and_too_many_rows(local: Store) -> None:
    with serving(local, limits=Limits(body_bytes=2000, plain_bytes=4000, rows=3)) as client:
        assert client.post("/v1/batches", json=rows_body(note="x" * 3000)).status_code == 413
        bomb = zlib.compress(b"x" * 100_000)
        reply = client.post("/v1/batches", content=bomb, headers={**FRAME, "Content-Encoding": "zlib"})
        assert (reply.status_code, "4,000 bytes" in reply.json()["detail"]) == (413, True)
        streamed = client.post("/v1/batches", content=iter([b"x" * 1500, b"x" * 1500]), headers=FRAME)
        assert streamed.status_code == 413
        many = client.post("/v1/batches", json=rows_body(rows=[{"id": str(place)} for place in range(4)]))
        assert (many.status_code, many.json()["path"]) == (422, "rows")
        assert client.api.intake.in_flight == 0


def test_503_and_429_say_when_to_come_again(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(local) as client:
        intake = client.api.intake
        intake.in_flight = intake.limits.in_flight_bytes
        reply = client.post("/v1/batches", json=rows_body())
        assert (reply.status_code, int(reply.headers["Retry-After"]) >= 1) == (503, True)
        intake.in_flight = 0
        intake._callers["127.0.0.1"] = intake.limits.requests_a_caller
        reply = client.post("/v1/batches", json=rows_body())
        assert (reply.status_code, int(reply.headers["Retry-After"]) >= 1) == (429, True)
        intake._callers.clear()

        def locked(*_: object, **__: object) -> None:
            raise StoreError("the disk is full")

        monkeypatch.setattr(local, "begin", locked)
        reply = client.post("/v1/batches", json=rows_body())
        assert (reply.status_code, int(reply.headers["Retry-After"]) >= 1) == (503, True)
        assert "the disk is full" in reply.json()["detail"]
        monkeypatch.undo()
        assert client.post("/v1/batches", json=rows_body()).status_code == 202


def test_keys_open_what_their_scopes_say(local: Store) -> None:
    writer = create_key(local, name="sdk", scopes=["ingest"], actor="test")
    reader = create_key(local, name="grafana", scopes=["read"], actor="test")
    admin = create_key(local, name="ops", scopes=["admin"], actor="test")

    def status(client: ApiClient, key: str | None, *, write: bool) -> int:
        headers = {"Authorization": key} if key else {}
        if write:
            return client.post("/v1/batches", json=rows_body(), headers=headers).status_code
        return client.get("/v1/models", headers=headers).status_code

    with serving(local) as client:
        assert status(client, f"Bearer {writer}", write=True) == 202
        assert status(client, f"Bearer {writer}", write=False) == 403
        assert status(client, f"Bearer {reader}", write=True) == 403
        assert status(client, f"Bearer {reader}", write=False) == 200
        assert status(client, f"Bearer {admin}", write=True) == 200
        assert status(client, f"Bearer {admin}", write=False) == 200
        for wrong in (None, "Bearer dw_00000000_nothing", f"Basic {writer}", f"Bearer {writer}x", "Bearer"):
            assert status(client, wrong, write=True) == 401
            assert status(client, wrong, write=False) == 401
        assert client.get("/healthz").status_code == 200
        assert client.get("/metrics").status_code == 401
    with local.begin() as conn:
        revoke_key(conn, "_".join(writer.split("_")[:2]), at=NOON)
    with serving(local) as client:
        assert status(client, f"Bearer {writer}", write=True) == 401


def test_a_fresh_install_is_open_to_its_own_machine_only(local: Store) -> None:
    with serving(local) as client:
        assert client.get("/v1/models", headers={"Host": "localhost:8300"}).status_code == 200
        assert client.get("/v1/models", headers={"Host": "evil.example"}).status_code == 403
    with serving(local, host="0.0.0.0") as client:  # noqa: S104 - that is what is tested
        assert client.get("/v1/models").status_code == 401


def test_outcomes_by_id_and_by_request(store: Store, client: ApiClient) -> None:
    client.post("/v1/batches", content=frame_of(n=2, request_id=["r-1", None]).raw, headers=FRAME)
    body = {
        "batch_id": "o-1",
        "model": "flights",
        "outcomes": [
            {"request_id": "r-1", "value": 1, "at": to_iso(NOON + HOUR)},
            {"id": "batch-1-1", "value": False, "at": to_iso(NOON + HOUR)},
            {"id": "never seen", "value": "late"},
            {"value": 1},
            {"id": "x", "value": [1]},
            {"id": "y", "value": 1, "at": "2999-01-01"},
        ],
    }
    reply = client.post("/v1/outcomes", json=body)
    assert reply.status_code == 202
    assert reply.json()["accepted"] == 3
    assert [each["row"] for each in reply.json()["quarantined"]] == [3, 4, 5]
    assert client.post("/v1/outcomes", json=body).status_code == 200
    assert client.post("/v1/outcomes", json={**body, "outcomes": []}).status_code == 409
    with store.read() as conn:
        labelled = outcome.current_outcomes(conn, model_id(store), version_id(store), NOON, NOON + HOUR)
        assert sorted(str(row.value) for row in labelled) == ["0.0", "1.0"]
        assert outcome.count_outcomes(conn, model_id(store)) == 3


def test_outcome_frames(client: ApiClient) -> None:
    frame = OutcomeFrame(batch_id="o-2", model="flights", ids=["a"], request_ids=[None], values=[1], at=[NOON])
    headers = {"Content-Type": OUTCOME_CONTENT_TYPE}
    assert client.post("/v1/outcomes", content=encode_outcomes(frame), headers=headers).status_code == 202
    assert client.post("/v1/outcomes", content=b"DWO1", headers=headers).status_code == 400
    assert client.post("/v1/outcomes", json={"model": "flights"}).json()["path"] == "outcomes"


def test_a_frame_of_a_later_release_is_kept(local: Store) -> None:
    import ormsgpack

    body = b"DWF1" + ormsgpack.packb({"v": 99, "batch_id": "b", "novel": True})
    with serving(local) as client:
        reply = client.post("/v1/batches", content=body, headers={**FRAME, "Idempotency-Key": "b"})
    assert (reply.status_code, reply.json()["accepted"]) == (202, 0)
    assert "99" in reply.json()["quarantined"][0]["reason"]
    (row,) = held(local, "", "")
    assert (row.payload, row.batch_id) == (body, "b")


def test_sixteen_first_batches_at_once_make_one_model(store: Store) -> None:
    frames = [
        frame_of(
            f"first-{place}", n=50, features={"temp": [100.0 * place + row for row in range(50)], "late": [True] * 50}
        )
        for place in range(16)
    ]
    with serving(store) as client, ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda frame: client.post("/v1/batches", content=frame.raw, headers=FRAME), frames))
    assert [reply.status_code for reply in replies] == [202] * 16
    with store.read() as conn:
        counts = [
            conn.execute(select(func.count()).select_from(table)).scalar() for table in (models, model_versions, codecs)
        ]
    assert counts == [1, 1, 1]
    (bucket,) = profiles_of(store).values()  # merges: every batch was profiled on one grid
    assert bucket.rows == 800


def test_the_same_batch_sixteen_times_at_once_is_stored_once(store: Store) -> None:
    frame = frame_of("one", n=50)
    with serving(store) as client, ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: client.post("/v1/batches", content=frame.raw, headers=FRAME), range(16)))
    assert sorted(reply.status_code for reply in replies) == [200] * 15 + [202]
    assert {reply.json()["accepted"] for reply in replies} == {50}
    (bucket,) = profiles_of(store).values()
    assert bucket.rows == 50


def test_reads(store: Store, client: ApiClient) -> None:
    client.post("/v1/batches", content=frame_of(n=3, error=["no", None, None]).raw, headers=FRAME)
    client.post("/v1/batches", content=frame_of("b", n=1, features={"temp": ["hot"]}).raw, headers=FRAME)
    (brief,) = client.get("/v1/models").json()["models"]
    assert (brief["model"], brief["rows"], brief["errors"], brief["versions"]) == ("flights", 4, 1, ["1"])
    assert brief["newest_at"] == to_iso(NOON + 2)
    model = client.get("/v1/models/flights").json()
    assert model["versions"][0]["features"] == {"temp": {"kind": "numeric", "importance": None}}
    assert sum(model["quarantined"].values()) == 1
    assert client.get("/v1/models/flights/incidents").json() == {"incidents": []}
    codec = client.get("/v1/models/flights/codecs").json()["codecs"]["temp"]
    assert codec["edges"] is None
    assert codec["scale"] > 0
    missing = client.get("/v1/models/flight")
    assert missing.status_code == 404
    assert "flights" in missing.json()["detail"]


def test_a_model_of_another_environment_is_told_where_it_is(local_client: ApiClient) -> None:
    local_client.post("/v1/batches", json=rows_body(environment="staging"))
    assert "staging: ask with ?environment=staging" in local_client.get("/v1/models/flights").json()["detail"]
    missing = local_client.get("/v1/models/boats").json()["detail"]
    assert missing.endswith("No model has sent anything to production yet.")


@pytest.mark.parametrize("address", ["team/flights", "team%2Fflights"])
def test_a_model_whose_name_holds_a_slash_is_read_like_any_other(local_client: ApiClient, address: str) -> None:
    local_client.post("/v1/batches", json=rows_body(model="team/flights"))
    assert local_client.get(f"/v1/models/{address}").json()["model"] == "team/flights"
    assert local_client.get(f"/v1/models/{address}/incidents").json() == {"incidents": []}
    assert "temp" in local_client.get(f"/v1/models/{address}/codecs").json()["codecs"]
    assert 'route="/v1/models/{model}",status="200"} 1' in local_client.get("/metrics").text


def test_operations(store: Store, client: ApiClient) -> None:
    client.post("/v1/batches", content=frame_of().raw, headers=FRAME)
    client.post("/v1/batches", content=b"junk", headers=FRAME)
    assert client.get("/healthz").json()["status"] == "ok"
    ready = client.get("/readyz").json()
    assert ready["status"] == "ok"
    assert abs(from_iso(ready["now"]) - time.time_ns() // 1000) < MINUTE
    text = client.get("/metrics").text
    assert 'driftwatch_ingest_rows_total{result="accepted"} 10' in text
    assert 'driftwatch_http_requests_total{route="/v1/batches",status="400"} 1' in text
    assert 'driftwatch_ingest_seconds_bucket{le="+Inf"} 2' in text
    assert "driftwatch_unfolded_deltas 1" in text
    assert 'driftwatch_model_data_age_seconds{environment="production",model="flights"}' in text
    client.api.draining = True
    assert client.get("/readyz").status_code == 503


def test_the_document_describes_every_route_and_every_status(local: Store) -> None:
    with serving(local) as client:
        document = client.get("/openapi.json").json()
    assert {"/v1/batches", "/v1/outcomes", "/v1/models", "/v1/models/{model}", "/v1/models/{model}/incidents"} <= set(
        document["paths"]
    )
    batches = document["paths"]["/v1/batches"]["post"]
    assert {"200", "202", "400", "401", "403", "409", "413", "415", "422", "429", "503"} <= set(batches["responses"])
    assert CONTENT_TYPE in batches["requestBody"]["content"]


SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON: st.SearchStrategy[object] = st.deferred(
    lambda: SCALAR | st.lists(JSON, max_size=4) | st.dictionaries(st.text(max_size=10), JSON, max_size=4)
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON | st.text(min_size=1, max_size=5),
        "at": JSON | st.just(to_iso(NOON)) | st.integers(0, NOON + DAY),
        "features": JSON
        | st.dictionaries(st.sampled_from(["a", "b", "é", "\x00"]) | st.text(max_size=5), JSON, max_size=3),
        "tags": JSON,
        "prediction": JSON,
        "score": JSON | st.floats(0, 1),
        "latency_seconds": JSON,
        "error": JSON,
        "request_id": JSON,
        "entity": JSON,
    },
)
BODY = st.fixed_dictionaries(
    {"model": st.just("flights") | JSON, "rows": st.lists(ROW | JSON, max_size=4) | JSON},
    optional={"version": JSON, "batch_id": JSON, "deployment": JSON, "environment": JSON},
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODY | JSON)
def test_no_json_body_is_an_error_of_the_service(local_client: ApiClient, body: Any) -> None:
    for path in ("/v1/batches", "/v1/outcomes"):
        if path == "/v1/outcomes" and isinstance(body, dict):
            body = {**body, "outcomes": body.get("rows")}
        content = json.dumps(body).encode()
        reply = local_client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert reply.status_code < 500, (reply.status_code, reply.text, body)
        orjson.loads(reply.content)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: b"DWF1" + tail))
def test_random_bytes_are_an_error_of_the_client(local_client: ApiClient, content: bytes) -> None:
    for headers in (FRAME, ARROW, {**FRAME, "Content-Encoding": "zstd"}, {"Content-Type": "application/json"}):
        assert local_client.post("/v1/batches", content=content, headers=headers).status_code in {400, 413, 422}

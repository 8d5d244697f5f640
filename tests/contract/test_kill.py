"""A writer is killed in the middle: what it was told is stored is there, and nothing is there by halves."""

import subprocess
import sys

from sqlalchemy import func, select

from driftwatch.domain.instant import HOUR, from_iso
from driftwatch.storage import batch, prediction, profile, registration
from driftwatch.storage.schema import batches
from driftwatch.storage.store import Store

START = from_iso("2013-01-01T00:00:00")
ROWS = 200

_WRITER = """
import sys
from driftwatch.storage import batch, block, prediction, profile, registration
from driftwatch.storage.store import Store
url, start, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = Store.open(url)
number = 0
while True:
    name = f"batch-{number}"
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "flights", at=start)
        version_id = registration.ensure_version(conn, model_id, "1", at=start)
        batch.insert_receipt(conn, batch.Receipt(name, "predictions", model_id, b"h", rows, start))
        block.insert_block(conn, version_id, batch_id=name, day=start // 86_400_000_000, first_at=start, last_at=start,
                           n=rows, codec="frame", payload=bytes(50_000))
        prediction.insert_predictions(conn, prediction.Envelope(
            "flights", version_id, name, "default", [f"{name}-{row}" for row in range(rows)], [start] * rows))
        profile.insert_delta(conn, version_id, start, rows, bytes(10_000), batch_id=name, at=start)
    print(number, flush=True)
    number += 1
"""


def test_what_was_acknowledged_is_whole_and_the_rest_is_not_there(store: Store, store_url: str) -> None:
    acknowledged = -1
    for kill_after in (1, 4):  # a second writer goes on where the first was killed, under other names
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER.replace("batch-", f"batch-{kill_after}-"), store_url, str(START), str(ROWS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(kill_after)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().splitlines() if line]
        writer.wait(60)
        writer.stdout.close()
        with store.read() as conn:
            for number in told:
                assert batch.find_receipt(conn, f"batch-{kill_after}-{number}") is not None
        acknowledged += len(told)
    with store.read() as conn:
        (model,) = registration.list_models(conn)
        (version,) = registration.list_versions(conn, model.id)
        n_batches = conn.execute(select(func.count()).select_from(batches)).scalar_one()
        # The last commit of each writer may be there without having been acknowledged; none is there by halves.
        assert acknowledged + 1 <= n_batches <= acknowledged + 3
        assert prediction.count_predictions(conn, version.id, START, START + HOUR) == n_batches * ROWS
        (bucket,) = profile.read_buckets(conn, version.id, START, START + HOUR)
        assert (bucket.data_version, bucket.n) == (n_batches, n_batches * ROWS)
    with store.begin() as conn:  # and the store goes on
        assert profile.fold(conn, version.id, START, lambda payloads: payloads[0], at=START) == n_batches


_FOLDER = """
import sys
from driftwatch.storage import profile
from driftwatch.storage.store import Store
url, version_id, start = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = Store.open(url)
def merge(payloads):
    return str(sum(int(payload) for payload in payloads)).encode()
conn_context = store.begin()
conn = conn_context.__enter__()
profile.fold(conn, version_id, start, merge, at=start)
print("folded, not committed", flush=True)
sys.stdin.readline()
"""


def test_a_folder_that_is_killed_before_its_commit_changes_nothing(store: Store, store_url: str) -> None:
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "flights", at=1)
        version_id = registration.ensure_version(conn, model_id, "1", at=1)
        for number in range(3):
            profile.insert_delta(conn, version_id, START, 1, b"1", batch_id=f"b{number}", at=START)
    folder = subprocess.Popen(
        [sys.executable, "-c", _FOLDER, store_url, str(version_id), str(START)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert folder.stdout is not None
    assert folder.stdin is not None
    assert folder.stdout.readline() == "folded, not committed\n"
    folder.kill()
    folder.wait(60)
    folder.stdout.close()
    folder.stdin.close()
    with store.read() as conn:
        (bucket,) = profile.read_buckets(conn, version_id, START, START + HOUR)
    assert (bucket.payloads, bucket.data_version) == ([b"1", b"1", b"1"], 3)
    with store.begin() as conn:
        assert profile.fold(conn, version_id, START, lambda _payloads: b"3", at=START) == 3

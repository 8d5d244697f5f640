import os
import threading
import time
from uuid import RFC_4122, UUID

from driftwatch.wire import new_id


def test_an_id_is_a_uuid_of_version_7_that_holds_the_time() -> None:
    before = time.time_ns() // 1_000_000
    uuid = UUID(new_id())
    assert (uuid.version, uuid.variant) == (7, RFC_4122)
    assert before <= uuid.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_of_one_thread_ascend_within_a_millisecond_and_none_repeats() -> None:
    made: list[list[str]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda ids=ids: ids.extend(new_id() for _ in range(5000))) for ids in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id_ for ids in made for id_ in ids}) == 20_000


def test_a_forked_child_makes_other_ids() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    theirs = os.read(reader, 100).decode()
    os.close(reader)
    assert theirs.rpartition("-")[2] != new_id().rpartition("-")[2]

import gzip
import zlib

import pytest
import zstandard

from driftwatch.errors import BodyTooLargeError, FrameError, UnsupportedEncodingError
from driftwatch.wire import decompress

PLAIN = b"driftwatch" * 1000
PACKED = {
    "zlib": zlib.compress(PLAIN),
    "deflate": zlib.compress(PLAIN),
    "gzip": gzip.compress(PLAIN),
    "zstd": zstandard.compress(PLAIN),
    " ZLIB ": zlib.compress(PLAIN),
}


@pytest.mark.parametrize("encoding", PACKED)
def test_each_encoding_is_undone(encoding: str) -> None:
    assert decompress(PACKED[encoding], encoding, len(PLAIN)) == PLAIN


@pytest.mark.parametrize("encoding", [None, "", "identity"])
def test_a_body_without_encoding_stays_as_it_is(encoding: str | None) -> None:
    assert decompress(PLAIN, encoding, len(PLAIN)) == PLAIN


@pytest.mark.parametrize("encoding", ["zlib", "gzip", "zstd", None])
def test_more_than_the_limit_is_refused_before_it_is_in_memory(encoding: str | None) -> None:
    bomb = {
        "zlib": zlib.compress(bytes(50_000_000)),
        "gzip": gzip.compress(bytes(50_000_000)),
        "zstd": zstandard.compress(bytes(50_000_000)),
        None: bytes(1001),
    }[encoding]
    with pytest.raises(BodyTooLargeError, match="1,000 bytes") as caught:
        decompress(bomb, encoding, 1000)
    assert caught.value.limit == 1000


@pytest.mark.parametrize("encoding", ["zlib", "gzip", "zstd"])
def test_damage_and_truncation_are_told(encoding: str) -> None:
    with pytest.raises(FrameError, match="damaged"):
        decompress(b"no such thing", encoding, 1000)
    with pytest.raises(FrameError, match="cut off"):
        decompress(PACKED[encoding][:-5], encoding, len(PLAIN) + 1)


def test_an_unknown_encoding_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnsupportedEncodingError, match="'br' is not known; send zlib, gzip, zstd"):
        decompress(PLAIN, "br", 1)

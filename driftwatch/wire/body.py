"""`Content-Encoding`, undone within a limit: a small body may not become a large one."""

import zlib

from driftwatch._optional import require
from driftwatch.errors import BodyTooLargeError, FrameError, UnsupportedEncodingError

__all__ = ["decompress"]


def decompress(body: bytes, encoding: str | None, limit: int) -> bytes:
    """The body as it was before compression.

    Args:
        body: bytes as received.
        encoding: the `Content-Encoding` header: none, `identity`, `zlib` (or `deflate`), `gzip` or `zstd`.
        limit: the most bytes that may come out.

    Raises:
        BodyTooLargeError: more than `limit` bytes.
        UnsupportedEncodingError: another encoding.
        FrameError: the compressed data is damaged or cut off.
    """
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        plain = body
    elif name in ("zlib", "deflate"):
        plain = _inflate(body, zlib.MAX_WBITS, limit)
    elif name in ("gzip", "x-gzip"):
        plain = _inflate(body, zlib.MAX_WBITS | 16, limit)
    elif name == "zstd":
        plain = _unzstd(body, limit)
    else:
        raise UnsupportedEncodingError(f"Content-Encoding {name!r} is not known; send zlib, gzip, zstd or none")
    if len(plain) > limit:
        raise BodyTooLargeError(f"the body holds more than {limit:,} bytes; send fewer rows in a batch", limit=limit)
    return plain


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    inflater = zlib.decompressobj(window)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise FrameError(f"the compressed body is damaged: {error}") from None
    if len(plain) <= limit and not inflater.eof:
        raise FrameError(f"the compressed body is cut off after {len(body):,} bytes")
    return plain


def _unzstd(body: bytes, limit: int) -> bytes:
    zstandard = require("zstandard", extra="server", purpose="A body with Content-Encoding zstd")
    inflater = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
    plain = bytearray()
    try:
        # A piece in can become at most a bounded piece out (128 KiB a block), so memory stays near the limit.
        for start in range(0, len(body), 1024):
            plain += inflater.decompress(body[start : start + 1024])
            if len(plain) > limit or inflater.eof:
                break
    except zstandard.ZstdError as error:
        raise FrameError(f"the compressed body is damaged: {error}") from None
    if len(plain) <= limit and not inflater.eof:
        raise FrameError(f"the compressed body is cut off after {len(body):,} bytes")
    return bytes(plain)

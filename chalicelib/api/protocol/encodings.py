"""Compressed bodies of requests (RFC 9110, section 8.4).

API Gateway decompresses them itself where it compresses answers (`minimum_compression_size`), and
may leave the header as it was; the local server hands them on as they came.
"""

from __future__ import annotations

import zlib

from chalicelib.api.protocol.requests import Malformed, TooLarge, UnknownEncoding

COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
PLAIN = frozenset({"", "identity"})
GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
"""Lets zlib find out which of the two it is."""

BEGINNINGS = (b"\x1f\x8b", b"\x78")
"""Of gzip and of zlib's format; no JSON begins like one of them."""


def decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    """A body without the encoding that its header names.

    No more than `limit` bytes are made of it.

    Raises:
        UnknownEncoding: if it is neither gzip nor deflate.
        TooLarge: if there are more than `limit` bytes in it.
        Malformed: if it is cut off, or not what the header says.
    """
    name = encoding.strip().lower()
    if name in PLAIN:
        return body
    if name not in COMPRESSED:
        raise UnknownEncoding("Content-Encoding: only gzip and deflate can be read")
    if not body.startswith(BEGINNINGS):
        return body
    member = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        plain = member.decompress(body, limit + 1)
    except zlib.error as error:
        raise Malformed(f"the body cannot be decompressed: {error}") from error
    if len(plain) > limit:
        raise TooLarge(f"the body may have {limit} bytes when it is decompressed")
    if not member.eof or member.unused_data:
        raise Malformed("the body is compressed, and is cut off or goes on behind its end")
    return plain

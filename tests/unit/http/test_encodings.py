from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from chalicelib.api.protocol.encodings import decompressed
from chalicelib.api.protocol.requests import Malformed, TooLarge, UnknownEncoding

BODY = b'{"user_id": "ada"}'
LIMIT = 1024


@pytest.mark.parametrize(
    ("compress", "encoding"),
    [(gzip.compress, "gzip"), (gzip.compress, " X-GZip "), (zlib.compress, "deflate")],
)
def test_a_compressed_body_is_read_as_the_plain_one(
    compress: Callable[[bytes], bytes], encoding: str
) -> None:
    assert decompressed(compress(BODY), encoding, LIMIT) == BODY
    full = b"x" * LIMIT
    assert decompressed(compress(full), encoding, LIMIT) == full
    with pytest.raises(TooLarge):
        decompressed(compress(full + b"x"), encoding, LIMIT)


@pytest.mark.parametrize("encoding", ["", "identity", "Identity", "gzip", "deflate"])
@pytest.mark.parametrize("body", [b"", BODY, b"[]"])
def test_a_body_that_the_gateway_has_decompressed_already_is_read_as_it_is(
    body: bytes, encoding: str
) -> None:
    assert decompressed(body, encoding, LIMIT) == body


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "chunked", "x"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(UnknownEncoding, match="only gzip and deflate"):
        decompressed(BODY, encoding, LIMIT)


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(BODY)[:-1],
        gzip.compress(BODY)[:12],
        gzip.compress(BODY) + b"x",
        gzip.compress(BODY) * 2,
        b"\x1f\x8b and no more",
    ],
    ids=["short", "shorter", "long", "twice", "none"],
)
def test_a_body_that_is_not_what_its_header_says_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decompressed(body, "gzip", LIMIT)


def test_a_bomb_takes_no_more_memory_than_a_body_may() -> None:
    bomb = gzip.compress(b"\0" * 100_000_000)
    tracemalloc.start()
    with pytest.raises(TooLarge):
        decompressed(bomb, "gzip", LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(bomb) < 1_000_000

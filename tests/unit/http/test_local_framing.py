from __future__ import annotations

import io
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.local.framing import LINE_BYTES, TRAILERS, BadFraming, read_body

LIMIT = 100
CHUNKED = {"Transfer-Encoding": "chunked"}


def read(sent: bytes, *headers: tuple[str, str], version: str = "HTTP/1.1") -> tuple[bytes, bytes]:
    """The body, and what is left for the next request."""
    message = Message()
    for name, value in headers:
        message[name] = value
    stream = io.BytesIO(sent)
    body = read_body(stream, message, version, LIMIT)
    return body, stream.read()


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.binary(max_size=20))
def test_a_body_in_chunks_is_read_and_what_follows_is_left(parts: list[bytes], rest: bytes) -> None:
    body = b"".join(parts)
    assert read(chunks(*parts) + rest, *CHUNKED.items()) == (body, rest)
    assert read(body + rest, ("Content-Length", str(len(body)))) == (body, rest)


def test_extensions_and_trailers_of_chunks_are_passed_over() -> None:
    sent = b'3;name="x"\r\nabc\r\n0A \r\n0123456789\r\n0\r\nDigest: x\r\n\r\nGET'
    assert read(sent, *CHUNKED.items()) == (b"abc0123456789", b"GET")
    assert read(sent[:10]) == (b"", sent[:10])


@pytest.mark.parametrize(
    ("headers", "sent", "status"),
    [
        ([("Content-Length", "3"), ("Transfer-Encoding", "chunked")], chunks(b"abc"), 400),
        ([("Content-Length", "3"), ("Content-Length", "4")], b"abcd", 400),
        ([("Content-Length", "3, 3")], b"abc", 400),
        ([("Content-Length", "+3")], b"abc", 400),
        ([("Content-Length", "\u00b3")], b"abc", 400),
        ([("Content-Length", "")], b"abc", 400),
        ([("Content-Length", "4")], b"abc", 400),
        ([("Content-Length", "101")], b"a" * 101, 413),
        ([("Content-Length", "9" * 5000)], b"", 413),
        ([("Transfer-Encoding", "gzip, chunked")], chunks(b"abc"), 501),
        ([("Transfer-Encoding", "identity")], b"", 501),
        ([("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], b"", 501),
        *(
            ([("Transfer-Encoding", "chunked")], sent, status)
            for sent, status in [
                (b"", 400),
                (b"\r\n", 400),
                (b"x\r\n", 400),
                (b"-1\r\na\r\n", 400),
                (b"+1\r\na\r\n0\r\n\r\n", 400),
                (b"0x1\r\na\r\n0\r\n\r\n", 400),
                (b" 1\r\na\r\n0\r\n\r\n", 400),
                (b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n", 400),
                (b"1\na\n0\n\n", 400),
                (b"1\r\nab\r\n0\r\n\r\n", 400),
                (b"3\r\nab", 400),
                (b"3\r\nabc\r\n", 400),
                (b"0\r\n", 400),
                (b"0\r\nX: 1\r\n", 400),
                (b"000000001\r\na\r\n0\r\n\r\n", 400),
                (b"1;" + b"x" * LINE_BYTES + b"\r\na\r\n0\r\n\r\n", 400),
                (b"0\r\n" + b"X: 1\r\n" * (TRAILERS + 1) + b"\r\n", 400),
                (b"65\r\n" + b"a" * 101 + b"\r\n0\r\n\r\n", 413),
                (chunks(b"a" * 60, b"a" * 60), 413),
                (b"ffffffff\r\n", 413),
            ]
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_two_servers_could_read_differently_is_refused(
    headers: list[tuple[str, str]], sent: bytes, status: int
) -> None:
    with pytest.raises(BadFraming) as refused:
        read(sent, *headers)
    assert refused.value.status == status


def test_chunks_do_not_come_before_http_1_1() -> None:
    with pytest.raises(BadFraming):
        read(chunks(b"abc"), *CHUNKED.items(), version="HTTP/1.0")

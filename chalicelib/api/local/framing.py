"""Where the body of a request ends: a length, or chunks (RFC 9112, sections 6 and 7).

Of the local server only; in front of Lambda the gateway reads requests. What two servers could read
differently is refused, so that no request can hide within another one.
"""

from __future__ import annotations

from email.message import Message
from http import HTTPStatus
from typing import BinaryIO

LINE_BYTES = 1024
"""Of a line between chunks."""

TRAILERS = 64
"""Fields after the last chunk; they are read and passed over."""

SIZE_DIGITS = 8
LENGTH_DIGITS = 18
HEX = frozenset(b"0123456789abcdefABCDEF")
CRLF = b"\r\n"


class BadFraming(Exception):
    """The end of a request cannot be told, or is too far away: its connection is of no more use."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def read_body(stream: BinaryIO, headers: Message, version: str, limit: int) -> bytes:
    """The body of a request, of which the headers are read; at most `limit` bytes.

    Raises:
        BadFraming: if it has no clear end, ends too early, or is longer than that.
    """
    lengths = set(headers.get_all("content-length", []))
    codings = headers.get_all("transfer-encoding", [])
    if codings:
        if lengths or version < "HTTP/1.1":
            raise _bad("Transfer-Encoding: not beside Content-Length, and not before HTTP/1.1")
        if [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise BadFraming(HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding: chunked, and no other")
        return _chunks(stream, limit)
    if not lengths:
        return b""
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdecimal()):
        raise _bad("Content-Length: must be one number")
    if len(length) > LENGTH_DIGITS or int(length) > limit:
        raise _too_large(limit)
    return _exactly(stream, int(length))


def _chunks(stream: BinaryIO, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit
    while size := _size(_line(stream)):
        room -= size
        if room < 0:
            raise _too_large(limit)
        parts.append(_exactly(stream, size))
        if stream.read(len(CRLF)) != CRLF:
            raise _bad("a chunk is longer than it says")
    for _ in range(TRAILERS):
        if not _line(stream):
            return b"".join(parts)
    raise _bad("too many fields after the last chunk")


def _size(line: bytes) -> int:
    """The size of a chunk; what may follow it, an extension, is passed over."""
    digits = line.partition(b";")[0].rstrip(b" \t")
    if not digits or not HEX.issuperset(digits) or len(digits) > SIZE_DIGITS:
        raise _bad(f"the size of a chunk must be 1 to {SIZE_DIGITS} hexadecimal digits")
    return int(digits, 16)


def _line(stream: BinaryIO) -> bytes:
    line = stream.readline(LINE_BYTES)
    if not line.endswith(CRLF):
        raise _bad(f"a line between chunks must end, within {LINE_BYTES} bytes, in CR LF")
    return line[: -len(CRLF)]


def _exactly(stream: BinaryIO, size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise _bad("the body is cut off")
    return body


def _bad(reason: str) -> BadFraming:
    return BadFraming(HTTPStatus.BAD_REQUEST, reason)


def _too_large(limit: int) -> BadFraming:
    return BadFraming(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {limit} bytes")

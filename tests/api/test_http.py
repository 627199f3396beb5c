"""HTTP beyond what the APIs say: encodings, framing, HEAD, paths and queries."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.http import JSON, Gateway

FEATURE = {"type_id": 3, "name": "x", "start_date": "2020-01-01", "end_date": "2099-12-31"}
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def url(start_server: Any) -> str:
    address: str = start_server(TABLE_PREFIX="switchyard-http").url
    return address


def exchange(url: str, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """The only answer to what is sent over one connection."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(status.split()[1]), headers, body


class TestCompressedBodies:
    @pytest.mark.parametrize(
        ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
    )
    @pytest.mark.parametrize(
        ("path", "body"),
        [("/api/feature", FEATURE), ("/api/v5/init", {"id": "ada"})],
        ids=["Test Lab", "UpGrade"],
    )
    def test_they_are_read(
        self, gateway: Gateway, encoding: str, compress: Any, path: str, body: Any
    ) -> None:
        raw = compress(json.dumps(body).encode())
        sent = {**JSON, "content-encoding": encoding}
        answer = gateway.send("POST", path, raw=raw, headers=sent)
        assert answer.status == 200
        cut_off = gateway.send("POST", path, raw=raw[:-5], headers=sent)
        assert cut_off.status == 400
        unknown = gateway.send("POST", path, raw=raw, headers={**JSON, "content-encoding": "br"})
        assert (unknown.status, unknown.headers["x-error-detail"]) == (
            415,
            "Content-Encoding: only gzip and deflate can be read",
        )

    @pytest.mark.parametrize(
        "path", ["/api/feature", "/api/v6/log", "/api/v5/bloblog", "/api/segments"]
    )
    def test_a_bomb_stops_at_the_limit_of_bodies(self, gateway: Gateway, path: str) -> None:
        bomb = gzip.compress(b'{"a": "' + b"\x20" * 50_000_000 + b'"}')
        headers = {**JSON, "content-encoding": "gzip", "user-id": "ada"}
        answer = gateway.send("POST", path, raw=bomb, headers=headers)
        assert answer.status == 413
        assert len(answer.text) < 1000

    def test_one_request_is_the_same_compressed_or_not(self, gateway: Gateway) -> None:
        raw = json.dumps(FEATURE).encode()
        headers = {**JSON, "idempotency-key": "k"}
        plain = gateway.send("POST", "/api/feature", raw=raw, headers=headers)
        again = gateway.send(
            "POST",
            "/api/feature",
            raw=gzip.compress(raw),
            headers={**headers, "content-encoding": "gzip"},
        )
        assert (again.status, again.text) == (200, plain.text)
        assert again.headers["idempotent-replayed"] == "true"


class TestChunks:
    def test_a_body_in_chunks_is_read(self, url: str) -> None:
        raw = json.dumps({**FEATURE, "name": "in chunks"}).encode()

        def pieces(content: bytes) -> Iterator[bytes]:
            yield content[:10]
            yield content[10:]

        with requests.Session() as session:
            for content, headers in (
                (raw, JSON),
                (gzip.compress(raw.replace(b"in", b"of")), {**JSON, "content-encoding": "gzip"}),
            ):
                answer = session.post(
                    f"{url}/api/feature", data=pieces(content), headers=headers, timeout=20
                )
                assert answer.status_code == 200, answer.text
            assert session.get(f"{url}/api/feature", timeout=20).status_code == 200

    def test_more_than_a_gateway_takes_is_413(self, url: str) -> None:
        def endless() -> Iterator[bytes]:
            for _ in range(11):
                yield b" " * 2**20

        answer = requests.post(f"{url}/api/feature", data=endless(), headers=JSON, timeout=20)
        assert answer.status_code == 413
        assert answer.headers["connection"] == "close"
        assert answer.json() == {"message": "at most 10485760 bytes"}

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            (b"Transfer-Encoding: chunked\r\nContent-Length: 4", b"0\r\n\r\n"),
            (b"Content-Length: 0\r\nContent-Length: 5", b""),
            (b"Transfer-Encoding: chunked", b"x\r\n"),
            (b"Content-Length: " + b"9" * 5000, b""),
            (b"Content-Length: 3", b"{}"),
        ],
    )
    def test_no_request_hides_behind_one_whose_end_is_unclear(
        self, url: str, headers: bytes, body: bytes
    ) -> None:
        hidden = b"DELETE /api/v5/clearDB HTTP/1.1\r\nHost: x\r\n\r\n"
        sent = b"POST /api/feature HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n" + body
        status, received, text = exchange(url, sent + (hidden if body != b"{}" else b""))
        assert status in (400, 413)
        assert received["connection"] == "close"
        assert list(json.loads(text)) == ["message"], "and no second answer behind it"


@pytest.mark.parametrize(
    ("accept", "problem"),
    [
        (PROBLEM, True),
        (f"{PROBLEM};q=0", False),
        (f"application/json, {PROBLEM};q=0.5", False),
        (f"application/json;q=0.5, {PROBLEM};q=0.6", True),
        ("*/*", False),
    ],
)
def test_problem_details_are_for_who_prefers_them(
    gateway: Gateway, accept: str, problem: bool
) -> None:
    answer = gateway.get("/api/feature/abc", Accept=accept)
    expected = (422, PROBLEM) if problem else (403, "application/json")
    assert (answer.status, answer.headers["content-type"]) == expected


@pytest.mark.parametrize("path", ["/api/feature", "/api/feature/abc", "/nowhere", "/swagger"])
def test_head_says_the_length_that_get_has_or_none(url: str, path: str) -> None:
    with requests.Session() as session:
        got = session.get(url + path, timeout=20)
        headed = session.head(url + path, timeout=20)
        assert (headed.status_code, headed.content) == (got.status_code, b"")
        length = headed.headers.get("content-length")
        assert length in (None, got.headers["content-length"])
        assert session.get(url + path, timeout=20).content == got.content


def test_an_answer_that_is_not_sent_anew_says_no_length(url: str) -> None:
    with requests.Session() as session:
        etag = session.get(f"{url}/api/feature", timeout=20).headers["etag"]
        headers = {"If-None-Match": etag}
        known = session.get(f"{url}/api/feature", headers=headers, timeout=20)
        assert (known.status_code, known.headers.get("content-length")) == (304, None)
        assert session.get(f"{url}/api/userblocks", timeout=20).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/users/ada?x=1"),
        ("DELETE", "/api/users/ada?everything=true&x=1"),
        ("GET", "/api/users/ada/export?x=1"),
        ("GET", "/api/users?x=1"),
        ("GET", "/api/feature?x=1&x=2"),
        ("GET", "/api/check/groupExclusion?x=1"),
        ("GET", "/api/experiments/export?x=1"),
        ("GET", "/api/stratification/download/x?x=1"),
    ],
)
def test_unknown_parameters_of_queries_are_ignored(
    gateway: Gateway, method: str, path: str
) -> None:
    gateway.post("/api/stratification", {"files": [{"file": "uuid,x\nada,1"}]})
    gateway.post("/api/v5/init", {"id": "ada"})
    assert gateway.send(method, path).status == 200


def test_a_semicolon_in_a_path_is_a_character_like_others(gateway: Gateway) -> None:
    feature_id = gateway.post("/api/feature", FEATURE).json["id"]
    body = {"variants": [{"feature_id": feature_id, "value": "a"}]}
    (variant,) = gateway.post(f"/api/feature/{feature_id}/variants", body).json
    for user_id in ("alice", "alice;1"):
        row = {"id": user_id, "variant_id": variant["id"], "ip_address": "10.0.0.1"}
        assert gateway.post("/api/users", row).status == 200
    assert gateway.delete("/api/users/alice;1").json == "User with id alice;1 was deleted"
    assert [user["id"] for user in gateway.get("/api/users").json] == ["alice"]
    assert gateway.get(f"/api/feature/{feature_id};x").status == 403


@pytest.mark.parametrize("spelled", ["048", "00000048", "-1", "48"])
def test_a_deleted_feature_is_named_as_it_was_asked_for(gateway: Gateway, spelled: str) -> None:
    answer = gateway.delete(f"/api/feature/{spelled}")
    assert (answer.status, answer.json) == (
        200,
        f"feature with id {spelled} successfully deleted.",
    )


def test_a_feature_goes_however_its_id_is_spelled(gateway: Gateway) -> None:
    feature_id = gateway.post("/api/feature", FEATURE).json["id"]
    assert gateway.delete(f"/api/feature/0{feature_id}").status == 200
    assert gateway.get("/api/feature").json == []

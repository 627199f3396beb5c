"""Requests to the application in this process, through Chalice's gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalice import local
from chalice.app import Chalice
from chalice.config import Config

from tests import contract

JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back; `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Gateway:
    """Sends requests as a client would, and returns what the client would see.

    Every answer is held against the document of the API, unless the application has other routes.
    """

    def __init__(self, app: Chalice, *, documented: bool = True) -> None:
        self._documented = documented
        # create_local_server() makes the app's current request local to its thread.
        app.__class__ = local.LocalChalice
        self._gateway = local.LocalGateway(app, Config())

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        raw: bytes | None = None,
    ) -> Answer:
        """`body` goes out as JSON; `raw` as it is, with the headers given and no others."""
        sent = {**(JSON if body is not None else {}), **(headers or {})}
        data = json.dumps(body).encode() if body is not None else raw
        response = self._gateway.handle_request(method, path, sent, data)
        received = {**response["headers"], **response["multiValueHeaders"]}
        answer = Answer(
            response["statusCode"],
            {k.lower(): v[0] if isinstance(v, list) else v for k, v in received.items()},
            response["body"] or "",
        )
        if self._documented and not path.startswith("/dashboard"):
            contract.check(method, path, answer.status, answer.headers, answer.text)
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path: str, body: Any) -> Answer:
        return self.send("POST", path, body)

    def put(self, path: str, body: Any) -> Answer:
        return self.send("PUT", path, body)

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)

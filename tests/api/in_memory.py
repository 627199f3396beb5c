"""The application over the fakes of its stores, where much is stored at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from chalice.app import Chalice

from chalicelib import api
from chalicelib.api.pages.answer_sizes import LONGEST_ANSWER
from chalicelib.api.protocol.cors import Cors
from chalicelib.domain.catalogue.answer_room import answer_bytes
from chalicelib.services import Services
from tests import contract
from tests.fakes.memory import FixedClock, Memory
from tests.http import Answer, Gateway
from tests.unit.samples import process

CHECKED = 200_000
"""Characters of an answer that is held against the document: it takes seconds for a long one."""


class InMemory:
    """Sends requests to the application; no answer may be too long."""

    def __init__(self, gateway: Gateway, memory: Memory, services: Services) -> None:
        self._gateway = gateway
        self.memory = memory
        self.services = services

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._gateway.send(method, path, body, named)
        assert answer_bytes(answer.text) < LONGEST_ANSWER, f"{method} {path}"
        return answer

    def granted(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        answer = self.send(method, path, body, **headers)
        assert answer.status == 200, f"{method} {path}: {answer.text[:500]}"
        return answer

    def parts(self, path: str) -> Iterator[Answer]:
        """The parts of an answer, by their Links."""
        while path:
            answer = self.granted("GET", path)
            yield answer
            path = next_of(path, answer)


def next_of(path: str, answer: Answer) -> str:
    """Where the last Link of an answer leads, as a browser finds it; empty if there is none."""
    links = answer.headers.get("link", "").split(", <")
    if links == [""]:
        return ""
    target = links[-1].removeprefix("<").split(">")[0]
    return urlsplit(urljoin(f"http://host{path}", target))._replace(scheme="", netloc="").geturl()


@pytest.fixture
def in_memory(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> InMemory:
    memory = Memory()
    services = process(memory, FixedClock())
    over_fakes = Chalice("in-memory", configure_logs=False)
    api.register(over_fakes, services, app.observer, Cors("*"))
    check = contract.check

    def brief(
        method: str, url: str, status: int, headers: Mapping[str, str], text: str, *sent: Any
    ) -> None:
        if len(text) < CHECKED:
            check(method, url, status, headers, text, *sent)

    monkeypatch.setattr(contract, "check", brief)
    return InMemory(Gateway(over_fakes), memory, services)

from __future__ import annotations

import pytest

from chalicelib.services import Services
from tests.fakes.memory import FixedClock, Memory
from tests.unit.samples import process


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever lost a race try again at once."""
    monkeypatch.setattr("chalicelib.services.running.retries.FIRST_PAUSE", 0)


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever lost a race try again as seldom as can be."""
    monkeypatch.setattr("chalicelib.services.running.retries.DEADLINE", 1e-9)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def services(memory: Memory, clock: FixedClock) -> Services:
    return process(memory, clock)

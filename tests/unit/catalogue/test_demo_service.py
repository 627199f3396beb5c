from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.services import Services
from chalicelib.services.catalogue.demo import DemoService
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import fake_stores
from tests.unit.samples import add_user, experiment, record


@pytest.fixture
def filled(services: Services) -> Services:
    _, [a, b] = experiment(services, "button")
    other, _ = experiment(services, "banner")
    add_user(services, "u", a)
    record(services, "u", b)
    services.user_blocks.assign("5", 1)
    services.features.delete(other)
    return services


def test_clearing_leaves_nothing_but_version_and_sequences(
    filled: Services, memory: Memory, clock: FixedClock
) -> None:
    clock.advance(timedelta(seconds=10))
    before = replace(memory)
    sequences = memory.sequences.copy()
    assert filled.demo.clear()
    assert memory == Memory(lock=memory.lock, revision=memory.revision, sequences=sequences)
    assert memory.revision.version == before.revision.version + 1
    assert memory.revision.last_modified > before.revision.last_modified


def test_ids_go_on_after_clearing(filled: Services) -> None:
    filled.demo.clear()
    assert experiment(filled, "button") == (3, [5, 6])


def test_where_it_is_not_allowed_nothing_is_cleared(
    filled: Services, memory: Memory, clock: FixedClock
) -> None:
    before = memory.revision
    assert not DemoService(fake_stores(memory).eraser, clock, timedelta(0), enabled=False).clear()
    assert memory.revision == before
    assert len(filled.catalogue.fresh().features) == len(memory.users) == len(memory.events) == 1

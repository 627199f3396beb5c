"""All fakes together, and stores whose calls are watched."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

from chalicelib.services.stores import Stores
from tests.fakes.access import FakeIdempotencyStore
from tests.fakes.audiences import FakeMemberStore
from tests.fakes.catalogue import FakeCatalogueStore, FakeEraser
from tests.fakes.dead_records import FakeDeadRecordStore
from tests.fakes.experiments import FakeEnrollmentCountStore, FakeEnrollmentStore, FakeRecordStore
from tests.fakes.features import (
    FakeCohortStore,
    FakeEventStore,
    FakeNoteStore,
    FakePurgeQueue,
    FakeTotalsStore,
    FakeUserStore,
)
from tests.fakes.flags import FakeExposureStore
from tests.fakes.memory import Memory
from tests.fakes.outcomes import (
    FakeLogStore,
    FakeResultStore,
    FakeSnapshotStore,
    FakeSummaryStore,
    FakeUserEnrollmentStore,
)
from tests.fakes.participants import (
    FakeParticipantStore,
    FakePreviewUserStore,
    FakeProfileStore,
    FakeStratumStore,
)
from tests.fakes.user_data import FakeUserDataStore
from tests.fakes.user_lists import FakeUserListStore


def fake_stores(memory: Memory | None = None) -> Stores:
    """All ports on one memory, a new one unless it is given."""
    memory = memory or Memory()
    return Stores(
        catalogue=FakeCatalogueStore(memory),
        users=FakeUserStore(memory),
        events=FakeEventStore(memory),
        totals=FakeTotalsStore(memory),
        cohorts=FakeCohortStore(memory),
        notes=FakeNoteStore(memory),
        queue=FakePurgeQueue(memory),
        eraser=FakeEraser(memory),
        participants=FakeParticipantStore(memory),
        profiles=FakeProfileStore(memory),
        members=FakeMemberStore(memory),
        exposures=FakeExposureStore(memory),
        enrollments=FakeEnrollmentStore(memory),
        enrollment_counts=FakeEnrollmentCountStore(memory),
        logs=FakeLogStore(memory),
        results=FakeResultStore(memory),
        summaries=FakeSummaryStore(memory),
        snapshots=FakeSnapshotStore(memory),
        user_enrollments=FakeUserEnrollmentStore(memory),
        records=FakeRecordStore(memory),
        dead_records=FakeDeadRecordStore(memory),
        preview_users=FakePreviewUserStore(memory),
        strata=FakeStratumStore(memory),
        idempotency=FakeIdempotencyStore(memory),
        user_data=FakeUserDataStore(memory),
        user_lists=FakeUserListStore(memory),
    )


Step = Callable[[str], None]
"""Is told the call, as in "users.create"; what it raises the caller sees."""


def watched(stores: Stores, *, before: Step | None = None, after: Step | None = None) -> Stores:
    """The same stores, with a step in before or after each call that the use cases make."""
    ports: dict[str, Any] = {
        port.name: _Watched(port.name, getattr(stores, port.name), before, after)
        for port in fields(Stores)
    }
    return Stores(**ports)


def once(call: str, then: Callable[[], object]) -> Step:
    """A step that does something at the first of some calls, `store.method`."""
    store, method = call.split(".")
    assert hasattr(get_type_hints(Stores)[store], method), "a step that would never be taken"
    pending = [then]

    def step(made: str) -> None:
        if pending and made == call:
            pending.pop()()

    return step


class _Watched:
    def __init__(self, name: str, port: object, before: Step | None, after: Step | None) -> None:
        self._name, self._port, self._before, self._after = name, port, before, after

    def __getattr__(self, method: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._port, method)

        @functools.wraps(call)
        def stepped(*args: Any, **kwargs: Any) -> Any:
            if self._before is not None:
                self._before(f"{self._name}.{method}")
            result = call(*args, **kwargs)
            if self._after is not None:
                self._after(f"{self._name}.{method}")
            return result

        return stepped

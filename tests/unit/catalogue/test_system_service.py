"""What is told of the service itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.catalogue.catalogue import CatalogueChange
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.errors import NotFound, Unavailable
from chalicelib.jobs.upkeep import upkeep
from chalicelib.services import Services
from chalicelib.services.catalogue.runs import UPKEEP, Run
from chalicelib.services.catalogue.system import FaultyExperiment
from tests.fakes.memory import START, FixedClock, Memory
from tests.unit.measure_samples import flag
from tests.unit.samples import CREDENTIALS, experiment, process
from tests.unit.upgrade_service_samples import design, segment


def test_of_a_new_service_there_is_little_to_tell(services: Services) -> None:
    state = services.pages.system.state()
    assert (state.run, state.faults, state.keys) == (None, [], [])
    assert (state.purge.entries, state.purge.due) == (0, None)
    assert state.now == START
    assert not state.needs_keys
    assert state.revision == services.catalogue.fresh().revision


def test_sizes_tell_the_two_apis_apart(services: Services) -> None:
    experiment(services, "a", 3)
    services.experiments.create(design())
    services.segments.put(segment("s"), [])
    services.flags.create(flag("f"))
    sizes = services.pages.system.state().sizes
    assert (sizes.features, sizes.variants, sizes.designs) == (1, 3, 1)
    assert (sizes.segments, sizes.flags, sizes.metrics) == (1, 1, 0)


def test_the_queue_tells_what_waits_longest(services: Services, clock: FixedClock) -> None:
    for name in ("a", "b"):
        made, _ = experiment(services, name)
        services.features.delete(made)
        clock.advance(timedelta(minutes=1))
    purge = services.pages.system.state().purge
    assert purge.entries == 2
    assert purge.due is not None
    assert purge.due < clock.now + timedelta(minutes=15)


def test_the_last_run_is_noted_by_one_write(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    upkeep(services)
    assert services.runs.last() == Run(START)
    clock.advance(timedelta(minutes=1))
    calls: list[str] = []
    upkeep(process(memory, clock, before=calls.append))
    assert services.runs.last() == Run(clock.now)
    assert calls.count("notes.write") == 1


def test_a_run_that_failed_is_noted_with_what_failed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ValueError("a secret")

    monkeypatch.setattr(services.user_blocks, "catch_up", fail)
    with pytest.raises(ValueError, match="a secret"):
        upkeep(services)
    assert services.runs.last() == Run(START, ("user blocks: ValueError",))


def test_a_run_that_cannot_be_noted_has_failed(memory: Memory, clock: FixedClock) -> None:
    def no_answer(call: str) -> None:
        if call == "notes.write":
            raise Unavailable("no answer")

    with pytest.raises(Unavailable):
        upkeep(process(memory, clock, before=no_answer))


@pytest.mark.parametrize(
    ("note", "run"),
    [
        ({}, None),
        ({"of a newer version": 1}, None),
        ({"at": START.isoformat()}, Run(START)),
        ({"at": START.isoformat(), "failed": "x", "more": 1}, Run(START)),
        ({"at": START.isoformat(), "failed": [1, "x"]}, Run(START, ("1", "x"))),
    ],
)
def test_notes_of_other_versions_are_read(
    services: Services, memory: Memory, note: dict[str, object], run: Run | None
) -> None:
    memory.notes[UPKEEP] = note
    assert services.runs.last() == run


def test_faults_are_named(services: Services) -> None:
    made = services.experiments.create(design())
    fault = Fault("too large", START)
    faults = {"gone": fault, made.id: fault}
    services.catalogue.change(lambda _: CatalogueChange(faults=faults, visible=False))
    assert services.pages.system.state().faults == [
        FaultyExperiment(made.id, made.name, fault),
        FaultyExperiment("gone", None, fault),
    ]


def test_the_last_key_of_an_administrator_is_known(services: Services) -> None:
    first, _ = services.access.create(Role.ADMIN)
    client, _ = services.access.create(Role.CLIENT)
    assert services.pages.system.key(first.id).is_last
    assert not services.pages.system.key(client.id).is_last
    services.access.create(Role.ADMIN)
    assert not services.pages.system.key(first.id).is_last
    with pytest.raises(NotFound):
        services.pages.system.key("none")


def test_no_secret_is_told(services: Services) -> None:
    settings = services.pages.system.state().settings
    secrets = [settings[name] for name in ("CLIENT_API_SECRET", "CLIENT_API_SECRET_PARAMETER")]
    assert secrets == ["set, not shown", "not set"]
    assert CREDENTIALS.secret not in repr(settings)
    assert (settings["AUTH"], settings["DEMO_MODE"]) == ("off", "on")

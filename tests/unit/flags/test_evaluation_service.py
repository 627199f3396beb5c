"""Which flags are on for a user, and the exposures that are noted of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

import pytest

from chalicelib.bootstrap import build
from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.testlab_assignments import hash_share
from chalicelib.domain.errors import Invalid, LostRace
from chalicelib.domain.features.features import FeatureType
from chalicelib.domain.flags.flags import FlagStatus
from chalicelib.domain.participants.participants import GroupKey, Participant, Profile
from chalicelib.services import Services
from chalicelib.services.flags.evaluation import in_session
from chalicelib.services.running.compilation import UnknownContext
from chalicelib.settings import Settings
from tests.fakes.flags import FakeExposureStore
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import fake_stores, once
from tests.unit.measure_samples import flag
from tests.unit.samples import draft, process
from tests.unit.upgrade_service_samples import (
    CONTEXT,
    Killed,
    at_once,
    caller,
    counting,
    in_class,
    join,
    known,
    mortal,
    segment,
)

PARALLEL = 8
MANY = 250
"""More than one transaction notes."""


def flags_of(services: Services, user_id: str = "u", context: str = CONTEXT) -> list[str]:
    return services.evaluation.flags(known(services, user_id), context)


def create(services: Services, *flag_ids: str) -> list[int]:
    """Flags that are on for everybody; their numbers."""
    return [services.flags.create(flag(flag_id)).feature_id for flag_id in flag_ids]


def exposures(services: Services) -> dict[str, int]:
    flags = services.flags.all()
    counts = services.flags.exposures(flags)
    return {flag.id: count for flag, count in zip(flags, counts, strict=True)}


# What is answered


def test_the_keys_of_the_flags_of_a_context_that_are_enabled_are_answered(
    services: Services,
) -> None:
    create(services, "b", "a")
    services.flags.create(flag("off", status=FlagStatus.DISABLED))
    services.flags.create(flag("old", status=FlagStatus.ARCHIVED))
    services.flags.create(flag("else", context="add"))
    services.flags.create(flag("closed", mode=FilterMode.EXCLUDE_ALL))
    join(services, "u")
    assert flags_of(services) == ["key of b", "key of a"]
    assert flags_of(services, context="add") == ["key of else"]
    assert flags_of(services, context="sub") == []


@pytest.mark.parametrize("context", ["HOME", "nothing", ""])
def test_an_unknown_context_is_refused(services: Services, context: str) -> None:
    join(services, "u")
    with pytest.raises(UnknownContext, match=f"Invalid app context: {context}"):
        flags_of(services, context=context)


def test_a_change_of_a_list_counts_at_once(services: Services) -> None:
    services.flags.create(flag(mode=FilterMode.EXCLUDE_ALL))
    join(services, "u", "v")
    services.segments.put(segment(kind=SegmentType.PRIVATE), ["u"])
    assert flags_of(services) == []
    services.flags.put_list("f", ListEntry("s"), exclude=False)
    assert (flags_of(services), flags_of(services, "v")) == (["key of f"], [])
    services.segments.put(segment(kind=SegmentType.PRIVATE), ["v"])
    assert (flags_of(services), flags_of(services, "v")) == ([], ["key of f"])
    services.flags.put_list("f", ListEntry("s", enabled=False), exclude=False)
    assert (flags_of(services), flags_of(services, "v")) == ([], [])


def test_who_is_globally_excluded_gets_no_flags_at_all(services: Services) -> None:
    create(services, "f")
    services.features.create(draft("toggle", kind=FeatureType.TOGGLE))
    services.segments.put(segment(kind=SegmentType.GLOBAL_EXCLUDE), ["u"])
    join(services, "u", "v")
    assert flags_of(services) == []
    assert exposures(services) == {"f": 0}
    assert flags_of(services, "v") == ["key of f", "toggle"]


def test_an_alias_stands_for_its_owner(services: Services) -> None:
    create(services, "f")
    join(services, "u")
    services.participants.set_aliases(caller(services, "u"), ["al"])
    for user_id in ("al", "u", "al"):
        assert flags_of(services, user_id) == ["key of f"]
    assert exposures(services) == {"f": 1}


# Features of Test Lab


def test_toggles_and_rollouts_are_flags_by_their_names_in_every_context(
    services: Services,
) -> None:
    services.features.create(draft("toggle", kind=FeatureType.TOGGLE))
    services.features.create(draft("rollout", kind=FeatureType.ROLLOUT, share="0.5"))
    services.features.create(draft("experiment"))
    users = [f"user {number}" for number in range(40)]
    join(services, *users)
    for user_id in users:
        own = ["rollout"] if hash_share(user_id + "rollout") < 0.5 else []
        for context in ("home", "add"):
            assert flags_of(services, user_id, context) == ["toggle", *own]


def test_a_key_is_answered_once_and_only_flags_of_upgrades_form_are_exposures(
    services: Services, memory: Memory
) -> None:
    services.features.create(draft("same", kind=FeatureType.TOGGLE))
    services.flags.create(flag("f", "same"))
    join(services, "u")
    assert flags_of(services) == ["same"]
    assert exposures(services) == {"f": 1}
    assert sum(memory.exposed.values()) == 1


# Exposures


def test_each_user_counts_once_for_each_flag(services: Services) -> None:
    create(services, "a", "b")
    join(services, "u", "v")
    for user_id in ("u", "v", "u"):
        flags_of(services, user_id)
    services.flags.create(flag("c"))
    flags_of(services)
    assert exposures(services) == {"a": 2, "b": 2, "c": 1}


def test_nothing_is_written_where_no_flag_is_new(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    create(services, "a", "b")
    join(services, "u", "v")
    flags_of(services)
    calls: Counter[str] = Counter()
    counted = process(memory, clock, before=counting(calls))
    user = known(counted, "u")
    calls.clear()
    counted.evaluation.flags(user, CONTEXT)
    assert calls == {"catalogue.revision": 1, "catalogue.load": 1}
    counted.evaluation.flags(known(counted, "v"), CONTEXT)
    assert calls["exposures.note"] == 1


def test_a_user_who_was_never_initialised_is_exposed_too(services: Services) -> None:
    create(services, "f")
    visitor = services.evaluation.visitor("new")
    assert services.evaluation.flags(visitor, CONTEXT) == ["key of f"]
    assert services.participants.find("new") is None
    join(services, "new")
    assert flags_of(services, "new") == ["key of f"]
    assert exposures(services) == {"f": 1}


@pytest.mark.parametrize("user_id", ["x" * 513, "é" * 257])
def test_a_visitor_has_an_id_that_could_be_stored(services: Services, user_id: str) -> None:
    with pytest.raises(Invalid, match="512 bytes"):
        services.evaluation.visitor(user_id)


def test_parallel_first_calls_of_a_user_count_once(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    create(services, *(f"{number}" for number in range(MANY)))
    join(services, "u", "v")
    user = known(services, "u")

    def ask(number: int) -> list[str]:
        participant = user if number % 2 else known(services, "v")
        return process(memory, clock).evaluation.flags(participant, CONTEXT)

    answers = at_once(*(lambda n=n: ask(n) for n in range(PARALLEL)))
    assert all(len(answer) == MANY for answer in answers)
    assert set(exposures(services).values()) == {2}


def test_who_loses_notes_what_is_left(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    first, _ = create(services, "a", "b")
    join(services, "u")
    store = FakeExposureStore(memory)
    rival = once("exposures.note", lambda: store.note("u", [first], 0))
    assert flags_of(process(memory, clock, before=rival)) == ["key of a", "key of b"]
    assert exposures(services) == {"a": 1, "b": 1}


class HalfNoted(FakeExposureStore):
    """Notes half of the flags, and loses the rest to somebody else, for a while."""

    def __init__(self, memory: Memory, times: int) -> None:
        super().__init__(memory)
        self.shards: list[int] = []
        self._times = times

    def note(self, user_id: str, feature_ids: Collection[int], shard: int) -> None:
        self.shards.append(shard)
        if len(self.shards) > self._times:
            super().note(user_id, feature_ids, shard)
            return
        super().note(user_id, sorted(feature_ids)[: (len(feature_ids) + 1) // 2], shard)
        raise LostRace("the other half")


def test_what_is_noted_in_parts_is_noted_once(memory: Memory, clock: FixedClock) -> None:
    store = HalfNoted(memory, times=5)
    stores = replace(fake_stores(memory), exposures=store)
    services = build(Settings(totals_shards=3), stores, clock)
    create(services, *(f"{number}" for number in range(MANY)))
    join(services, "u")
    assert len(flags_of(services)) == MANY
    assert set(exposures(services).values()) == {1}
    assert len(store.shards) == 6
    assert all(one != next_ for one, next_ in zip(store.shards, store.shards[1:], strict=False))


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_call_that_is_killed_and_made_again_counts_once(
    services: Services, memory: Memory, clock: FixedClock, step: str
) -> None:
    create(services, "a", "b")
    join(services, "u")
    for at in range(8):
        dying = mortal(memory, clock, at, step)
        try:
            flags_of(dying)
        except Killed:
            continue
    assert flags_of(services) == ["key of a", "key of b"]
    assert exposures(services) == {"a": 1, "b": 1}


def test_the_exposures_of_a_deleted_flag_are_not_those_of_a_new_one(services: Services) -> None:
    create(services, "f")
    join(services, "u")
    flags_of(services)
    services.flags.delete("f")
    create(services, "f")
    assert exposures(services) == {"f": 0}
    flags_of(services)
    assert exposures(services) == {"f": 1}


# Groups of a session

STORED = Participant(Profile("u", {"class": ("1a", "1b")}, {"class": "1a"}), revision=3)


def test_groups_of_a_session_take_the_place_of_the_stored_ones() -> None:
    alone = in_session(STORED, {"school": ("north",)}, stored=False)
    assert alone.groups() == {GroupKey("school", "north")}
    assert alone.working_groups() == frozenset()
    assert alone.id == "u"


def test_groups_of_a_session_come_besides_the_stored_ones_each_once() -> None:
    merged = in_session(STORED, {"class": ("1b", "1c", "1c"), "school": ()}, stored=True)
    assert merged.profile.group == {"class": ("1a", "1b", "1c"), "school": ()}
    assert merged.profile.working_group == {"class": "1a"}
    bare = Participant(Profile("u"), revision=1)
    assert in_session(bare, {"class": ("1a",)}, stored=True).profile.group == {"class": ("1a",)}


def test_what_a_session_adds_is_not_stored(services: Services) -> None:
    services.flags.create(flag(mode=FilterMode.EXCLUDE_ALL))
    services.segments.put(segment(kind=SegmentType.PRIVATE, groups=[GroupKey("class", "1b")]), [])
    services.flags.put_list("f", ListEntry("s"), exclude=False)
    join(services, "u", update=in_class("1a"))
    user = known(services, "u")
    for stored in (True, False):
        session = in_session(user, {"class": ("1b",)}, stored=stored)
        assert services.evaluation.flags(session, CONTEXT) == ["key of f"]
    assert flags_of(services) == []
    assert known(services, "u").profile == user.profile


def test_without_a_working_group_any_group_that_is_shut_out_shuts_the_session_out(
    services: Services,
) -> None:
    create(services, "f")
    excluded = segment(kind=SegmentType.GLOBAL_EXCLUDE, groups=[GroupKey("class", "9z")])
    services.segments.put(excluded, [])
    join(services, "u", update=in_class("1a"))
    user = known(services, "u")
    groups = {"class": ("1a",)}
    on = services.evaluation.flags(in_session(user, groups, stored=True), CONTEXT)
    off = services.evaluation.flags(in_session(user, groups, stored=False), CONTEXT)
    assert (on, off) == (["key of f"], [])


def test_the_stored_groups_are_built_once_however_many_sessions_have_them_besides(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(services, "f")
    stored = tuple(f"{number}" for number in range(100))
    user = Participant(Profile("u", {"class": stored}, {}), revision=1)
    built: list[str] = []

    def counted(kind: str, group_id: str) -> GroupKey:
        built.append(group_id)
        return GroupKey(kind, group_id)

    monkeypatch.setattr("chalicelib.domain.participants.participants.GroupKey", counted)
    sessions = [in_session(user, {"class": (f"{n}", f"new {n}")}, stored=True) for n in range(50)]
    services.evaluation.flags_of_each(sessions, CONTEXT)
    assert len(built) == len(stored) + 50 * 2
    for number, session in enumerate(sessions):
        groups = (*stored, f"new {number}")
        assert session.profile.group == {"class": groups}
        assert session.groups() == Participant(session.profile).groups()


def test_the_groups_of_each_session_are_built_once_however_many_flags_there_are(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(services, *(f"{number}" for number in range(20)))
    groups = tuple(f"{number}" for number in range(10))
    sessions = [in_session(STORED, {"class": groups}, stored=False) for _ in range(3)]
    built: list[str] = []

    def counted(kind: str, group_id: str) -> GroupKey:
        built.append(group_id)
        return GroupKey(kind, group_id)

    monkeypatch.setattr("chalicelib.domain.participants.participants.GroupKey", counted)
    assert [len(keys) for keys in services.evaluation.flags_of_each(sessions, CONTEXT)] == [20] * 3
    assert len(built) == 3 * len(groups)

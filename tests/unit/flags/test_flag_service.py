from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.lists import LISTS
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.flags.flags import Flag, FlagStatus
from chalicelib.services import Services
from chalicelib.services.flags.flags import FlagKeyTaken
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.measure_samples import flag
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import Killed, at_once, design, mortal, segment

PARALLEL = 6


def renamed(flag: Flag) -> Flag:
    return replace(flag, name="renamed", version=flag.version + 1)


def add_list(services: Services, flag_id: str = "f", segment_id: str = "s") -> None:
    services.segments.put(segment(segment_id, kind=SegmentType.PRIVATE), ["u"])
    services.flags.put_list(flag_id, ListEntry(segment_id), exclude=False)


# Creating, reading, editing


def test_a_flag_is_what_it_was_made_with_a_number_of_its_own(services: Services) -> None:
    first, second = services.flags.create(flag("b")), services.flags.create(flag("a"))
    assert first == flag("b", feature_id=first.feature_id)
    assert second.feature_id > first.feature_id > 0
    assert services.flags.all() == [first, second]
    assert services.flags.get("a") == second


def test_numbers_are_those_of_features_and_never_come_again(services: Services) -> None:
    first = services.flags.create(flag())
    services.flags.delete("f")
    experiment = services.experiments.create(design())
    number = services.catalogue.fresh().experiment(experiment.id)
    assert number is not None
    assert first.feature_id < number.id < services.flags.create(flag()).feature_id


def test_an_unknown_flag_is_not_found(services: Services, memory: Memory) -> None:
    for action in (
        lambda: services.flags.get("f"),
        lambda: services.flags.edit("f", renamed),
        lambda: services.flags.delete("f"),
        lambda: services.flags.put_list("f", ListEntry("s"), exclude=True),
        lambda: services.flags.check_room("f", ListEntry("s"), exclude=True),
        lambda: services.flags.remove_list("f", "s", exclude=False),
    ):
        with pytest.raises(NotFound, match="Feature Flag not found"):
            action()
    assert memory.revision.version == 0


def test_a_key_is_unique_in_its_context(services: Services, memory: Memory) -> None:
    services.flags.create(flag("a", "key"))
    services.flags.create(flag("b", "key", context="add"))
    services.flags.create(flag("c", "Key"))
    before = memory.revision
    with pytest.raises(FlagKeyTaken, match="already exists for this app-context"):
        services.flags.create(flag("d", "key"))
    with pytest.raises(FlagKeyTaken):
        services.flags.edit("c", lambda flag: replace(flag, key="key"))
    with pytest.raises(FlagKeyTaken):
        services.flags.edit("b", lambda flag: replace(flag, context="home"))
    assert memory.revision == before
    assert services.flags.edit("a", renamed).name == "renamed", "its own key is not taken"
    services.flags.delete("a")
    services.flags.create(flag("d", "key"))


@pytest.mark.parametrize("status", [FlagStatus.DISABLED, FlagStatus.ARCHIVED])
def test_a_flag_that_is_off_keeps_its_key(services: Services, status: FlagStatus) -> None:
    services.flags.create(flag("a", "key", status=status))
    with pytest.raises(FlagKeyTaken):
        services.flags.create(flag("b", "key"))


def test_an_id_is_unique(services: Services) -> None:
    made = services.flags.create(flag())
    with pytest.raises(Conflict, match="flag f exists already"):
        services.flags.create(flag(key="another"))
    assert services.flags.all() == [made]


def test_an_edit_keeps_the_lists_unless_the_context_changes(services: Services) -> None:
    services.flags.create(flag())
    add_list(services)
    assert services.flags.edit("f", renamed).include == (ListEntry("s"),)
    moved = services.flags.edit("f", lambda flag: replace(flag, context="add"))
    assert (moved.include, moved.exclude) == ((), ())
    assert services.flags.get("f") == moved
    assert "s" not in services.segments.stored()


def test_deleting_a_flag_deletes_the_lists_that_it_alone_has(services: Services) -> None:
    for flag_id in ("f", "g"):
        services.flags.create(flag(flag_id))
        add_list(services, flag_id)
    add_list(services, segment_id="own")
    services.flags.delete("f")
    assert "s" in services.segments.stored()
    assert "own" not in services.segments.stored()
    services.flags.delete("g")
    assert "s" not in services.segments.stored()
    assert services.flags.all() == []


# Lists


def test_a_list_is_put_replaced_and_removed(services: Services) -> None:
    made = services.flags.create(flag())
    add_list(services)
    off = ListEntry("s", enabled=False, list_type="Individual")
    assert services.flags.put_list("f", off, exclude=False).include == (off,)
    assert services.flags.holder_of("s", exclude=False).id == "f"
    assert services.flags.remove_list("f", "s", exclude=False) == made
    assert services.flags.get("f") == made
    assert "s" not in services.segments.stored()


def test_a_list_belongs_to_its_flag_on_one_side(services: Services) -> None:
    services.flags.create(flag("a"))
    services.flags.create(flag("f"))
    add_list(services)
    with pytest.raises(NotFound, match="there is no such list: s"):
        services.flags.holder_of("s", exclude=True)
    with pytest.raises(NotFound):
        services.flags.holder_of("other", exclude=False)
    for flag_id in ("a", "unknown"):
        with pytest.raises(Invalid, match="belongs to the flag f"):
            services.flags.check_list(flag_id, "s", exclude=False)
    add_list(services, "a")
    for flag_id in ("a", "f"):
        services.flags.check_list(flag_id, "s", exclude=False)


def test_a_segment_that_others_use_outlives_its_removal_from_a_list(services: Services) -> None:
    for flag_id in ("f", "g"):
        services.flags.create(flag(flag_id))
        add_list(services, flag_id)
    services.segments.put(segment("public"), [])
    services.flags.put_list("f", ListEntry("public"), exclude=True)
    add_list(services, segment_id="other")
    for segment_id, exclude in (("s", False), ("public", True)):
        services.flags.remove_list("f", segment_id, exclude=exclude)
        assert segment_id in services.segments.stored()
    services.flags.remove_list("g", "s", exclude=False)
    assert "s" not in services.segments.stored()
    assert services.flags.get("f").include == (ListEntry("other"),)
    assert "other" in services.segments.stored()


def test_a_list_of_both_sides_as_older_versions_took_it_stays_where_it_is_not_removed(
    services: Services,
) -> None:
    services.segments.put(segment("s", kind=SegmentType.PRIVATE), ["u"])
    services.flags.create(replace(flag(), include=(ListEntry("s"),), exclude=(ListEntry("s"),)))
    after = services.flags.remove_list("f", "s", exclude=False)
    assert (after.include, after.exclude) == ((), (ListEntry("s"),))
    assert "s" in services.segments.stored()


def test_a_flag_has_no_room_for_more_lists_than_go_with_it(
    services: Services, memory: Memory
) -> None:
    services.flags.create(flag())
    for number in range(LISTS):
        add_list(services, segment_id=f"{number}")
    before = memory.revision
    more = ListEntry("more")
    for refuse in (services.flags.check_room, services.flags.put_list):
        with pytest.raises(Invalid, match=f"at most {LISTS} lists"):
            refuse("f", more, exclude=True)
    services.flags.check_room("f", ListEntry("7"), exclude=False)
    assert memory.revision == before
    services.flags.delete("f")
    assert memory.segments == {}


# Races and deaths


def test_parallel_creations_of_one_key_make_one_flag(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    def create(number: int) -> bool:
        try:
            process(memory, clock).flags.create(flag(f"{number}", "key"))
        except FlagKeyTaken:
            return False
        return True

    made = at_once(*(lambda n=n: create(n) for n in range(PARALLEL)))
    assert sorted(made) == [False] * (PARALLEL - 1) + [True]
    assert len(services.flags.all()) == 1


def test_of_two_edits_at_once_neither_is_lost(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.flags.create(flag())
    rival = once("catalogue.commit", lambda: add_list(services))
    edited = process(memory, clock, before=rival).flags.edit("f", renamed)
    assert (edited.name, edited.include) == ("renamed", (ListEntry("s"),))
    assert services.flags.get("f") == edited


def test_a_flag_that_is_deleted_meanwhile_cannot_be_edited(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.flags.create(flag())
    rival = once("catalogue.commit", lambda: services.flags.delete("f"))
    with pytest.raises(NotFound):
        process(memory, clock, before=rival).flags.edit("f", renamed)
    assert services.flags.all() == []


def test_a_list_is_removed_as_it_is_when_another_flag_takes_it_meanwhile(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.flags.create(flag("f"))
    services.flags.create(flag("g"))
    add_list(services)
    rival = once("catalogue.commit", lambda: add_list(services, "g"))
    process(memory, clock, before=rival).flags.remove_list("f", "s", exclude=False)
    assert "s" in services.segments.stored()


@pytest.mark.parametrize("step", ["before", "after"])
def test_what_is_killed_is_done_whole_or_not_at_all_and_can_be_repeated(
    services: Services, memory: Memory, clock: FixedClock, step: str
) -> None:
    def survive(action: str, *args: object, **named: object) -> None:
        for at in range(10):
            try:
                getattr(mortal(memory, clock, at, step).flags, action)(*args, **named)
            except (Killed, Conflict, NotFound):
                assert {each.id for each in services.flags.all()} <= {"f"}
                listed = any(each.include for each in services.flags.all())
                assert ("s" in services.segments.stored()) is listed

    survive("create", flag())
    assert len(services.flags.all()) == 1
    add_list(services)
    survive("remove_list", "f", "s", exclude=False)
    assert services.flags.get("f").include == ()
    add_list(services)
    survive("delete", "f")
    assert (services.flags.all(), memory.segments) == ([], {})

"""Flags, and the lists of flags and experiments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue, SegmentChange
from chalicelib.domain.catalogue.lists import (
    LISTS,
    entries,
    has_list,
    holders,
    listed,
    own_lists,
    with_list,
    without_list,
)
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.features.features import Feature
from chalicelib.domain.flags.flags import CompiledFlag, Flag
from tests.unit.measure_samples import flag
from tests.unit.upgrade_samples import CLASS, ROOM, design, pupil, segment, user

ON, OFF = True, False


def compiled(made: Flag, *segments: Segment) -> CompiledFlag:
    return CompiledFlag.of(made, {each.id: each for each in segments})


# Who a flag is on for


def test_a_flag_without_lists_is_on_for_all_or_none_by_its_filter_mode() -> None:
    assert compiled(flag()).is_on_for(user())
    assert not compiled(flag(mode=FilterMode.EXCLUDE_ALL)).is_on_for(user())


@pytest.mark.parametrize(("enabled", "is_on"), [(ON, False), (OFF, True)])
def test_an_exclusion_list_counts_while_it_is_switched_on(enabled: bool, is_on: bool) -> None:
    made = compiled(flag(exclude=[ListEntry("s", enabled)]), segment("s"))
    assert made.is_on_for(user(s=1)) is is_on
    assert made.is_on_for(user())


@pytest.mark.parametrize("enabled", [ON, OFF])
def test_an_inclusion_list_counts_while_it_is_switched_on(enabled: bool) -> None:
    closed = flag(mode=FilterMode.EXCLUDE_ALL, include=[ListEntry("s", enabled)])
    made = compiled(closed, segment("s", ROOM))
    assert made.is_on_for(user(s=1)) is enabled
    assert made.is_on_for(pupil()) is enabled
    assert not made.is_on_for(user())


def test_lists_bring_their_subsegments() -> None:
    closed = flag(mode=FilterMode.EXCLUDE_ALL, include=[ListEntry("top")])
    made = compiled(closed, segment("top", subs=("low", "gone")), segment("low", ROOM))
    assert made.is_on_for(pupil())
    assert made.is_on_for(user(low=1))
    assert not made.is_on_for(user(low=2)), "another version of the list named this user"


def test_exclusion_by_name_wins_over_inclusion_by_name_and_that_over_groups() -> None:
    both = flag(include=[ListEntry("wanted")], exclude=[ListEntry("unwanted")])
    made = compiled(both, segment("wanted"), segment("unwanted", ROOM))
    assert not made.is_on_for(user(wanted=1, unwanted=1))
    assert not made.is_on_for(pupil())
    assert made.is_on_for(pupil(wanted=1))


def test_any_group_of_a_user_counts_in_force_or_not() -> None:
    made = compiled(flag(exclude=[ListEntry("s")]), segment("s", ROOM))
    two = pupil(room="room 2")
    assert made.is_on_for(two)
    profile = replace(two.profile, group={CLASS: ("room 2", ROOM.id)})
    assert not made.is_on_for(replace(two, profile=profile))


# Lists


@pytest.fixture(params=[flag, design])
def holder(request: pytest.FixtureRequest) -> Any:
    """An experiment or a flag without lists."""
    return request.param()


def test_lists_are_added_to_one_side_in_the_order_they_come(holder: Any) -> None:
    for name, exclude in (("b", False), ("c", True), ("a", False)):
        holder = with_list(holder, ListEntry(name), exclude=exclude)
    assert [entry.segment_id for entry in holder.include] == ["b", "a"]
    assert entries(holder) == (*holder.include, ListEntry("c"))
    assert listed(holder) == {"a", "b", "c"}
    assert has_list(holder, "a", exclude=False)
    assert not has_list(holder, "a", exclude=True)
    assert has_list(holder, "c", exclude=True)


def test_a_list_that_is_there_is_replaced_where_it_stands(holder: Any) -> None:
    for name in "abc":
        holder = with_list(holder, ListEntry(name), exclude=True)
    after = with_list(holder, ListEntry("b", enabled=False), exclude=True)
    assert [(e.segment_id, e.enabled) for e in after.exclude] == [("a", ON), ("b", OFF), ("c", ON)]


def test_lists_are_bounded_in_number_on_both_sides_together(holder: Any) -> None:
    for number in range(LISTS):
        holder = with_list(holder, ListEntry(f"{number}"), exclude=number % 2 == 0)
    with pytest.raises(Invalid, match=f"at most {LISTS} lists"):
        with_list(holder, ListEntry("more"), exclude=False)
    replaced = with_list(holder, ListEntry("1", enabled=False), exclude=False)
    assert len(entries(replaced)) == LISTS


@pytest.mark.parametrize("exclude", [False, True])
def test_a_list_is_on_one_side_and_is_taken_off_that(holder: Any, exclude: bool) -> None:
    for name in ("a", "b"):
        holder = with_list(holder, ListEntry(name), exclude=exclude)
    with pytest.raises(Invalid, match="the list a is on the other side"):
        with_list(holder, ListEntry("a"), exclude=not exclude)
    assert without_list(holder, "a", exclude=not exclude) == holder
    after = without_list(holder, "a", exclude=exclude)
    assert (listed(after), len(entries(after))) == ({"b"}, 1)
    assert without_list(after, "a", exclude=exclude) == after


def test_a_list_that_was_stored_on_both_sides_is_changed_on_either(holder: Any) -> None:
    both = replace(holder, include=(ListEntry("a"),), exclude=(ListEntry("a"),))
    changed = with_list(both, ListEntry("a", enabled=False), exclude=True)
    assert (changed.include, changed.exclude) == (both.include, (ListEntry("a", enabled=False),))
    changed = with_list(both, ListEntry("a", enabled=False), exclude=False)
    assert (changed.include, changed.exclude) == ((ListEntry("a", enabled=False),), both.exclude)
    assert without_list(both, "a", exclude=True).include == both.include


def catalogue(experiment: Experiment, *flags: Flag, segments: tuple[Segment, ...]) -> Catalogue:
    return Catalogue(
        features=(Feature.of_design(1, experiment, 1),),
        flags={each.id: each for each in flags},
        segments={each.id: each for each in segments},
    )


def test_what_a_holder_lists_alone_goes_with_it_if_it_is_private() -> None:
    segments = (
        segment("own"),
        segment("shared"),
        segment("theirs"),
        segment("public", kind=SegmentType.PUBLIC),
    )
    names = ("own", "shared", "public", "gone")
    going = flag("going", exclude=map(ListEntry, names[:2]), include=map(ListEntry, names[2:]))
    staying = flag("staying", include=[ListEntry("theirs")])
    given = catalogue(design(exclude=["shared"]), going, staying, segments=segments)
    assert own_lists(given, going) == (SegmentChange(segments[0], None),)
    assert [each.id for each in holders(given)] == ["exp", "going", "staying"]


def test_an_experiment_does_not_take_the_list_of_a_flag_with_it() -> None:
    made = design(exclude=["s", "t"])
    listing = flag(include=[ListEntry("s")])
    given = catalogue(made, listing, segments=(segment("s"), segment("t")))
    assert own_lists(given, made) == (SegmentChange(segment("t"), None),)

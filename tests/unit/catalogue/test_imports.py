from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.imports import (
    is_older,
    missing_segments,
    part_ids,
    unknown_group_types,
)
from chalicelib.domain.catalogue.lists import (
    LISTS,
    are_there,
    check_room,
    in_use,
    is_free,
    with_lists,
)
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import (
    ConditionPayload,
    Experiment,
    Factor,
    Level,
    LevelElement,
    Payload,
    State,
    StateChange,
)
from chalicelib.domain.features.features import Feature
from chalicelib.domain.participants.participants import GroupKey
from tests.fakes.memory import START
from tests.unit.upgrade_service_samples import design, segment


def catalogue(*segments: Segment, holder: Experiment | None = None) -> Catalogue:
    features = () if holder is None else (Feature.of_design(1, holder, 1),)
    return Catalogue(features=features, segments={each.id: each for each in segments})


def private(segment_id: str = "s") -> Segment:
    return segment(segment_id, kind=SegmentType.PRIVATE)


@pytest.mark.parametrize(
    ("version", "other", "older"),
    [
        ("6.5.0", "6.5.0", False),
        ("6.4.9", "6.5.0", True),
        ("6.10.0", "6.5.0", False),
        ("6.5", "6.5.0", True),
        ("5.12.3", "6.5.0", True),
        ("next", "6.5.0", False),
    ],
)
def test_versions_compare_number_by_number(version: str, other: str, older: bool) -> None:
    assert is_older(version, other) is older


def test_every_part_of_an_experiment_has_an_id() -> None:
    bare = design(weights={"a": 100.0})
    whole = replace(
        bare,
        conditions=(replace(bare.conditions[0], levels=(LevelElement("element", "level"),)),),
        factors=(Factor("factor", "f", 1, None, (Level("level", "l"),)),),
        payloads=(ConditionPayload("payload", "id of a", None, Payload("string", "x")),),
        queries=({"id": "query"},),
        state_changes=(StateChange("change", State.INACTIVE, State.ENROLLING, START),),
    )
    own = {"element", "factor", "level", "payload", "query", "change"}
    assert part_ids([whole]) == {"id of a", "point 1"} | own
    assert part_ids([bare, replace(bare, points=())]) == {"id of a", "point 1"}


def test_segments_are_missing_that_are_elsewhere_or_nowhere() -> None:
    there = {each.id: each for each in (segment("s"), segment("t", context="add"))}
    assert missing_segments(["s", "t", "u", "u"], there, "Home") == ["t", "u"]
    assert missing_segments([], there, "home") == []


def test_group_types_are_named_once() -> None:
    groups = [GroupKey("class", "1"), GroupKey("team", "1"), GroupKey("team", "2")]
    assert unknown_group_types(groups, ["class"]) == ["team"]
    assert unknown_group_types(groups, ["team", "class"]) == []


def test_an_id_is_free_if_nothing_has_it_or_refers_to_who_has_it() -> None:
    assert is_free(catalogue(), "s")
    assert is_free(catalogue(private()), "s")
    assert not is_free(catalogue(segment("s")), "s")
    assert not is_free(catalogue(private(), holder=design(exclude=["s"])), "s")
    parent = segment("parent", sub_segments=["s"])
    assert not is_free(catalogue(private(), parent), "s")
    assert in_use(catalogue(private(), parent), "s")
    assert not in_use(catalogue(private(), parent), "parent")


def test_segments_are_there_as_long_as_they_are_what_they_were() -> None:
    assert are_there(catalogue(private()), [private()])
    assert are_there(catalogue(), [])
    assert not are_there(catalogue(), [private()])
    assert not are_there(catalogue(replace(private(), version=2)), [private()])


def test_lists_are_added_up_to_a_limit() -> None:
    entries = [ListEntry(f"s{number}") for number in range(LISTS)]
    full = with_lists(design(), entries, exclude=True)
    assert full.exclude == tuple(entries)
    assert full.include == ()
    assert with_lists(full, entries, exclude=True) == full
    with pytest.raises(Invalid, match="at most 40 lists"):
        with_lists(full, [ListEntry("t")], exclude=False)
    check_room(full, 0)
    with pytest.raises(Invalid, match="at most 40 lists"):
        check_room(full, 1)

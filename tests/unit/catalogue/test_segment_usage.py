from __future__ import annotations

from collections.abc import Sequence

import pytest

from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.segment_usage import SegmentStatus, SegmentUsage, own_sub_lists
from chalicelib.domain.experiments.experiments import Experiment, State
from chalicelib.domain.features.features import Feature
from chalicelib.domain.flags.flags import Flag, FlagStatus
from tests.fakes.memory import START
from tests.unit.samples import SHARDS
from tests.unit.upgrade_service_samples import CONTEXT, design, segment

PRIVATE = SegmentType.PRIVATE


def flag(include: Sequence[ListEntry] = (), exclude: Sequence[ListEntry] = ()) -> Flag:
    return Flag(
        "flag", 99, "flag", "KEY", None, FlagStatus.ENABLED, CONTEXT, (), FilterMode.INCLUDE_ALL,
        tuple(include), tuple(exclude), START, START, 1,
    )  # fmt: skip


def catalogue(*holders: Experiment | Flag, segments: Sequence[Segment] = ()) -> Catalogue:
    return Catalogue(
        features=tuple(
            Feature.of_design(number, each, SHARDS)
            for number, each in enumerate(holders, 1)
            if isinstance(each, Experiment)
        ),
        segments={each.id: each for each in segments},
        flags={each.id: each for each in holders if isinstance(each, Flag)},
    )


def private(segment_id: str, *subs: str) -> Segment:
    return segment(segment_id, kind=PRIVATE, sub_segments=subs)


def statuses(*holders: Experiment | Flag, segments: Sequence[Segment]) -> dict[str, str]:
    usage = SegmentUsage(catalogue(*holders, segments=segments))
    return {each.id: usage.status(each).value for each in segments}


# Statuses


@pytest.mark.parametrize("side", ["include", "exclude"])
def test_what_a_list_names_at_any_depth_is_used(side: str) -> None:
    segments = [private("list", "s"), segment("s", sub_segments=["t"]), segment("t"), segment("u")]
    expected = {"list": "used", "s": "used", "t": "used", "u": "unused"}
    assert statuses(design(**{side: ["list"]}), segments=segments) == expected  # type: ignore[arg-type]
    assert statuses(flag(**{side: [ListEntry("list", enabled=False)]}), segments=segments) == (
        expected
    )


def test_lists_of_archived_experiments_do_not_count() -> None:
    archived = design(state=State.ARCHIVED, include=["list"])
    assert statuses(archived, segments=[private("list", "s"), segment("s")]) == {
        "list": "unused",
        "s": "unused",
    }


def test_a_global_exclusion_is_excluded_and_uses_what_is_inside() -> None:
    shut_out = segment("g", kind=SegmentType.GLOBAL_EXCLUDE, sub_segments=["s"])
    assert statuses(segments=[shut_out, segment("s")]) == {"g": "excluded", "s": "used"}


def test_segments_inside_each_other_are_used_or_not_like_others() -> None:
    segments = [segment("s", sub_segments=["t"]), segment("t", sub_segments=["s", "gone"])]
    assert statuses(segments=segments) == {"s": "unused", "t": "unused"}
    assert set(statuses(design(include=["t", "gone"]), segments=segments).values()) == {"used"}


# What uses them


def test_the_lists_of_some_segments_are_those_that_name_them() -> None:
    experiment = design("e", include=["p"], exclude=["q", "gone"])
    other = design("f", state=State.ARCHIVED, exclude=["p"])
    held = flag(include=[ListEntry("p")], exclude=[ListEntry("q")])
    segments = [private("p", "s"), private("q", "t"), segment("s"), segment("t")]
    usage = SegmentUsage(catalogue(experiment, other, held, segments=segments))

    def lists(*ids: str) -> list[tuple[str, str, bool]]:
        return [(use.holder.id, use.entry.segment_id, use.exclude) for use in usage.lists(ids)]

    assert lists("s") == [("e", "p", False), ("f", "p", True), ("flag", "p", False)]
    assert lists("t") == [("e", "q", True), ("flag", "q", True)]
    assert lists("q") == lists("t")
    assert lists() == lists("gone") == []


def test_an_experiment_is_known_by_its_own_list() -> None:
    held = flag(include=[ListEntry("p")])
    segments = [private("p", "s"), segment("s")]
    usage = SegmentUsage(catalogue(held, design(include=["p"]), segments=segments))
    found = usage.list_of("p", exclude=False)
    assert found is not None
    assert found.id == "e"
    assert usage.list_of("p", exclude=True) is None
    assert usage.list_of("s", exclude=False) is None


def test_parents_are_those_that_can_be_seen() -> None:
    segments = [
        segment("a", sub_segments=["p", "gone"]),
        private("p", "s"),
        segment("b", sub_segments=["s"]),
        segment("s"),
        segment("c", sub_segments=["other"]),
    ]
    usage = SegmentUsage(catalogue(segments=segments))
    assert [parent.id for parent in usage.parents(["s"])] == ["a", "b"]
    assert usage.parents([]) == []
    assert [sub.id for sub in usage.sub_segments(segments[0])] == ["p"]
    assert [each.id for each in usage.public()] == ["a", "b", "s", "c"]


def users(segment_id: str, *holders: Experiment | Flag, segments: Sequence[Segment]) -> list[str]:
    usage = SegmentUsage(catalogue(*holders, segments=segments))
    return usage.users(usage.segments[segment_id])


def test_all_that_names_a_segment_at_any_depth_uses_it() -> None:
    shut_out = segment("g", kind=SegmentType.GLOBAL_EXCLUDE, sub_segments=["parent"])
    segments = [private("p", "s"), segment("s"), segment("parent", sub_segments=["s"]), shut_out]
    held = flag(include=[ListEntry("p", enabled=False)], exclude=[ListEntry("p")])
    archived = design("f", state=State.ARCHIVED, exclude=["parent"])
    assert users("s", design(include=["s"]), archived, held, segments=segments) == [
        'the experiment "experiment e" (e)',
        'the experiment "experiment f" (f)',
        'the flag "flag" (flag)',
        'the segment "segment parent" (parent)',
        'the global exclusion of the context "home"',
    ]
    assert users("p", held, segments=segments) == ['the flag "flag" (flag)']
    assert users("g", segments=segments) == ['the context "home", whose global exclusion it is']


def test_a_segment_is_not_used_by_itself_or_by_what_nothing_lists() -> None:
    segments = [segment("s", sub_segments=["s", "p"]), private("p"), private("left", "s")]
    assert users("s", segments=segments) == []


# What goes with a segment


def own(segment_id: str, *holders: Experiment | Flag, segments: Sequence[Segment]) -> list[str]:
    made = catalogue(*holders, segments=segments)
    return [each.id for each in own_sub_lists(made, made.segments[segment_id])]


def test_private_lists_inside_a_segment_are_its_own_at_any_depth() -> None:
    segments = [
        segment("s", sub_segments=["p", "q", "public", "gone"]),
        private("p", "inner"),
        private("q", "inner"),
        private("inner"),
        segment("public"),
        private("apart"),
    ]
    assert own("s", segments=segments) == ["p", "q", "inner"]
    assert own("p", segments=segments) == []


def test_what_something_else_uses_is_not_its_own() -> None:
    subs = ["listed", "flagged", "shared", "own"]
    segments = [
        segment("s", sub_segments=subs),
        *(private(sub) for sub in subs),
        segment("t", sub_segments=["shared"]),
    ]
    held = flag(exclude=[ListEntry("flagged")])
    assert own("s", design(include=["listed"]), held, segments=segments) == ["own"]


def test_a_segment_inside_itself_is_not_its_own() -> None:
    segments = [private("p", "q", "p"), private("q", "p")]
    assert own("p", segments=segments) == ["q"]


def test_a_status_is_written_in_lower_case() -> None:
    assert [status.value for status in SegmentStatus] == ["used", "unused", "excluded"]

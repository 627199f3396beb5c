"""Segments as people look at them."""

from __future__ import annotations

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.segment_usage import SegmentStatus
from chalicelib.domain.errors import NotFound
from chalicelib.services import Services
from chalicelib.services.audiences import member_counts, segment_details
from chalicelib.services.audiences.member_counts import FirstMembers, Reach
from chalicelib.services.audiences.segment_details import SegmentRow, SegmentsWanted
from chalicelib.services.audiences.segments import global_id
from tests.unit.measure_samples import flag
from tests.unit.upgrade_service_samples import CONTEXT, class_key, segment


@pytest.fixture(autouse=True)
def stored(services: Services) -> None:
    """A segment with another inside, which a list of a flag names, and a list."""
    services.segments.put(segment("in", groups=[class_key("1a")]), ["u", "v"])
    services.segments.put(segment("out", sub_segments=["in", "gone"]), ["u"])
    services.segments.put(segment("l", kind=SegmentType.PRIVATE, sub_segments=["out"]), [])
    services.flags.create(flag("f", "f"))
    services.flags.put_list("f", ListEntry("l"), exclude=True)


def rows(services: Services, wanted: SegmentsWanted) -> dict[str, SegmentRow]:
    return {row.segment.id: row for row in services.pages.segment_details.page(wanted).rows}


def test_a_segment_comes_with_who_is_in_it_and_what_uses_it(services: Services) -> None:
    found = services.pages.segment_details.of("in")
    assert found.status is SegmentStatus.USED
    assert found.users == FirstMembers(["u", "v"], 2)
    assert found.groups == [class_key("1a")]
    assert found.reach == Reach(2, 1)
    assert [(use.holder.id, use.exclude) for use in found.lists] == [("f", True)]
    assert [each.id for each in found.parents] == ["out"]
    assert found.others == [services.segments.get("out").name]
    assert class_key("1a").type in found.group_types
    outer = services.pages.segment_details.of("out")
    assert outer.reach == Reach(3, 1)
    assert [each.id for each in outer.parts] == ["in"]
    with pytest.raises(NotFound):
        services.pages.segment_details.of("none")


def test_of_long_lists_the_first_are_read(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_counts, "SHOWN", 1)
    assert services.pages.segment_details.of("in").users == FirstMembers(["u"], 2)
    monkeypatch.setattr(member_counts, "COUNTED", 1)
    assert services.pages.segment_details.of("out").reach == Reach(1, 1, is_whole=False)


def test_segments_are_listed_with_all_that_uses_them(services: Services) -> None:
    found = rows(services, SegmentsWanted(context=CONTEXT))
    assert list(found) == ["in", "out", global_id(CONTEXT)]
    assert (found["in"].users, [each.id for each in found["in"].used_by]) == (2, ["f", "out"])
    assert [each.id for each in found["out"].used_by] == ["f"]
    assert found[global_id(CONTEXT)].used_by == ()


def test_what_is_listed_is_asked_for(services: Services) -> None:
    assert list(rows(services, SegmentsWanted(kind=SegmentType.PRIVATE))) == ["l"]
    assert list(rows(services, SegmentsWanted(search="in", kind=SegmentType.PUBLIC))) == ["in"]
    name = services.segments.get("out").name.upper()
    assert list(rows(services, SegmentsWanted(search=name))) == ["out"]
    assert rows(services, SegmentsWanted(context="none")) == {}
    assert set(rows(services, SegmentsWanted())) > {"in", "out"}


def test_many_are_listed_by_pages(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_details, "ROWS_OF_A_PAGE", 2)
    first = services.pages.segment_details.page(SegmentsWanted(context=CONTEXT))
    assert (first.found, first.total, first.pages, len(first.rows)) == (3, 2, 2, 2)
    last = rows(services, SegmentsWanted(context=CONTEXT, page=9))
    assert list(last) == [global_id(CONTEXT)]


def test_a_global_exclusion_that_nothing_is_stored_of_has_no_members(services: Services) -> None:
    found = services.pages.segment_details.of(global_id(CONTEXT))
    assert found.users == FirstMembers([], 0)
    assert found.reach == Reach(0, 0)
    assert found.status is SegmentStatus.EXCLUDED

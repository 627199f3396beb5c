"""Segments with what they are used for, as UpGrade's administration lists them (section 8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.api.pages.answer_pages import Pages, Row, Taken
from chalicelib.api.pages.answer_sizes import (
    ANSWER_BYTES,
    LONGEST_ANSWER,
    JsonText,
    list_text,
    row_text,
)
from chalicelib.api.upgrade.audiences import segment_uses as uses
from chalicelib.api.upgrade.audiences.segment_answers import (
    SegmentWithStatus,
    SingleSegment,
    SingleSegmentWithStatus,
    bare_segment_answer,
    segment_answer,
    single_segment_answer,
)
from chalicelib.api.upgrade.audiences.segment_uses import (
    ExperimentUse,
    FlagUse,
    NestedSegment,
    ParentSegment,
    SegmentOverview,
    Use,
    UsingExperiment,
    UsingFlag,
)
from chalicelib.api.upgrade.audiences.shown_members import bounded_one
from chalicelib.api.upgrade.wire.records import stamps
from chalicelib.api.upgrade.wire.state_names import display_name
from chalicelib.domain.audiences.listings import Listing
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.answer_room import answer_bytes
from chalicelib.domain.catalogue.segment_usage import ListUse, SegmentUsage
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.flags.flags import Flag

PARTS_SHOWN = 1_000
"""Segments that are shown inside one use: what is inside a segment may have as many inside it."""

USES_MARGIN = 100_000
"""Bytes that are left free where not all uses are shown."""

USES = (
    "experimentSegmentInclusionData",
    "experimentSegmentExclusionData",
    "featureFlagSegmentInclusionData",
    "featureFlagSegmentExclusionData",
    "allParentSegments",
)


@dataclass(frozen=True, slots=True)
class Overview:
    """Some segments with what they are used for, as JSON, and which those are."""

    text: JsonText[SegmentOverview]
    taken: Taken[Segment, SegmentWithStatus]


def overview(
    usage: SegmentUsage, pages: Pages[Segment], taken: Taken[Segment, SegmentWithStatus]
) -> Overview:
    """GET /api/segments, and the nodes of POST /api/segments/paginated.

    Where the segments of a page are too long together with their uses, the page is a shorter one.
    """
    while True:
        shown = list_text(row.text for row in taken.texts)
        room = ANSWER_BYTES - answer_bytes(shown)
        uses = _used_by(usage, taken.rows, room)
        if uses is None:
            if len(taken.rows) > 1:
                taken = pages.first(taken, len(taken.rows) // 2)
                continue
            uses = _some_uses(usage, taken.rows, shown)
        return Overview(JsonText(f'{{"segmentsData":{shown},{uses}}}'), taken)


def single_with_status(usage: SegmentUsage, listing: Listing, route: str) -> Row[uses.SegmentUsage]:
    """GET /api/segments/status/{id}."""

    def with_own_status(listing: Listing) -> SingleSegmentWithStatus:
        return {**shown_single(usage, listing), "status": usage.status(listing.segment)}

    row = bounded_one(with_own_status, listing, route)
    segments = [listing.segment]
    uses = _used_by(usage, segments, ANSWER_BYTES - answer_bytes(row.text)) or _some_uses(
        usage, segments, row.text
    )
    return Row(JsonText(f'{{"segment":{row.text},{uses}}}'), row.links)


def shown_single(usage: SegmentUsage, listing: Listing) -> SingleSegment:
    """GET /api/segments/{id}: with the experiments that it is itself a list of."""
    holders = [usage.list_of(listing.segment.id, exclude=exclude) for exclude in (False, True)]
    return single_segment_answer(listing, *(holder.id if holder else None for holder in holders))


def with_status(usage: SegmentUsage, listing: Listing) -> SegmentWithStatus:
    """A segment with its members, and whether it is used."""
    return {**segment_answer(listing), "status": usage.status(listing.segment)}


def _used_by(usage: SegmentUsage, segments: Sequence[Segment], room: int) -> str | None:
    """The lists and the segments that name one of some segments: members of a JSON object.

    None if they do not fit `room` bytes.
    """
    texts, whole = _fitting(usage, segments, room)
    return _members_of(texts) if whole else None


def _some_uses(usage: SegmentUsage, segments: Sequence[Segment], shown: str) -> str:
    """The first of the uses, and how many there are, beside a segment that is shown."""
    room = LONGEST_ANSWER - USES_MARGIN - answer_bytes(shown)
    texts, _ = _fitting(usage, segments, room)
    ids = [segment.id for segment in segments]
    total = len(usage.lists(ids)) + len(usage.parents(ids))
    return f'{_members_of(texts)},"usesTotal":{total}'


def _fitting(
    usage: SegmentUsage, segments: Sequence[Segment], room: int
) -> tuple[dict[str, list[JsonText[object]]], bool]:
    texts: dict[str, list[JsonText[object]]] = {name: [] for name in USES}
    for name, use in _uses(usage, segments):
        text = row_text(use)
        room -= answer_bytes(text) + 1
        if room < 0:
            return texts, False
        texts[name].append(text)
    return texts, True


def _members_of(texts: Mapping[str, Sequence[JsonText[object]]]) -> str:
    return ",".join(f'"{name}":{list_text(texts[name])}' for name in USES)


def _uses(
    usage: SegmentUsage, segments: Sequence[Segment]
) -> Iterator[tuple[str, ExperimentUse | FlagUse | ParentSegment]]:
    ids = [segment.id for segment in segments]
    included, excluded, flag_included, flag_excluded, parents = USES
    for use in usage.lists(ids):
        own = _list(usage, use)
        if isinstance(use.holder, Experiment):
            of_experiment: ExperimentUse = {**own, "experiment": _experiment(use.holder)}
            yield excluded if use.exclude else included, of_experiment
        else:
            of_flag: FlagUse = {**own, "featureFlag": _flag(use.holder)}
            yield flag_excluded if use.exclude else flag_included, of_flag
    for parent in usage.parents(ids):
        yield parents, _parent(usage, parent)


def _list(usage: SegmentUsage, use: ListUse) -> Use:
    """The list that a use is, which is there: it names a segment that is."""
    segment = usage.segments[use.entry.segment_id]
    inside = usage.sub_segments(segment)[:PARTS_SHOWN]
    subs = [bare_segment_answer(sub) for sub in inside]
    return {
        **stamps(segment.created_at, segment.updated_at, segment.version),
        "segment": {"id": segment.id, "subSegments": subs},
    }


def _experiment(experiment: Experiment) -> UsingExperiment:
    return {
        "id": experiment.id,
        "name": experiment.name,
        "description": experiment.description,
        "state": display_name(experiment.state),
        "context": [experiment.context],
    }


def _flag(flag: Flag) -> UsingFlag:
    return {
        "id": flag.id,
        "name": flag.name,
        "key": flag.key,
        "description": flag.description,
        "status": flag.status,
        "context": [flag.context],
    }


def _parent(usage: SegmentUsage, parent: Segment) -> ParentSegment:
    """A segment with what is inside it, and what is inside that."""
    left = PARTS_SHOWN
    subs: list[NestedSegment] = []
    for sub in usage.sub_segments(parent)[:PARTS_SHOWN]:
        inside = usage.sub_segments(sub)[:left]
        left -= len(inside)
        subs.append(
            {
                **bare_segment_answer(sub),
                "subSegments": [bare_segment_answer(each) for each in inside],
            }
        )
    return {
        **bare_segment_answer(parent),
        "subSegments": subs,
        "status": usage.status(parent),
    }

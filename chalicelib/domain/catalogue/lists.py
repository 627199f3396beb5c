"""The lists of experiments and flags: segments that include or exclude their members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    Revision,
    SegmentChange,
)
from chalicelib.domain.catalogue.purge import SECOND_PASS, LooseLists
from chalicelib.domain.errors import Invalid, LostRace, NotFound
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.flags.flags import Flag

Holder = TypeVar("Holder", Experiment, Flag)
"""What has lists."""

LISTS = 40
"""Lists that an experiment or a flag may have: they go with it in one transaction."""


def entries(holder: Experiment | Flag) -> tuple[ListEntry, ...]:
    """All lists, those that include before those that exclude."""
    return (*holder.include, *holder.exclude)


def listed(holder: Experiment | Flag) -> set[str]:
    """The ids of the segments of all lists."""
    return {entry.segment_id for entry in entries(holder)}


def has_list(holder: Experiment | Flag, segment_id: str, *, exclude: bool) -> bool:
    """Whether a segment is a list on one side."""
    side = holder.exclude if exclude else holder.include
    return any(entry.segment_id == segment_id for entry in side)


def check_room(holder: Experiment | Flag, added: int) -> None:
    """Refuse more lists than there may be.

    Raises:
        Invalid: if `holder` had too many with some more.
    """
    if len(entries(holder)) + added > LISTS:
        raise Invalid(f"at most {LISTS} lists")


def with_list(holder: Holder, entry: ListEntry, *, exclude: bool) -> Holder:
    """`holder` with a list more on one side, or with the list as it now is.

    Former versions stored some on both sides: those can be changed on either.

    Raises:
        Invalid: if there are as many as there may be, or only the other side has the list.
    """
    known = has_list(holder, entry.segment_id, exclude=exclude)
    if not known and has_list(holder, entry.segment_id, exclude=not exclude):
        raise Invalid(f"the list {entry.segment_id} is on the other side: remove it there first")
    if not known:
        check_room(holder, 1)
    side: tuple[ListEntry, ...] = holder.exclude if exclude else holder.include
    after = (
        tuple(entry if each.segment_id == entry.segment_id else each for each in side)
        if known
        else (*side, entry)
    )
    return replace(holder, exclude=after) if exclude else replace(holder, include=after)


def with_lists(holder: Holder, added: Iterable[ListEntry], *, exclude: bool) -> Holder:
    """`holder` with several lists more on one side.

    Raises:
        Invalid: if there are more than there may be, or the other side has one of them.
    """
    for entry in added:
        holder = with_list(holder, entry, exclude=exclude)
    return holder


def without_list(holder: Holder, segment_id: str, *, exclude: bool) -> Holder:
    """`holder` without the list of a segment on one side."""
    side: tuple[ListEntry, ...] = holder.exclude if exclude else holder.include
    after = tuple(entry for entry in side if entry.segment_id != segment_id)
    return replace(holder, exclude=after) if exclude else replace(holder, include=after)


def with_switched_list(flag: Flag, segment_id: str, *, enabled: bool, exclude: bool) -> Flag:
    """`flag` with the list of a segment on one side switched on or off.

    Raises:
        NotFound: if it has no such list there.
    """
    if not has_list(flag, segment_id, exclude=exclude):
        raise NotFound(f"there is no such list: {segment_id}")
    side = tuple(
        replace(each, enabled=enabled) if each.segment_id == segment_id else each
        for each in (flag.exclude if exclude else flag.include)
    )
    return replace(flag, exclude=side) if exclude else replace(flag, include=side)


def holders(catalogue: Catalogue) -> Iterator[Experiment | Flag]:
    """All experiments and flags."""
    yield from (experiment for _, experiment in catalogue.experiments())
    yield from catalogue.flags.values()


def in_use(catalogue: Catalogue, segment_id: str) -> bool:
    """Whether anything lists a segment, or a segment is part of another."""
    return any(segment_id in listed(holder) for holder in holders(catalogue)) or any(
        segment_id in segment.sub_segments for segment in catalogue.segments.values()
    )


def is_free(catalogue: Catalogue, segment_id: str) -> bool:
    """Whether a new segment can have an id.

    That is if nothing has it, or a private segment that nothing refers to: the creation of what
    should have listed it did not come to its end.
    """
    segment = catalogue.segments.get(segment_id)
    if segment is None:
        return True
    return segment.type is SegmentType.PRIVATE and not in_use(catalogue, segment_id)


def are_there(catalogue: Catalogue, segments: Iterable[Segment]) -> bool:
    """Whether some segments are still what they were."""
    return all(catalogue.segments.get(segment.id) == segment for segment in segments)


def require_there(catalogue: Catalogue, segments: Iterable[Segment]) -> None:
    """Insist that some segments are still what they were when they were stored to be listed.

    Raises:
        LostRace: if one is not.
    """
    if not are_there(catalogue, segments):
        raise LostRace("the lists changed meanwhile")


def own_lists(catalogue: Catalogue, holder: Experiment | Flag) -> tuple[SegmentChange, ...]:
    """The deletion of the private segments that `holder` lists and nothing else does."""
    shared = {
        segment_id
        for other in holders(catalogue)
        if other.id != holder.id
        for segment_id in listed(other)
    }
    found = (catalogue.segments.get(segment_id) for segment_id in sorted(listed(holder) - shared))
    return tuple(
        SegmentChange(segment, None)
        for segment in found
        if segment is not None and segment.type is SegmentType.PRIVATE
    )


def with_loose_lists(
    change: CatalogueChange, revision: Revision, now: datetime, seen_until: datetime
) -> CatalogueChange:
    """A change with what it takes out of force: versions of lists, and lists of holders.

    They stay until `seen_until`: so long some process may decide by the catalogue before.
    """
    versions = tuple(
        (each.before.id, each.before.version)
        for each in change.segments
        if each.before is not None
        and each.before.version
        and (each.after is None or each.after.version != each.before.version)
    )
    loose = tuple(sorted(_no_longer_listed(change)))
    if not versions and not loose:
        return change
    due = max(seen_until, now + SECOND_PASS) if loose else seen_until
    return replace(change, loose=LooseLists(str(revision.version), versions, due, loose))


def _no_longer_listed(change: CatalogueChange) -> set[str]:
    """The segments that an experiment or flag lists no longer, but for those that go."""
    gone = {each.before.id for each in change.segments if each.before and each.after is None}
    before = _all_listed(
        *(each.before.design for each in change.features if each.before),
        *(each.before for each in change.flags),
    )
    after = _all_listed(
        *(each.after.design for each in change.features if each.after),
        *(each.after for each in change.flags),
    )
    return before - after - gone


def _all_listed(*holders: Experiment | Flag | None) -> set[str]:
    return {each for holder in holders if holder is not None for each in listed(holder)}

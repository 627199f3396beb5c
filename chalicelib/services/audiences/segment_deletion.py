"""Deletion of segments, with what belongs to them alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, SegmentChange
from chalicelib.domain.catalogue.lists import are_there, in_use, is_free
from chalicelib.domain.catalogue.segment_usage import SegmentUsage, own_sub_lists
from chalicelib.domain.confirmation import require_name
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock

DELETED_AT_ONCE = 80
"""Segments that are deleted in one commit, which is one transaction."""

USERS_NAMED = 5
"""Of what uses a segment, so many are named where it cannot be deleted."""


class SegmentInUse(Conflict):
    """The segment is in use: experiments or flags include or exclude by it."""

    def __init__(self, segment: Segment, users: Sequence[str]) -> None:
        more = len(users) - USERS_NAMED
        named = ", ".join(users[:USERS_NAMED]) + (f" and {more} more" if more > 0 else "")
        super().__init__(
            f'Segment "{segment.name}" is in use by {named}. Remove it there first; or delete it'
            " with ?force=true, and whom it excludes is let in at once."
        )


@dataclass(frozen=True, slots=True)
class _Removal:
    """The deletion of `segment`, with all that goes (`gone`) and stays changed."""

    segment: Segment
    gone: tuple[Segment, ...]
    changes: tuple[SegmentChange, ...] = ()
    is_last: bool = True

    def part(self) -> _Removal:
        """The part of a removal that one commit can do."""
        if len(self.gone) <= DELETED_AT_ONCE:
            return self
        return _Removal(self.segment, self.gone[-DELETED_AT_ONCE:], is_last=False)

    def change(self) -> CatalogueChange | None:
        """The change to commit; None where all stays as it is."""
        changes = (*self.changes, *(SegmentChange(segment, None) for segment in self.gone))
        return CatalogueChange(segments=changes) if changes else None


class SegmentDeletionService:
    """Deletes segments and lists; the notes of those whom they named go with their versions."""

    def __init__(self, catalogue: CatalogueService, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def discard(self, stored: Segment) -> None:
        """Delete a segment that was just stored, unless something refers to it by now."""

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            if not are_there(catalogue, [stored]) or in_use(catalogue, stored.id):
                return None
            return CatalogueChange(segments=(SegmentChange(stored, None),))

        self._catalogue.change(decide)

    def delete(self, segment_id: str, *, force: bool = False, name: str | None = None) -> Segment:
        """Delete a segment, with the private lists inside it that nothing else uses.

        Where a `name` is given, only if it is the segment's.

        Raises:
            NotFound: if there is none.
            Invalid: if it has another name.
            SegmentInUse: if something uses the segment itself, unless `force` says to do it anyway.
        """

        def plan(catalogue: Catalogue) -> _Removal:
            segment = catalogue.segments.get(segment_id)
            if segment is None:
                raise NotFound("SegmentId not found.")
            if name is not None:
                require_name(segment.name, name)
            if not force and (users := SegmentUsage(catalogue).users(segment)):
                raise SegmentInUse(segment, users)
            return _Removal(segment, (segment, *own_sub_lists(catalogue, segment)))

        return self._remove(plan)

    def delete_unused(self, segment_id: str) -> Segment:
        """Delete a private segment that nothing refers to, as `delete` does; others stay.

        Raises:
            NotFound: if there is none.
        """

        def plan(catalogue: Catalogue) -> _Removal:
            segment = catalogue.segments.get(segment_id)
            if segment is None:
                raise NotFound("SegmentId not found.")
            free = is_free(catalogue, segment_id)
            return _Removal(segment, (segment, *own_sub_lists(catalogue, segment)) if free else ())

        return self._remove(plan)

    def delete_list(self, parent_id: str, segment_id: str) -> Segment:
        """Take a private list out of a segment, and delete it unless something else uses it.

        Raises:
            NotFound: if there is no such segment, or no such list inside it.
        """

        def plan(catalogue: Catalogue) -> _Removal:
            parent = catalogue.segments.get(parent_id)
            found = catalogue.segments.get(segment_id)
            if parent is None:
                raise NotFound("Parent Segment not found")
            if segment_id not in parent.sub_segments or (
                found is None or found.type is not SegmentType.PRIVATE
            ):
                raise NotFound(f"List {segment_id} not found in parent segment {parent_id}")
            lists = tuple(sub for sub in parent.sub_segments if sub != segment_id)
            after = replace(parent, sub_segments=lists, updated_at=self._clock())
            own = found in own_sub_lists(catalogue, parent)
            gone = (found, *own_sub_lists(catalogue, found)) if own else ()
            return _Removal(found, gone, (SegmentChange(parent, after),))

        return self._remove(plan)

    def _remove(self, plan: Callable[[Catalogue], _Removal]) -> Segment:
        """Delete what is planned, in one commit if it is not too much, else the inmost first.

        Killed in between, the same call made again goes on.
        """
        removals: list[_Removal] = []

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            removals.append(plan(catalogue).part())
            return removals[-1].change()

        while not removals or not removals[-1].is_last:
            self._catalogue.change(decide)
        return removals[-1].segment

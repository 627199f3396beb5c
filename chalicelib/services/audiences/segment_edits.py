"""Edits of single parts of segments, which leave all else as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chalicelib.domain.audiences.member_changes import MemberChange
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, SegmentChange
from chalicelib.domain.errors import Invalid, LostRace, NotFound
from chalicelib.services.audiences.segment_deletion import SegmentDeletionService
from chalicelib.services.audiences.segments import SegmentService, check_name, list_version
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries


class SegmentEditService:
    """Edits what a segment says, its members, and the segments inside it.

    All but a change of its users is one commit, whatever the length of the list: the users' notes
    stay as they are.
    """

    def __init__(
        self,
        catalogue: CatalogueService,
        segments: SegmentService,
        segment_deletion: SegmentDeletionService,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._segments = segments
        self._segment_deletion = segment_deletion
        self._clock = clock

    def edit(self, segment_id: str, edit: Callable[[Segment], Segment]) -> Segment:
        """Edit a segment; its users stay.

        Raises:
            NotFound: if there is none.
            NameTaken: if another public segment of the context has the name.
        """
        return self._edit(segment_id, lambda _, segment: edit(segment))

    def change_members(self, segment_id: str, change: MemberChange) -> Segment:
        """Change the users of a segment, or its groups of one type.

        Raises:
            NotFound: if there is none.
            Invalid: if it would have more than it may have.
        """
        if change.group_type is None:
            return self._change_users(segment_id, change)
        return self.edit(segment_id, lambda each: replace(each, groups=change.groups(each.groups)))

    def add_part(self, segment_id: str, named: str) -> Segment:
        """Put another segment inside a segment: by its id, or by its name in the context.

        Raises:
            NotFound: if there is none of them.
            Invalid: if a segment was to be part of itself.
        """

        def add(catalogue: Catalogue, segment: Segment) -> Segment:
            part = _named(catalogue, named, segment.context)
            if part.id == segment.id:
                raise Invalid("A segment cannot be part of itself.")
            parts = dict.fromkeys((*segment.sub_segments, part.id))
            return replace(segment, sub_segments=tuple(parts))

        return self._edit(segment_id, add)

    def remove_part(self, segment_id: str, part_id: str) -> Segment:
        """Take another segment out of a segment; a list that is in no other goes with that.

        Raises:
            NotFound: if there is no such segment.
        """
        part = self._catalogue.fresh().segments.get(part_id)
        if part is not None and part.type is SegmentType.PRIVATE:
            self._segment_deletion.delete_list(segment_id, part_id)
            return self._segments.get(segment_id)
        return self.edit(
            segment_id,
            lambda each: replace(
                each, sub_segments=tuple(sub for sub in each.sub_segments if sub != part_id)
            ),
        )

    def _edit(self, segment_id: str, edit: Callable[[Catalogue, Segment], Segment]) -> Segment:
        edited: list[Segment] = []

        def decide(catalogue: Catalogue) -> CatalogueChange:
            stored = catalogue.segments.get(segment_id)
            before = stored or self._segments.get(segment_id)
            version = before.version or list_version(catalogue.revision, ())
            after = edit(catalogue, before)
            check_name(catalogue, after)
            edited.append(replace(after, version=version, updated_at=self._clock()))
            return CatalogueChange(segments=(SegmentChange(stored, edited[-1]),))

        self._catalogue.change(decide)
        return edited[-1]

    def _change_users(self, segment_id: str, change: MemberChange) -> Segment:
        tries = retries("the list")
        while True:
            next(tries)
            stored = self._segments.stored().get(segment_id)
            segment = stored or self._segments.get(segment_id)
            users = change.users(self._segments.members(segment))
            try:
                return self._segments.follow(stored, segment, users)
            except LostRace:
                continue


def _named(catalogue: Catalogue, named: str, context: str) -> Segment:
    """The segment that has an id, or else the public one of a context that has a name."""
    own = (each for each in catalogue.segments.values() if each.type is SegmentType.PUBLIC)
    found = catalogue.segments.get(named.lower()) or next(
        (each for each in own if (each.name, each.context) == (named, context)), None
    )
    if found is None:
        raise NotFound(f'There is no segment "{named}" in the context "{context}".')
    return found

"""Segments: sets of users and groups that include or exclude them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from chalicelib.domain.audiences.contexts import known_context
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    Revision,
    SegmentChange,
)
from chalicelib.domain.catalogue.lists import holders, is_free, listed, require_there
from chalicelib.domain.catalogue.segment_usage import SegmentUsage
from chalicelib.domain.errors import Conflict, Invalid, LostRace, NotFound
from chalicelib.services.audiences.list_members import ListMembers
from chalicelib.services.audiences.list_notes import ListNotes
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries

NAMESPACE = uuid.UUID("6f0f9d2a-6b1c-4e0e-9f4c-6a4f5a0f3c11")
"""Of the ids of the contexts' global exclusions, which exist without being made."""

Check = Callable[[Catalogue, Segment], Sequence[SegmentChange] | None]
"""Refuses a segment that cannot be stored; the others that change with it, if any."""


class ContextMetadata(Protocol):
    """The configuration of a context."""

    @property
    def GROUP_TYPES(self) -> Sequence[str]:  # noqa: N802 - so it is called in the configuration
        """The types of groups that its users can be in."""
        ...


class NameTaken(Conflict):
    """Another segment of the context has the name."""


class IdTaken(Conflict):
    """Another segment has the id."""


class SegmentService:
    """Creates, reads and replaces segments."""

    def __init__(
        self,
        catalogue: CatalogueService,
        notes: ListNotes,
        clock: Clock,
        context_metadata: Mapping[str, ContextMetadata],
        members: ListMembers,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._catalogue = catalogue
        self._notes = notes
        self._members = members
        self._clock = clock
        self.context_metadata = context_metadata
        self.contexts = tuple(context_metadata)
        self.group_types = {name: each.GROUP_TYPES for name, each in context_metadata.items()}
        """The configured types of groups of each context."""
        self._new_id = new_id

    def all(self) -> list[Segment]:
        """All segments but private ones and global exclusions."""
        return [each for each in self.stored().values() if each.type is SegmentType.PUBLIC]

    def shut_out(self) -> list[Segment]:
        """The global exclusion of each context."""
        stored = self._catalogue.fresh().segments
        return [
            stored.get(global_id(context)) or self._empty_exclusion(context)
            for context in self.contexts
        ]

    def get(self, segment_id: str) -> Segment:
        """One segment.

        Raises:
            NotFound: if there is none.
        """
        found = self._catalogue.fresh().segments.get(segment_id) or self._unmade(segment_id)
        if found is None:
            raise NotFound("SegmentId not found.")
        return found

    def usage(self) -> SegmentUsage:
        """The uses of all segments."""
        return SegmentUsage(self._catalogue.fresh())

    def stored(self) -> Mapping[str, Segment]:
        """All segments that something was stored of, by id."""
        return self._catalogue.fresh().segments

    def members(self, segment: Segment) -> Sequence[str]:
        """The users that a segment names."""
        return self._members.of(segment)

    def put(self, draft: Segment, user_ids: Sequence[str]) -> Segment:
        """Create a segment, or replace the one with its id; its context as that is configured.

        First each user gets a note of the new version of the list, then the catalogue says that it
        counts; killed in between, the old list goes on to count, and the same call made again goes
        on where it stopped. If none is made, the purge removes the notes.

        Raises:
            UnknownAppContext: if there is no such context.
            NameTaken: if a public segment of the context has the name.
        """
        return self._put(draft, user_ids, check_name)

    def follow(self, before: Segment | None, draft: Segment, user_ids: Sequence[str]) -> Segment:
        """Replace what was read `before` (None: nothing was there) by a segment; as `put` does.

        Raises:
            NameTaken: if a public segment of the context has the name.
            LostRace: if something else is stored by now.
        """

        def check(catalogue: Catalogue, draft: Segment) -> None:
            if catalogue.segments.get(draft.id) != before:
                raise LostRace("the segment was replaced meanwhile")
            check_name(catalogue, draft)

        return self._put(draft, user_ids, check)

    def put_list(self, parent_id: str, draft: Segment, user_ids: Sequence[str]) -> Segment:
        """Create a list inside a segment, or replace the one with its id; as `put` does.

        Raises:
            NotFound: if there is no such segment.
            Conflict: if something else has the id of the list.
        """

        def check(catalogue: Catalogue, draft: Segment) -> tuple[SegmentChange, ...]:
            return self._joining(catalogue, draft, parent_id)

        return self._put(replace(draft, type=SegmentType.PRIVATE), user_ids, check)

    def put_listed(self, draft: Segment, user_ids: Sequence[str]) -> Segment:
        """Create the segment of a list, or replace that of a list; as `put` does.

        Raises:
            Conflict: if something else has the id.
            NameTaken: if a public segment of the context has the name.
        """

        def check(catalogue: Catalogue, draft: Segment) -> None:
            check_name(catalogue, draft)
            is_free_id = is_free(catalogue, draft.id) and not self._is_global(draft.id)
            if not is_free_id and not _is_list(catalogue, draft.id):
                raise Conflict(f"segment {draft.id} exists already, and is no list")

        return self._put(draft, user_ids, check, is_listed=True)

    def replace_listed(self, draft: Segment, user_ids: Sequence[str]) -> Segment:
        """Replace the segment of a list, which is looked for in the commit.

        Raises:
            NotFound: if nothing lists it.
            NameTaken: if a public segment of the context has the name.
        """

        def check(catalogue: Catalogue, draft: Segment) -> None:
            if not _is_list(catalogue, draft.id):
                raise NotFound(f"there is no such list: {draft.id}")
            check_name(catalogue, draft)

        return self._put(draft, user_ids, check, is_listed=True)

    def put_new(
        self, draft: Segment, user_ids: Sequence[str], parts: Sequence[Segment] = ()
    ) -> Segment:
        """Create a segment, with `parts` of it that were stored before.

        Of other segments only a private one that nothing refers to is replaced: one that a call
        left behind which did not come to its end.

        Raises:
            IdTaken: if another segment has the id.
            NameTaken: if a public segment of the context has the name.
            LostRace: if the parts are not what they were.
        """

        def check(catalogue: Catalogue, draft: Segment) -> tuple[SegmentChange, ...]:
            if not is_free(catalogue, draft.id) or self._is_global(draft.id):
                raise IdTaken(f"segment {draft.id} exists already")
            check_name(catalogue, draft)
            require_there(catalogue, parts)
            return ()

        return self._put(draft, user_ids, check, is_listed=draft.type is SegmentType.PRIVATE)

    def _put(
        self, draft: Segment, user_ids: Sequence[str], check: Check, *, is_listed: bool = False
    ) -> Segment:
        draft = replace(draft, context=known_context(draft.context, self.contexts))
        user_ids = list(dict.fromkeys(user_ids))
        tries = retries("the segment")
        while True:
            next(tries)
            catalogue = self._catalogue.fresh()
            check(catalogue, draft)
            before = catalogue.segments.get(draft.id)
            version = list_version(before or catalogue.revision, user_ids)
            try:
                loose = self._notes.write(draft.id, version, user_ids, is_listed=is_listed)
                stored = self._switch(draft, before, version, check)
            except LostRace:
                continue
            self._notes.settle(loose)
            return stored

    def _switch(
        self, draft: Segment, before: Segment | None, version: int, check: Check
    ) -> Segment:
        """Let a version of a list count in place of the one that it was made to follow.

        Raises:
            LostRace: if another one counts by now; its notes may be gone, and these with them.
        """
        stored: list[Segment] = []

        def decide(newest: Catalogue) -> CatalogueChange:
            others = check(newest, draft) or ()
            old = newest.segments.get(draft.id)
            if (old and old.version) != (before and before.version):
                raise LostRace("the segment was replaced meanwhile")
            now = self._clock()
            made = now if old is None else old.created_at
            stored.append(replace(draft, version=version, created_at=made, updated_at=now))
            return CatalogueChange(segments=(SegmentChange(old, stored[-1]), *others))

        self._catalogue.change(decide)
        return stored[-1]

    def _joining(
        self, catalogue: Catalogue, draft: Segment, parent_id: str
    ) -> tuple[SegmentChange, ...]:
        """The change that makes a list one of its parent's, unless it is already.

        Raises:
            NotFound: if there is no such parent.
            Conflict: if something else has the id of the list.
        """
        stored = catalogue.segments.get(parent_id)
        parent = stored or self._unmade(parent_id)
        if parent is None:
            raise NotFound("Parent Segment not found")
        taken = catalogue.segments.get(draft.id) or self._unmade(draft.id)
        inside = draft.id in parent.sub_segments
        is_own = inside and taken is not None and taken.type is SegmentType.PRIVATE
        if draft.id == parent.id or (taken is not None and not is_own):
            raise Conflict(f"segment {draft.id} exists already, and is no list of {parent_id}")
        if inside:
            return ()
        if stored is None:
            parent = replace(parent, version=list_version(catalogue.revision, ()))
        lists = (*parent.sub_segments, draft.id)
        after = replace(parent, sub_segments=lists, updated_at=self._clock())
        return (SegmentChange(stored, after),)

    def add_parts(self, segment_id: str, parts: Sequence[Segment]) -> Segment:
        """Make segments that were stored for it part of another one; that one as it is now.

        Raises:
            NotFound: if there is no such segment.
            Invalid: if it is private, or would be larger than the store takes.
            LostRace: if the parts are not what they were.
        """
        changed: list[Segment] = []

        def decide(catalogue: Catalogue) -> CatalogueChange:
            before = catalogue.segments.get(segment_id)
            parent = before or self.get(segment_id)
            if parent.type is SegmentType.PRIVATE:
                raise Invalid(f"segment {segment_id} is a list and has no lists of its own")
            require_there(catalogue, parts)
            ids = (each.id for each in parts)
            sub_segments = tuple(dict.fromkeys((*parent.sub_segments, *ids)))
            changed.append(replace(parent, sub_segments=sub_segments, updated_at=self._clock()))
            return CatalogueChange(segments=(SegmentChange(before, changed[-1]),))

        self._catalogue.change(decide)
        return changed[-1]

    def _unmade(self, segment_id: str) -> Segment | None:
        """The global exclusion with an id, as it is before anything is stored of it."""
        context = next((each for each in self.contexts if global_id(each) == segment_id), None)
        return None if context is None else self._empty_exclusion(context)

    def _is_global(self, segment_id: str) -> bool:
        return any(segment_id == global_id(context) for context in self.contexts)

    def _empty_exclusion(self, context: str) -> Segment:
        now = self._clock()
        return Segment(
            id=global_id(context),
            name=context,
            context=context,
            type=SegmentType.GLOBAL_EXCLUDE,
            version=0,
            groups=frozenset(),
            sub_segments=(),
            description="Global Exclude Segment",
            tags=(),
            list_type=None,
            created_at=now,
            updated_at=now,
        )


def check_name(catalogue: Catalogue, draft: Segment) -> None:
    """Refuse a segment that is no list, if another one of its context has its name.

    Raises:
        NameTaken: if so.
    """
    if draft.type is SegmentType.PRIVATE:
        return
    for other in catalogue.segments.values():
        if (
            other.id != draft.id
            and other.type is not SegmentType.PRIVATE
            and (other.name, other.context) == (draft.name, draft.context)
        ):
            raise NameTaken(f"Segment name {draft.name} already exists in context {draft.context}")


def _is_list(catalogue: Catalogue, segment_id: str) -> bool:
    return any(segment_id in listed(holder) for holder in holders(catalogue))


def list_version(base: Segment | Revision, user_ids: Sequence[str]) -> int:
    """The version of a list that follows a segment, or is made new at a catalogue's revision.

    It follows from what the list holds and from its base, so the same request made again means
    the same version, and no list that went before has it.
    """
    digest = hashlib.sha256(f"{type(base).__name__} {base.version}".encode())
    for user_id in sorted(set(user_ids)):
        digest.update(b"\x00" + user_id.encode())
    return int.from_bytes(digest.digest()[:6], "big") + 1


def global_id(context: str) -> str:
    """The id of a context's global exclusion."""
    return str(uuid.uuid5(NAMESPACE, context))

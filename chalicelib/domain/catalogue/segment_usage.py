"""What segments are used for: by which lists, and inside which other segments (section 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import Segment, SegmentType, resolve
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.lists import holders, listed
from chalicelib.domain.experiments.experiments import Experiment, State
from chalicelib.domain.flags.flags import Flag


class SegmentStatus(StrEnum):
    """Whether a segment decides about anybody; `excluded` are those that shut out of a context."""

    USED = "used"
    UNUSED = "unused"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class ListUse:
    """A list of an experiment or a flag."""

    holder: Experiment | Flag
    entry: ListEntry
    exclude: bool


class SegmentUsage:
    """What the segments of a catalogue are used for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.segments = catalogue.segments
        self._lists = [
            ListUse(holder, entry, exclude)
            for holder in holders(catalogue)
            for exclude, side in ((False, holder.include), (True, holder.exclude))
            for entry in side
        ]
        in_force = {use.entry.segment_id for use in self._lists if not _is_archived(use.holder)}
        in_force.update(
            segment.id
            for segment in self.segments.values()
            if segment.type is SegmentType.GLOBAL_EXCLUDE
        )
        self._used = resolve(in_force, self.segments).versions.keys()

    def public(self) -> list[Segment]:
        """All segments but private ones and global exclusions."""
        return [each for each in self.segments.values() if each.type is SegmentType.PUBLIC]

    def status(self, segment: Segment) -> SegmentStatus:
        """Whether a list names the segment, by itself or within others, or a global exclusion.

        The lists of experiments that are archived do not count.
        """
        if segment.type is SegmentType.GLOBAL_EXCLUDE:
            return SegmentStatus.EXCLUDED
        return SegmentStatus.USED if segment.id in self._used else SegmentStatus.UNUSED

    def lists(self, segment_ids: Collection[str]) -> list[ListUse]:
        """The lists of all experiments and flags that name one of some segments, at any depth."""
        wanted = frozenset(segment_ids)
        return [
            use
            for use in self._lists
            if not wanted.isdisjoint(resolve([use.entry.segment_id], self.segments).versions)
        ]

    def users_of_all(self) -> Mapping[str, Sequence[Experiment | Flag | Segment]]:
        """What has a list that names a segment, or has it inside, at any depth; of all segments.

        Each once; private segments do not count, as they are lists of something.
        """
        found: defaultdict[str, dict[str, Experiment | Flag | Segment]] = defaultdict(dict)
        for use in self._lists:
            for segment_id in resolve([use.entry.segment_id], self.segments).versions:
                found[segment_id][use.holder.id] = use.holder
        for parent in self.segments.values():
            if parent.type is not SegmentType.PRIVATE:
                for segment_id in resolve(parent.sub_segments, self.segments).versions:
                    found[segment_id][parent.id] = parent
        return {segment_id: [*users.values()] for segment_id, users in found.items()}

    def list_of(self, segment_id: str, *, exclude: bool) -> Experiment | None:
        """The experiment that a segment is itself a list of, on one side."""
        for use in self._lists:
            own = use.entry.segment_id == segment_id and use.exclude is exclude
            if own and isinstance(use.holder, Experiment):
                return use.holder
        return None

    def parents(self, segment_ids: Collection[str]) -> list[Segment]:
        """The segments, but private ones, that name one of some others inside them."""
        wanted = frozenset(segment_ids)
        return [
            parent
            for parent in self.segments.values()
            if parent.type is not SegmentType.PRIVATE
            and not wanted.isdisjoint(resolve(parent.sub_segments, self.segments).versions)
        ]

    def users(self, segment: Segment) -> list[str]:
        """What names a segment, directly or within others, as people know it; each once.

        Archived experiments count, for they may be taken up again; private segments that nothing
        lists do not.
        """
        named = [_named(use.holder) for use in self.lists([segment.id])]
        named += [_named(parent) for parent in self.parents([segment.id]) if parent != segment]
        if segment.type is SegmentType.GLOBAL_EXCLUDE:
            named.append(f'the context "{segment.context}", whose global exclusion it is')
        return list(dict.fromkeys(named))

    def sub_segments(self, segment: Segment) -> list[Segment]:
        """The segments inside a segment that there are."""
        return parts_of(segment, self.segments)


def parts_of(segment: Segment, stored: Mapping[str, Segment]) -> list[Segment]:
    """The segments inside `segment` that are among `stored`, by id."""
    return [stored[sub] for sub in segment.sub_segments if sub in stored]


def own_sub_lists(catalogue: Catalogue, segment: Segment) -> list[Segment]:
    """The private segments inside `segment`, at any depth, that nothing outside of it uses.

    What is further inside comes later.
    """
    parents: defaultdict[str, set[str]] = defaultdict(set)
    for parent in catalogue.segments.values():
        for sub in parent.sub_segments:
            parents[sub].add(parent.id)
    held = {segment_id for holder in holders(catalogue) for segment_id in listed(holder)}
    own = {segment.id: segment}
    while True:
        inside = dict.fromkeys(sub for each in own.values() for sub in each.sub_segments)
        candidates = [catalogue.segments[sub] for sub in inside if sub in catalogue.segments]
        found = [
            each
            for each in candidates
            if each.type is SegmentType.PRIVATE
            and each.id not in own
            and each.id not in held
            and parents[each.id] <= own.keys()
        ]
        if not found:
            return list(own.values())[1:]
        own.update((each.id, each) for each in found)


def _named(user: Experiment | Flag | Segment) -> str:
    if isinstance(user, Experiment):
        return f'the experiment "{user.name}" ({user.id})'
    if isinstance(user, Flag):
        return f'the flag "{user.name}" ({user.id})'
    if user.type is SegmentType.GLOBAL_EXCLUDE:
        return f'the global exclusion of the context "{user.context}"'
    return f'the segment "{user.name}" ({user.id})'


def _is_archived(holder: Experiment | Flag) -> bool:
    return isinstance(holder, Experiment) and holder.state is State.ARCHIVED

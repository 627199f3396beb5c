"""How many users and groups lists name; bounds of what is read for that."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.audiences.segments import Segment, resolve
from chalicelib.services.audiences.ports import MemberStore
from chalicelib.services.running.pools import Pool

SHOWN = 1_000
"""Users and groups of one segment that are read and shown."""

COUNTED = 200
"""Segments inside some lists whose users are counted."""

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Reach:
    """How many users and groups some lists name, with all that is inside them.

    Who is in several of them counts in each. If not `is_whole`, there are more users.
    """

    users: int
    groups: int
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class FirstMembers:
    """The first of the users whom a segment names itself, and how many it names."""

    user_ids: Sequence[str]
    total: int


class MemberCounts:
    """Counts the users of lists, and reads the first of them."""

    def __init__(self, store: MemberStore) -> None:
        self._store = store

    def of(self, segments: Iterable[Segment]) -> dict[str, int]:
        """How many users each of some segments names itself, by id."""
        return self._counts({each.id: each.version for each in segments})

    def first(self, segment: Segment) -> FirstMembers:
        """The first users whom a segment names itself."""
        version = segment.id, segment.version
        found = sorted(self._store.of_version(*version, SHOWN + 1)) if segment.version else []
        total = len(found) if len(found) <= SHOWN else self._store.count(*version)
        return FirstMembers(found[:SHOWN], total)

    def reach(self, segment_ids: Iterable[str], stored: Mapping[str, Segment]) -> Reach:
        """How many users and groups some segments name, with all that is inside them."""
        return self.reaches([segment_ids], stored)[0]

    def reaches(self, lists: Iterable[Iterable[str]], stored: Mapping[str, Segment]) -> list[Reach]:
        """The reach of several lists of segments; a segment of several of them is read once.

        Who is in several segments counts in each. Where there are more segments than are counted,
        those of the first lists are.
        """
        resolved = [resolve(segment_ids, stored) for segment_ids in lists]
        versions = {key: version for each in resolved for key, version in each.versions.items()}
        counted = self._counts(dict(itertools.islice(versions.items(), COUNTED)))
        return [
            Reach(
                sum(counted.get(segment_id, 0) for segment_id in each.versions),
                len(each.groups),
                each.versions.keys() <= counted.keys(),
            )
            for each in resolved
        ]

    def _counts(self, versions: Mapping[str, int]) -> dict[str, int]:
        """How many users versions of segments name; version 0 is one that nothing was stored of."""
        made = [(segment_id, version) for segment_id, version in versions.items() if version]
        with Pool(AT_ONCE) as pool:
            counts = pool.map(lambda version: self._store.count(*version), made)
            found = {segment_id: n for (segment_id, _), n in zip(made, counts, strict=True)}
        return {segment_id: found.get(segment_id, 0) for segment_id in versions}

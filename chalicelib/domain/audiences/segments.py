"""Segments, and who is in or out by them (UpGrade, section 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.participants.participants import GroupKey, Participant
from chalicelib.domain.stored_words import Newer


class SegmentType(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    GLOBAL_EXCLUDE = "global_exclude"


@dataclass(frozen=True, slots=True)
class Segment:
    """A set of users, groups and further segments.

    The users are not part of it: each has a note of the `version` of the list that names them, so
    that a list of any length costs nothing where it is consulted. While the next version is being
    noted they have two.
    """

    id: str
    name: str
    context: str
    type: SegmentType
    version: int
    groups: frozenset[GroupKey]
    sub_segments: tuple[str, ...]
    description: str | None
    tags: tuple[str, ...]
    list_type: str | None
    created_at: datetime
    updated_at: datetime
    newer: tuple[Newer, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolvedSegments:
    """A set of segments with all their subsegments: versions by id, and all groups."""

    versions: Mapping[str, int]
    groups: frozenset[GroupKey]

    def lists(self, participant: Participant) -> bool:
        """Whether the user is named by one of the segments, as it is now."""
        members = participant.members
        if len(members) > len(self.versions):
            return any(version in members.get(key, ()) for key, version in self.versions.items())
        return any(self.versions.get(key) in versions for key, versions in members.items())


NOBODY = ResolvedSegments({}, frozenset())


def resolve(ids: Iterable[str], segments: Mapping[str, Segment]) -> ResolvedSegments:
    """The resolved segments of some segments; unknown ones are skipped, each is visited once."""
    versions: dict[str, int] = {}
    groups: set[GroupKey] = set()
    pending = list(ids)
    while pending:
        segment = segments.get(pending.pop())
        if segment is None or segment.id in versions:
            continue
        versions[segment.id] = segment.version
        groups |= segment.groups
        pending.extend(segment.sub_segments)
    return ResolvedSegments(versions, frozenset(groups))


def globally_excluded(resolved: ResolvedSegments, participant: Participant) -> bool:
    """Whether a context's global exclusion shuts the user out.

    By user id, by a working group; a user without any working group by any group at all.
    """
    if resolved.lists(participant):
        return True
    if not resolved.groups:
        return False
    working = participant.working_groups()
    return not working or bool(working & resolved.groups)


class Screening(Enum):
    """What the lists of an experiment say of a user."""

    IN = "in"
    OUT = "out"
    OUT_BY_GROUP = "out by a group"
    OUT_BY_OWN_GROUP = "out by a group of the experiment's own type"

    @property
    def is_in(self) -> bool:
        return self is Screening.IN


def screen(
    mode: FilterMode,
    include: ResolvedSegments,
    exclude: ResolvedSegments,
    participant: Participant,
    group_type: str | None = None,
) -> Screening:
    """Who is in by the lists; exclusion by name wins, then inclusion by name, then groups."""
    if exclude.lists(participant):
        return Screening.OUT
    if include.lists(participant):
        return Screening.IN
    groups = participant.groups()
    excluded = groups & exclude.groups
    if mode is FilterMode.EXCLUDE_ALL:
        included = groups & include.groups
        return Screening.IN if included and not excluded else Screening.OUT
    if not excluded:
        return Screening.IN
    if any(group.type == group_type for group in excluded):
        return Screening.OUT_BY_OWN_GROUP
    return Screening.OUT_BY_GROUP

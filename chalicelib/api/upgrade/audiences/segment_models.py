"""Segments and lists of UpGrade's administration: their requests and answers (section 8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    model_validator,
)

from chalicelib.api.upgrade.wire.pages import Search
from chalicelib.api.upgrade.wire.texts import (
    AdminBody,
    FilledName,
    FilledText,
    Identifier,
    ListedUser,
    MemberId,
    Text,
    Uuid,
)
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.audiences.member_changes import GROUPS, MEMBERS
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.participants.participants import GroupKey

SUBSEGMENTS = 10_000
LISTS_SENT = 200
"""Lists of a design or a flag that are read, to say how many there may be."""

TAGS = 1000


class GroupBody(AdminBody):
    """A group that a segment names."""

    type: FilledText
    group_id: MemberId


def check_whole(total: int | None, members: int) -> None:
    """Refuse a part of a list, as answers show it, where the whole list is to be sent.

    Raises:
        ValueError: if `total` members were said, and there are fewer.
    """
    if total is not None and members < total:
        raise ValueError(
            f"these are {members} of {total} members (membersTotal): get the others by the Link of"
            " the answer, and send all of them"
        )


Tags = Annotated[tuple[Text, ...], AtMost(TAGS)]
Members = Annotated[tuple[ListedUser, ...], AtMost(MEMBERS)]
GroupBodies = Annotated[tuple[GroupBody, ...], AtMost(GROUPS)]
SegmentIds = Annotated[tuple[Identifier, ...], AtMost(SUBSEGMENTS)]
Total = Annotated[int, Field(strict=True)]


class SegmentBody(AdminBody):
    """POST /api/segments, and the `list` or `segment` of other requests."""

    id: Uuid | None = None
    name: FilledName
    context: FilledText
    type: SegmentType
    user_ids: Members
    groups: GroupBodies
    sub_segment_ids: SegmentIds
    description: Text | None = None
    tags: Tags | None = None
    list_type: Text | None = None
    members_total: Total | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        members = len(self.user_ids) + len(self.groups) + len(self.sub_segment_ids)
        check_whole(self.members_total, members)
        return self

    def users(self) -> tuple[str, ...]:
        """The users, each once, in the order given."""
        return tuple(dict.fromkeys(user for user in self.user_ids if user))

    def group_keys(self) -> frozenset[GroupKey]:
        """The groups."""
        return frozenset(
            GroupKey(group.type, group.group_id) for group in self.groups if group.group_id
        )

    def sub_segments(self) -> tuple[str, ...]:
        """The ids of the subsegments, each once, in the order given."""
        return tuple(dict.fromkeys(self.sub_segment_ids))


class SubListBody(SegmentBody):
    """POST /api/segments/list: a private list inside a segment."""

    parent_segment_id: Uuid


class ParentBody(AdminBody):
    """DELETE /api/segments/list/{id}."""

    parent_segment_id: Uuid


class DeleteSegmentQuery(AdminBody):
    """DELETE /api/segments/{id}: with `force` also a segment that something uses."""

    force: Literal["true", "false"] = "false"


class ListBody(AdminBody):
    """POST and PUT of an experiment's inclusion or exclusion list."""

    experiment_id: Uuid
    list: SegmentBody


def segment_of(body: SegmentBody, *, new_id: Callable[[], str], now: datetime) -> Segment:
    """The segment that a body describes, without its users and the version of their list."""
    return Segment(
        id=body.id or new_id(),
        name=body.name,
        context=body.context,
        type=body.type,
        version=0,
        groups=body.group_keys(),
        sub_segments=body.sub_segments(),
        description=body.description,
        tags=body.tags or (),
        list_type=body.list_type,
        created_at=now,
        updated_at=now,
    )


class NamedUser(AdminBody):
    user_id: ListedUser


NamedUsers = Annotated[tuple[NamedUser, ...], AtMost(MEMBERS)]


SEGMENT_SEARCH: Search[Segment] = Search(
    {
        "name": lambda segment: segment.name,
        "tag": lambda segment: ",".join(segment.tags),
        "context": lambda segment: segment.context,
        "id": lambda segment: segment.id,
    },
    {
        "name": lambda segment: segment.name.casefold(),
        "updatedAt": lambda segment: segment.updated_at,
    },
)

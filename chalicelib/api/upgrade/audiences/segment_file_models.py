"""Segments and lists as files hold them: as they are read, or as they are sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import model_validator

from chalicelib.api.upgrade.audiences.segment_models import (
    SUBSEGMENTS,
    GroupBodies,
    Members,
    NamedUsers,
    SegmentIds,
    Tags,
    Total,
    check_whole,
)
from chalicelib.api.upgrade.wire.records import new_id, now
from chalicelib.api.upgrade.wire.texts import (
    AdminBody,
    FilledName,
    FilledText,
    Identifier,
    Name,
    Text,
    kept_or_new,
)
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.participants.participants import GroupKey
from chalicelib.services.catalogue.administration.file_imports import SegmentDraft
from chalicelib.services.catalogue.imports import ListDraft

MAX_LISTS = 200
"""Subsegments that a segment may bring along."""


class SegmentReference(AdminBody):
    """A subsegment, of which only the id matters."""

    id: Identifier


class SegmentParts(AdminBody):
    """What files hold of any segment, its users and groups under either of their names."""

    id: Identifier | None = None
    name: Name | None = None
    description: Text | None = None
    list_type: Text | None = None
    tags: Tags | None = None
    individual_for_segment: NamedUsers | None = None
    user_ids: Members | None = None
    group_for_segment: GroupBodies | None = None
    groups: GroupBodies | None = None
    sub_segment_ids: SegmentIds | None = None
    members_total: Total | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        members = (
            self.individual_for_segment, self.user_ids, self.group_for_segment, self.groups,
            self.sub_segment_ids, getattr(self, "sub_segments", None),
        )  # fmt: skip
        check_whole(self.members_total, sum(len(each or ()) for each in members))
        return self

    def users(self) -> tuple[str, ...]:
        """The users, each once, in the order given."""
        read = (user.user_id for user in self.individual_for_segment or ())
        return tuple(dict.fromkeys(user for user in (*read, *(self.user_ids or ())) if user))

    def segment(
        self, context: str, kind: SegmentType, sub_ids: Iterable[str], *, default_name: str = ""
    ) -> Segment:
        """The segment, without its users; with its own id if that can be one."""
        moment = now()
        groups = (*(self.group_for_segment or ()), *(self.groups or ()))
        return Segment(
            id=kept_or_new(self.id, new_id),
            name=self.name or default_name,
            context=context,
            type=kind,
            version=0,
            groups=frozenset(
                GroupKey(group.type, group.group_id) for group in groups if group.group_id
            ),
            sub_segments=tuple(dict.fromkeys((*sub_ids, *(self.sub_segment_ids or ())))),
            description=self.description,
            tags=self.tags or (),
            list_type=self.list_type,
            created_at=moment,
            updated_at=moment,
        )


class SubSegmentFile(SegmentParts):
    """A subsegment: one that is elsewhere, or a list of its parent's with its members."""

    type: SegmentType | None = None
    sub_segments: Annotated[tuple[SegmentReference, ...], AtMost(SUBSEGMENTS)] | None = None

    @property
    def is_list(self) -> bool:
        """Whether it came with its members, and belongs to its parent."""
        members = (self.individual_for_segment, self.user_ids, self.group_for_segment, self.groups)
        return self.type is SegmentType.PRIVATE and any(each is not None for each in members)

    @model_validator(mode="after")
    def _can_be_found(self) -> Self:
        if self.id is None and not self.is_list:
            raise ValueError("id: required of a segment without members")
        return self

    def draft(self, context: str) -> ListDraft:
        """The list to create."""
        sub_ids = (each.id for each in self.sub_segments or ())
        name = self.name or "list"
        segment = self.segment(context, SegmentType.PRIVATE, sub_ids, default_name=name)
        return ListDraft(segment, self.users())


class ListedSegmentFile(SegmentParts):
    """The segment of a list within the file of an experiment or a flag."""

    sub_segments: Annotated[tuple[SubSegmentFile, ...], AtMost(MAX_LISTS)] | None = None

    def draft(self, context: str, *, default_name: str) -> ListDraft:
        """The list to create."""
        sub_ids = (each.id for each in self.sub_segments or () if each.id is not None)
        segment = self.segment(context, SegmentType.PRIVATE, sub_ids, default_name=default_name)
        return ListDraft(segment, self.users(), list_type=self.list_type)


class ListFile(ListedSegmentFile):
    """A list as a file of its own; its members must be there."""

    name: FilledName

    @model_validator(mode="before")
    @classmethod
    def of_today(cls, value: Any) -> Any:
        """As lists are read: `{segment, listType}`."""
        if isinstance(value, dict) and isinstance(value.get("segment"), dict):
            return {"listType": value.get("listType"), **value["segment"]}
        return value

    @model_validator(mode="after")
    def _has_members(self) -> Self:
        members: dict[str, tuple[object, object]] = {
            "userIds (or individualForSegment)": (self.user_ids, self.individual_for_segment),
            "groups (or groupForSegment)": (self.groups, self.group_for_segment),
            "subSegmentIds (or subSegments)": (self.sub_segment_ids, self.sub_segments),
        }
        for name, forms in members.items():
            if forms == (None, None):
                raise ValueError(f"{name}: required")
        return self

    def new_draft(self, context: str) -> ListDraft:
        """The list to create, with an id of its own."""
        return _renamed(self.draft(context, default_name=self.name))


def _renamed(draft: ListDraft) -> ListDraft:
    """A list under a new id."""
    return replace(draft, segment=replace(draft.segment, id=new_id()))


class SegmentFile(ListFile):
    """A segment as a file of its own."""

    context: FilledText
    type: SegmentType

    def imported(self, context: str) -> SegmentDraft:
        """The segment to create; lists that come with it are among its subsegments."""
        lists: list[ListDraft] = []
        sub_ids: list[str] = []
        for each in self.sub_segments or ():
            if each.is_list:
                draft = each.draft(context)
                if draft.segment.id in sub_ids:
                    draft = _renamed(draft)
                lists.append(draft)
                sub_ids.append(draft.segment.id)
            elif each.id is not None:
                sub_ids.append(each.id)
        segment = self.segment(context, self.type, sub_ids, default_name=self.name)
        return SegmentDraft(segment, self.users(), tuple(lists))

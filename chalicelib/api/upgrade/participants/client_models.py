"""Bodies of the client API (UpGrade, section 4)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.experiments.marks import Mark, MarkStatus
from chalicelib.domain.participants.decision_points import DecisionPointKey

WORKING_GROUPS = 30
"""Groups in force that a user may have: each takes part in the transaction of a mark."""


TEXT_LENGTH = 1000
"""Characters of a text that is stored: sites, targets, codes, groups."""

GROUP_SETS = 50
"""Sets of groups of one call, besides the main one."""

ALIASES = 1000
"""Aliases of one call, repeated ones included."""

FIELDS = 100
"""Fields of a body that refuses those it does not know."""

GROUP_CHARACTERS = 50_000
"""Characters of all groups of a user, whose profile is one item, and of all sets of a call."""


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("must be valid Unicode")
    return text


def _characters(group: dict[str, list[str]]) -> int:
    return sum(len(kind) + sum(map(len, ids)) for kind, ids in group.items())


def _bounded(group: dict[str, list[str]]) -> dict[str, list[str]]:
    if _characters(group) > GROUP_CHARACTERS:
        raise ValueError(f"must have at most {GROUP_CHARACTERS} characters in all")
    return group


AnyText = Annotated[
    str, StringConstraints(strict=True, max_length=TEXT_LENGTH), AfterValidator(_storable)
]
Name = Annotated[AnyText, StringConstraints(min_length=1)]
"""Text that is not empty."""

GroupIds = Annotated[list[Name], AtMost(GROUP_CHARACTERS)]
GroupField = Annotated[dict[Name, GroupIds], AtMost(GROUP_CHARACTERS), AfterValidator(_bounded)]
WorkingGroupField = Annotated[dict[Name, Name], AtMost(WORKING_GROUPS)]


def _object(value: Any) -> Any:
    """An empty list passes for an empty object, as in the original."""
    return {} if value == [] else value


class ClientBody(BaseModel):
    """A body of v6; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, defer_build=True)


class UserBody(ClientBody):
    """A body of v5, which names its user."""

    user_id: Name = Field(alias="userId")


class IdBody(ClientBody):
    """A body of v5 that names its user `id`."""

    user_id: Name = Field(alias="id")


class GroupsField(ClientBody):
    group: GroupField | None = None


class WorkingGroupsField(ClientBody):
    working_group: WorkingGroupField = Field(alias="workingGroup")


class InitV6(ClientBody):
    """v6 refuses every other field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: GroupField | None = None
    working_group: WorkingGroupField | None = Field(None, alias="workingGroup")

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > FIELDS:
            raise ValueError(f"must not have {len(value)} fields")
        return value


class InitV5(ClientBody):
    user_id: Name = Field(alias="id")
    group: GroupField | None = None
    working_group: WorkingGroupField | None = Field(None, alias="workingGroup")


class GroupMembershipV5(GroupsField, IdBody):
    pass


class WorkingGroupV5(WorkingGroupsField, IdBody):
    pass


class AliasesV6(ClientBody):
    aliases: Annotated[list[Name], AtMost(ALIASES)]


class AliasesV5(AliasesV6, UserBody):
    pass


class ContextField(ClientBody):
    context: Name


class NamedPoint(ClientBody):
    """A decision point; a target that is null or left out is the empty one."""

    site: Name
    target: AnyText | None = None

    def point_key(self) -> DecisionPointKey:
        return DecisionPointKey(self.site, self.target or "")


class AssignV6(ContextField):
    """`decisionPoint` asks for that point alone."""

    point: NamedPoint | None = Field(None, alias="decisionPoint")


class AssignV5(AssignV6, UserBody):
    pass


class MarkedCondition(ClientBody):
    id: AnyText | None = None
    condition_code: AnyText | None = Field(None, alias="conditionCode")
    experiment_id: AnyText | None = Field(None, alias="experimentId")


class MarkData(NamedPoint):
    assigned_condition: MarkedCondition | None = Field(None, alias="assignedCondition")


class MarkV6(ClientBody):
    """A mark; `context` tells which experiments at the point it may be for."""

    data: MarkData
    context: Name | None = None
    status: MarkStatus | None = None
    uniquifier: AnyText | None = None
    client_error: Annotated[str, StringConstraints(strict=True)] | None = Field(
        None, alias="clientError"
    )

    @model_validator(mode="after")
    def _says_more_than_the_site(self) -> Self:
        """Clients leave out the target of a point that has none, but say what they did there."""
        data = self.data
        if data.target is None and data.assigned_condition is None and self.status is None:
            raise ValueError("data.target must be given, or what was done there: the status")
        return self

    def mark(self) -> Mark:
        """The mark that is reported."""
        condition = self.data.assigned_condition
        return Mark(
            self.data.point_key(),
            condition.condition_code if condition else None,
            condition.experiment_id if condition else None,
            self.status,
            self.uniquifier,
            self.context,
        )


class MarkV5(MarkV6, UserBody):
    pass


class FeatureFlagV5(ContextField, UserBody):
    """v5 knows no groups but the stored ones."""


Switch = Annotated[bool, Field(strict=True)]


class GroupSet(ClientBody):
    """Groups that count in place of the stored ones, or together with them."""

    groups: GroupField
    with_stored: Switch | None = Field(None, alias="includeStoredUserGroups")


class SubGroupSet(GroupSet):
    """A set of groups whose flags are answered under its id."""

    id: Name = Field(alias="groupsetId")


class GroupSets(ClientBody):
    """Several sets of groups; the flags of each are answered by themselves."""

    main: GroupSet | None = Field(None, alias="mainGroupset")
    sub: Annotated[list[SubGroupSet], Field(alias="subGroupsets", min_length=1), AtMost(GROUP_SETS)]

    @field_validator("sub")
    @classmethod
    def _ids_differ(cls, sets: list[SubGroupSet]) -> list[SubGroupSet]:
        if len({each.id for each in sets}) < len(sets):
            raise ValueError("each groupsetId can be answered once only")
        return sets

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        sets = [*self.sub, *([self.main] if self.main is not None else [])]
        if sum(_characters(each.groups) for each in sets) > GROUP_CHARACTERS:
            raise ValueError(
                f"all sets together must have at most {GROUP_CHARACTERS} characters of groups"
            )
        return self


class FeatureFlagV6(ContextField):
    """Flags by the stored groups, or by others, which can be told in one of three ways.

    The groups of a session come with a word on the stored ones, or not at all.
    """

    session_groups: GroupField | None = Field(None, alias="groupsForSession")
    stored_groups: Switch | None = Field(None, alias="includeStoredUserGroups")
    single: GroupSet | None = Field(None, alias="useSingleGroupSet")
    multiple: GroupSets | None = Field(None, alias="useMultipleGroupSets")

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        if (self.session_groups is None) != (self.stored_groups is None):
            raise ValueError("groupsForSession and includeStoredUserGroups come together")
        ways = (self.session_groups, self.single, self.multiple)
        if sum(way is not None for way in ways) > 1:
            raise ValueError(
                "groupsForSession, useSingleGroupSet or useMultipleGroupSets: one of them at most"
            )
        return self

    def one_set(self) -> GroupSet | None:
        """The groups that are asked for where one list of flags is answered."""
        if self.session_groups is not None:
            return GroupSet(groups=self.session_groups, with_stored=self.stored_groups)
        return self.single


class RewardPoint(ClientBody):
    site: Name
    target: AnyText


class RewardV6(ClientBody):
    """What an adaptive experiment would learn from."""

    value: Literal["SUCCESS", "FAILURE"] = Field(alias="rewardValue")
    experiment_id: Name | None = Field(None, alias="experimentId")
    context: Name | None = None
    point: RewardPoint | None = Field(None, alias="decisionPoint")

    @model_validator(mode="after")
    def _says_what_for(self) -> Self:
        if self.experiment_id is None and (self.context is None or self.point is None):
            raise ValueError("experimentId, or context and decisionPoint, must be given")
        return self


EmptyList = Annotated[list[Any], AtMost(0)]
InitBodyV6 = Annotated[InitV6, BeforeValidator(_object, json_schema_input_type=InitV6 | EmptyList)]
InitBodyV5 = Annotated[InitV5, BeforeValidator(_object)]

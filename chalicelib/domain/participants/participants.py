"""Records of users and groups: profiles, enrollments, exclusions, reached points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.errors import NotFound
from chalicelib.domain.participants.decision_points import DecisionPointKey

Membership = Mapping[str, tuple[str, ...]]
"""The groups of a user, by group type."""

WorkingGroup = Mapping[str, str]
"""The one group per type that is in force."""


class ErasedMeanwhile(NotFound):
    """The user of a request was there when it began, and is not any more."""


class ExclusionCode(StrEnum):
    """Why a user or a group is excluded (UpGrade, section 5)."""

    REACHED_BEFORE = "participant reached experiment prior to experiment enrolling"
    REACHED_AFTER = "participant reached experiment during enrollment complete"
    LISTED = "participant was on the exclusion list"
    GROUP_LISTED = "participant\u2019s group was on the exclusion list"
    GROUP_LOGIC = "participant excluded due to group assignment logic"
    NO_GROUP = "participant excluded due to incomplete group information"
    WRONG_GROUP = "participant's group or working group is incorrect"
    BY_CLIENT = "participant is excluded by client"


class EnrollmentCode(StrEnum):
    """How a user or a group was enrolled (UpGrade, section 5)."""

    ALGORITHM = "participant enrolled via algorithm"
    GROUP = "participant enrolled due to group enrollment"


@dataclass(frozen=True, slots=True, order=True)
class GroupKey:
    """A group: its type and id."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A user as the client described them; None where it said nothing.

    An alias has the id of its `owner`, whose records count for it. The times tell when it was made
    and last changed.
    """

    id: str
    group: Membership | None = None
    working_group: WorkingGroup | None = None
    owner: str | None = None
    created_at: datetime | None = field(default=None, compare=False)
    updated_at: datetime | None = field(default=None, compare=False)


UNKNOWN_POINT = DecisionPointKey("", "")
"""In place of a decision point that is not known, of enrollments that came from elsewhere."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A user takes part in the experiment `feature_id`, from a mark at `point_key`.

    `condition_id` is None for within-subjects experiments, whose marks there are `repeats`, and
    `met` the ids of the conditions that these named ("" for none). `stratum` is the user's value of
    the stratification factor for which the enrollment counts, `variant_id` the variant of Test Lab
    in whose totals it counts as a user, and `in_cohort` whether it counts in that of its day too.
    """

    feature_id: int
    point_key: DecisionPointKey
    condition_id: str | None
    group_id: str | None
    code: EnrollmentCode
    at: datetime
    repeats: int = 0
    stratum: str | None = None
    met: frozenset[str] = frozenset()
    variant_id: int | None = None
    in_cohort: bool = False


@dataclass(frozen=True, slots=True)
class GroupEnrollment:
    """A group takes part in the experiment `feature_id`."""

    feature_id: int
    point_key: DecisionPointKey
    condition_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A user or a group does not take part in the experiment `feature_id`."""

    feature_id: int
    code: ExclusionCode
    at: datetime


@dataclass(frozen=True, slots=True)
class MonitoredPoint:
    """The first mark of a user at a decision point, as the client sent it."""

    id: str
    point_key: DecisionPointKey
    experiment_id: str | None
    condition: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class TestLabRow:
    """The part of a user's row in Test Lab: the variant, and when it was recorded."""

    __test__ = False  # not a test, whatever its name looks like

    variant_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Participant:
    """All that is stored of a user; ids are those of features that hold experiments.

    `members` are the segments that list the user, with the versions of the list. `lifted` says
    until when having reached a point excludes no longer (after a change of the working group).
    `preview` holds the explicit conditions of a preview user by experiment id, None for others.
    `testlab` is the user's row in Test Lab. `exposures` are the feature ids of the flags that were
    on for the user. `revision` counts the changes of the profile and of what marks store, which a
    writer can insist on; it is 0 for a user who was never initialised, though segments and the like
    may name them.
    """

    profile: Profile
    enrollments: Mapping[int, tuple[Enrollment, ...]] = field(default_factory=dict)
    exclusions: Mapping[int, Exclusion] = field(default_factory=dict)
    points: Mapping[DecisionPointKey, MonitoredPoint] = field(default_factory=dict)
    members: Mapping[str, frozenset[int]] = field(default_factory=dict)
    strata: Mapping[str, str] = field(default_factory=dict)
    lifted: Mapping[int, datetime] = field(default_factory=dict)
    preview: Mapping[str, str] | None = None
    testlab: TestLabRow | None = None
    exposures: frozenset[int] = frozenset()
    revision: int = 0
    _groups: frozenset[GroupKey] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def id(self) -> str:
        return self.profile.id

    def groups(self) -> frozenset[GroupKey]:
        """All groups of the user, built once: each flag and experiment asks for them."""
        groups = self._groups
        if groups is None:
            groups = frozenset(
                GroupKey(kind, group_id)
                for kind, ids in (self.profile.group or {}).items()
                for group_id in ids
            )
            object.__setattr__(self, "_groups", groups)
        return groups

    def with_groups(self, others: Membership) -> Participant:
        """The user with other groups besides; of the own ones nothing is built anew."""
        own = self.groups()
        group = dict(self.profile.group or {})
        added: list[GroupKey] = []
        for kind, ids in others.items():
            keys = [GroupKey(kind, each) for each in dict.fromkeys(ids)]
            new = [key for key in keys if key not in own]
            group[kind] = (*group.get(kind, ()), *(key.id for key in new))
            added += new
        more = replace(self, profile=replace(self.profile, group=group))
        object.__setattr__(more, "_groups", own.union(added))
        return more

    def working_groups(self) -> frozenset[GroupKey]:
        """The groups that are in force."""
        return frozenset(GroupKey(*pair) for pair in (self.profile.working_group or {}).items())

    def working_group(self, kind: str | None) -> GroupKey | None:
        """The group of a type that is in force."""
        group_id = (self.profile.working_group or {}).get(kind or "")
        return None if group_id is None else GroupKey(kind or "", group_id)

    def valid_group(self, kind: str | None) -> GroupKey | None:
        """The working group of a type if it is one of the user's groups (UpGrade, section 9.3)."""
        group = self.working_group(kind)
        return group if group is not None and group in self.groups() else None


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """All that is stored of a group; `counts` are its enrolled users by experiment.

    `reached` says when a member first reached a decision point, `enrolled_at` where members were
    enrolled, by experiment.
    """

    key: GroupKey
    enrollments: Mapping[int, GroupEnrollment] = field(default_factory=dict)
    exclusions: Mapping[int, Exclusion] = field(default_factory=dict)
    reached: Mapping[DecisionPointKey, datetime] = field(default_factory=dict)
    counts: Mapping[int, int] = field(default_factory=dict)
    enrolled_at: frozenset[tuple[int, DecisionPointKey]] = frozenset()

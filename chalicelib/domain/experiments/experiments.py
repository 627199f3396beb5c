"""Experiments in UpGrade's form: design, state and the rules that belong to them.

Section numbers in this project's docstrings of UpGrade's rules refer to the description of its
backend 6.5.0 that docs/compatibility.md names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.experiments.metrics import MetricQuery
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.stored_words import Newer

CONTROL_NAMES = ("baseline", "control")
"""What a condition is called with which the others are compared."""


class State(StrEnum):
    """Where an experiment is in its life (section 7)."""

    INACTIVE = "inactive"
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PREVIEW = "preview"
    ENROLLING = "enrolling"
    ENROLLMENT_COMPLETE = "enrollmentComplete"
    CANCELLED = "cancelled"
    ARCHIVED = "archived"


class Unit(StrEnum):
    """Who gets one condition: a user, a group, or a user at a time."""

    INDIVIDUAL = "individual"
    GROUP = "group"
    WITHIN_SUBJECTS = "within-subjects"


class ConsistencyRule(StrEnum):
    """Whose history decides (section 13)."""

    INDIVIDUAL = "individual"
    GROUP = "group"
    EXPERIMENT = "experiment"


class ConditionOrder(StrEnum):
    """How the conditions of a within-subjects experiment follow each other (section 10.3)."""

    RANDOM = "random"
    RANDOM_ROUND_ROBIN = "random round robin"
    ORDERED_ROUND_ROBIN = "ordered round robin"


class Algorithm(StrEnum):
    """How a condition is chosen (section 10)."""

    RANDOM = "random"
    STRATIFIED = "stratified random sampling"
    ADAPTIVE = "ts_configurable"


class PostRule(StrEnum):
    """What users get once enrollment is complete (section 13.1)."""

    CONTINUE = "continue"
    ASSIGN = "assign"
    REVERT = "revert"


class DesignType(StrEnum):
    SIMPLE = "Simple"
    FACTORIAL = "Factorial"


@dataclass(frozen=True, slots=True)
class Payload:
    """What a client gets with a condition; `type` is string, json or csv."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class LevelElement:
    """A level that a factorial condition combines."""

    id: str
    level_id: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One arm. `variant_id` is its id as a variant of Test Lab; `weight` is in per cent."""

    id: str
    variant_id: int
    code: str
    weight: float
    order: int
    name: str | None = None
    description: str | None = None
    two_character_id: str = ""
    levels: tuple[LevelElement, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """Where a client asks for a condition."""

    id: str
    site: str
    target: str
    description: str
    order: int
    exclude_if_reached: bool
    two_character_id: str = ""

    @property
    def point_key(self) -> DecisionPointKey:
        return DecisionPointKey(self.site, self.target)


@dataclass(frozen=True, slots=True)
class ConditionPayload:
    """The payload of a condition at a point; of a factorial condition, at all points (None)."""

    id: str
    condition_id: str
    point_id: str | None
    payload: Payload


@dataclass(frozen=True, slots=True)
class Level:
    id: str
    name: str
    order: int | None = None
    description: str | None = None
    payload: Payload | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    id: str
    name: str
    order: int
    description: str | None
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class StateChange:
    id: str
    before: State
    after: State
    at: datetime


@dataclass(frozen=True, slots=True)
class CompleteCondition:
    """When enrollment ends by itself (section 13.5); None where no count is set."""

    user_count: int | None = None
    group_count: int | None = None


@dataclass(frozen=True)
class Experiment:
    """An experiment as UpGrade describes it (section 7).

    `started_at` is when it last began to enroll, a return from enrollment complete not counted.
    `queries` are kept as they were given. `newer` is as for everything that is stored.
    """

    id: str
    name: str
    description: str | None
    context: str
    state: State
    type: DesignType
    unit: Unit
    group: str | None
    rule: ConsistencyRule | None
    condition_order: ConditionOrder | None
    algorithm: Algorithm
    stratification_factor: str | None
    post_rule: PostRule
    revert_to: str | None
    filter_mode: FilterMode
    complete_condition: CompleteCondition | None
    start_on: str | None
    end_on: str | None
    tags: tuple[str, ...]
    conditions: tuple[Condition, ...]
    points: tuple[DecisionPoint, ...]
    payloads: tuple[ConditionPayload, ...]
    factors: tuple[Factor, ...]
    queries: tuple[Mapping[str, object], ...]
    include: tuple[ListEntry, ...]
    exclude: tuple[ListEntry, ...]
    state_changes: tuple[StateChange, ...]
    created_at: datetime
    updated_at: datetime
    version: int
    started_at: datetime | None = None
    newer: tuple[Newer, ...] = ()

    def metric_queries(self) -> list[MetricQuery]:
        """The queries of the experiment over its participants' logs, those that are known here."""
        asked = (MetricQuery.of(query) for query in self.queries)
        return [query for query in asked if query is not None]

    @property
    def control(self) -> Condition | None:
        """The condition to compare with: the first that is named so, else the first by order.

        The code counts as much as the name, in any case; None if there are no conditions.
        """
        in_order = sorted(self.conditions, key=lambda condition: condition.order)
        named = (
            condition
            for condition in in_order
            if any(str(name).lower() in CONTROL_NAMES for name in (condition.code, condition.name))
        )
        return next(named, in_order[0] if in_order else None)

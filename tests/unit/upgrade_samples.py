"""Experiments in UpGrade's form, participants and groups to try things with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.segments import NOBODY, ResolvedSegments, Segment, SegmentType
from chalicelib.domain.experiments.assignment import Assignment, Groups
from chalicelib.domain.experiments.compiled_experiments import (
    CompiledCatalogue,
    CompiledContext,
    CompiledExperiment,
)
from chalicelib.domain.experiments.enrollment_counts import group_new_at_point
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    Condition,
    ConditionOrder,
    ConditionPayload,
    ConsistencyRule,
    DecisionPoint,
    DesignType,
    Experiment,
    Factor,
    Level,
    LevelElement,
    Payload,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.experiments.marking import decide
from chalicelib.domain.experiments.marks import Mark, Outcome
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    MonitoredPoint,
    Participant,
    Profile,
)

CONTEXT = "home"
POINT_KEY = DecisionPointKey("quiz", "intro")
"""Where the experiments are, unless they say otherwise."""

THERE = DecisionPointKey("quiz", "end")

BY_INDIVIDUAL, BY_GROUP, BY_EXPERIMENT = (
    ConsistencyRule.INDIVIDUAL,
    ConsistencyRule.GROUP,
    ConsistencyRule.EXPERIMENT,
)

CLASS = "class"
ROOM = GroupKey(CLASS, "room 1")

STARTED = datetime(2026, 1, 15, 12, tzinfo=UTC)
BEFORE = STARTED - timedelta(days=1)
NOW = STARTED + timedelta(days=1)

VECTOR_ID = "0b2e1f6c-3f1a-4c2e-9d51-6d3c0a7b1e01"
VECTOR_UNIT = "vec-0"
VECTOR_DRAW = 48.62345484838458
"""What the unit draws in the experiment of that id, out of 100."""

INDIVIDUAL, GROUP, WITHIN = Unit.INDIVIDUAL, Unit.GROUP, Unit.WITHIN_SUBJECTS
ENROLLING, COMPLETE, PREVIEW = State.ENROLLING, State.ENROLLMENT_COMPLETE, State.PREVIEW


def condition(
    code: str, weight: float = 50, order: int = 1, levels: Iterable[str] = ()
) -> Condition:
    """A condition whose id is its code."""
    elements = tuple(LevelElement(f"{code} of {level}", level) for level in levels)
    return Condition(code, 100 + order, code, weight, order, levels=elements)


def conditions(**weights: float) -> tuple[Condition, ...]:
    """One condition per code, in this order."""
    return tuple(
        condition(code, weight, order) for order, (code, weight) in enumerate(weights.items(), 1)
    )


IGN = conditions(I=0, G=0, N=100)
"""I is what a user is enrolled in, G what the group is, N what both would draw."""


def point(site: str = "quiz", target: str = "intro", *, flagged: bool = False) -> DecisionPoint:
    """A decision point whose id is `site/target`."""
    return DecisionPoint(f"{site}/{target}", site, target, "", 1, flagged)


def points(*point_keys: DecisionPointKey) -> tuple[DecisionPoint, ...]:
    return tuple(point(point_key.site, point_key.target) for point_key in point_keys)


def design(
    experiment_id: str = "exp",
    *,
    state: State = ENROLLING,
    unit: Unit = INDIVIDUAL,
    rule: ConsistencyRule = ConsistencyRule.INDIVIDUAL,
    arms: tuple[Condition, ...] | None = None,
    at: tuple[DecisionPoint, ...] | None = None,
    context: str = CONTEXT,
    mode: FilterMode = FilterMode.INCLUDE_ALL,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    algorithm: Algorithm = Algorithm.RANDOM,
    stratification_factor: str | None = None,
    post_rule: PostRule = PostRule.CONTINUE,
    revert_to: str | None = None,
    started_at: datetime | None = STARTED,
) -> Experiment:
    """An experiment with conditions a and b at `POINT_KEY`; one on groups is on classes."""
    return Experiment(
        id=experiment_id,
        name=f"experiment {experiment_id}",
        description="",
        context=context,
        state=state,
        type=DesignType.SIMPLE,
        unit=unit,
        group=CLASS if unit is GROUP else None,
        rule=None if unit is WITHIN else rule,
        condition_order=ConditionOrder.ORDERED_ROUND_ROBIN if unit is WITHIN else None,
        algorithm=algorithm,
        stratification_factor=stratification_factor,
        post_rule=post_rule,
        revert_to=revert_to,
        filter_mode=mode,
        complete_condition=None,
        start_on=None,
        end_on=None,
        tags=(),
        conditions=conditions(a=50, b=50) if arms is None else arms,
        points=points(POINT_KEY) if at is None else at,
        payloads=(),
        factors=(),
        queries=(),
        include=tuple(ListEntry(segment_id) for segment_id in include),
        exclude=tuple(ListEntry(segment_id) for segment_id in exclude),
        state_changes=(),
        created_at=STARTED,
        updated_at=STARTED,
        version=1,
        started_at=started_at,
    )


def factorial(*factors: str, unit: Unit = INDIVIDUAL) -> Experiment:
    """Conditions c1 and c2 of the levels low and high of all factors, listed back to front."""
    arms = tuple(
        condition(f"c{order}", 50, order, [f"{factor}-{level}" for factor in factors])
        for order, level in enumerate(("low", "high"), 1)
    )
    made = tuple(
        Factor(
            factor,
            factor,
            order,
            None,
            tuple(Level(f"{factor}-{level}", level) for level in ("low", "high")),
        )
        for order, factor in enumerate(reversed(factors), 1)
    )
    return replace(design(unit=unit, arms=arms), type=DesignType.FACTORIAL, factors=made)


def payload(arm: Condition, at: DecisionPoint | None, value: str) -> ConditionPayload:
    point_id = None if at is None else at.id
    return ConditionPayload(f"payload {value}", arm.id, point_id, Payload("string", value))


def compiled(
    experiment: Experiment | None = None, feature_id: int = 1, *segments: Segment
) -> CompiledExperiment:
    return CompiledExperiment.of(feature_id, experiment or design(), {s.id: s for s in segments})


def context_of(*experiments: Experiment, segments: Iterable[Segment] = ()) -> CompiledContext:
    """The context of some experiments, whose features have ids from 1, compiled."""
    by_id = {segment.id: segment for segment in segments}
    compiled_context = CompiledCatalogue(enumerate(experiments, 1), by_id, [CONTEXT]).in_context(
        CONTEXT
    )
    assert compiled_context is not None
    return compiled_context


def segment(
    segment_id: str,
    *groups: GroupKey,
    version: int = 1,
    subs: tuple[str, ...] = (),
    kind: SegmentType = SegmentType.PRIVATE,
    context: str = CONTEXT,
) -> Segment:
    return Segment(
        segment_id,
        f"segment {segment_id}",
        context,
        kind,
        version,
        frozenset(groups),
        subs,
        None,
        (),
        None,
        STARTED,
        STARTED,
    )


def notes(**members: int) -> dict[str, frozenset[int]]:
    """The notes of a user whom a version of each segment names."""
    return {segment_id: frozenset({version}) for segment_id, version in members.items()}


def user(user_id: str = "user", **members: int) -> Participant:
    """A user without groups, a member of the given versions of segments."""
    return Participant(Profile(user_id), members=notes(**members))


def pupil(user_id: str = "pupil", room: str = ROOM.id, **members: int) -> Participant:
    """A user with one class, which is in force."""
    profile = Profile(user_id, {CLASS: (room,)}, {CLASS: room})
    return Participant(profile, members=notes(**members))


def enrollment(
    condition_id: str | None,
    feature_id: int = 1,
    point_key: DecisionPointKey = POINT_KEY,
    repeats: int = 0,
) -> Enrollment:
    return Enrollment(
        feature_id, point_key, condition_id, None, EnrollmentCode.ALGORITHM, STARTED, repeats
    )


def enrolled(
    participant: Participant,
    condition_id: str | None,
    feature_id: int = 1,
    point_key: DecisionPointKey = POINT_KEY,
    group_id: str | None = None,
) -> Participant:
    """The user with one more enrollment."""
    own = participant.enrollments.get(feature_id, ())
    made = replace(enrollment(condition_id, feature_id, point_key), group_id=group_id)
    new = {feature_id: (*own, made)}
    return replace(participant, enrollments={**participant.enrollments, **new})


def excluded(
    participant: Participant, feature_id: int = 1, code: ExclusionCode = ExclusionCode.BY_CLIENT
) -> Participant:
    """The user with one more exclusion."""
    new = {feature_id: Exclusion(feature_id, code, STARTED)}
    return replace(participant, exclusions={**participant.exclusions, **new})


def reached(
    participant: Participant, point_key: DecisionPointKey = POINT_KEY, at: datetime = BEFORE
) -> Participant:
    """The user with one more monitored point."""
    new = {point_key: MonitoredPoint(f"{point_key}", point_key, None, None, at)}
    return replace(participant, points={**participant.points, **new})


def group(
    key: GroupKey = ROOM,
    *,
    enrolled: Mapping[int, str] | None = None,
    excluded: Iterable[int] = (),
    reached: Mapping[DecisionPointKey, datetime] | None = None,
) -> dict[GroupKey, GroupRecord]:
    """One group: its conditions by experiment, and the experiments that it is excluded from."""
    record = GroupRecord(
        key,
        {n: GroupEnrollment(n, POINT_KEY, c, STARTED) for n, c in (enrolled or {}).items()},
        {n: Exclusion(n, ExclusionCode.LISTED, STARTED) for n in excluded},
        reached or {},
    )
    return {key: record}


def given(assignments: Iterable[Assignment]) -> dict[tuple[str, DecisionPointKey], tuple[str, ...]]:
    """The codes that were assigned, by experiment and place."""
    return {
        (a.compiled.experiment.id, a.point.point_key): tuple(c.code for c in a.conditions)
        for a in assignments
    }


class World:
    """Users and groups, kept up to date with what their marks store."""

    def __init__(self, *participants: Participant, shut_out: ResolvedSegments = NOBODY) -> None:
        self.users = {participant.id: participant for participant in participants}
        self.groups: dict[GroupKey, GroupRecord] = {}
        self._shut_out = shut_out

    def groups_of(self, user_id: str) -> Groups:
        return {key: self._record(key) for key in self.users[user_id].working_groups()}

    def mark(
        self, user_id: str, mark: Mark, made: CompiledExperiment | None, at: datetime = NOW
    ) -> Outcome:
        """Decide on a mark and keep what it stores."""
        participant = self.users[user_id]
        groups = self.groups_of(user_id)
        outcome = decide(mark, made, self._shut_out, participant, groups, at, "new point")
        self._keep(participant, outcome)
        return outcome

    def _keep(self, participant: Participant, outcome: Outcome) -> None:
        records = outcome.records
        groups = self.groups_of(participant.id)
        there = group_new_at_point(groups, outcome.compiled, records)
        if there is not None and (made := records.enrollment) is not None:
            at = groups[there].enrolled_at | {(made.feature_id, made.point_key)}
            self._change(there, replace(groups[there], enrolled_at=at))
        points = {**participant.points, outcome.point.point_key: outcome.point}
        enrollments, exclusions = {**participant.enrollments}, {**participant.exclusions}
        if (new := records.enrollment) is not None:
            enrollments[new.feature_id] = (*enrollments.get(new.feature_id, ()), new)
        if (repeat := records.repeat) is not None:
            enrollments[repeat.feature_id] = tuple(
                replace(e, repeats=e.repeats + 1, met=e.met | {repeat.condition_id or ""})
                if e.point_key == repeat.point_key
                else e
                for e in enrollments[repeat.feature_id]
            )
        if records.exclusion is not None:
            exclusions[records.exclusion.feature_id] = records.exclusion
        self.users[participant.id] = replace(
            participant, points=points, enrollments=enrollments, exclusions=exclusions
        )
        for key in records.dropped:
            self._change(key, replace(self._record(key), enrollments={}))
        for key, exclusion in records.group_exclusions:
            all_exclusions = {**self._record(key).exclusions, exclusion.feature_id: exclusion}
            self._change(key, replace(self._record(key), exclusions=all_exclusions))
        if records.group_enrollment is not None:
            key, of_group = records.group_enrollment
            all_enrollments = {**self._record(key).enrollments, of_group.feature_id: of_group}
            self._change(key, replace(self._record(key), enrollments=all_enrollments))

    def _record(self, key: GroupKey) -> GroupRecord:
        return self.groups.get(key) or GroupRecord(key)

    def _change(self, key: GroupKey, record: GroupRecord) -> None:
        self.groups[key] = record

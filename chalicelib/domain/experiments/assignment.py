"""Which condition a user gets (UpGrade, sections 9, 10 and 13.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.audiences.segments import globally_excluded, screen
from chalicelib.domain.experiments import seedrandom
from chalicelib.domain.experiments.compiled_experiments import CompiledContext, CompiledExperiment
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    Condition,
    ConditionOrder,
    ConsistencyRule,
    DecisionPoint,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    GroupKey,
    GroupRecord,
    Participant,
)

Groups = Mapping[GroupKey, GroupRecord]
"""The records of a user's working groups; one without records may be missing."""

StratumCounts = Mapping[int, Mapping[str, int]]
"""Enrollments of the user's stratum by experiment and condition."""

NO_COUNTS: StratumCounts = {}


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a user gets at a point: one condition, or for within-subjects a queue of them."""

    compiled: CompiledExperiment
    point: DecisionPoint
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class History:
    """What was stored of a user and the user's group for one experiment (section 13.1)."""

    own: Condition | None
    group: Condition | None
    excluded: bool
    group_excluded: bool
    enrolled: bool
    group_enrolled: bool

    @classmethod
    def of(cls, compiled: CompiledExperiment, participant: Participant, groups: Groups) -> History:
        """Stored exclusions count, and those that follow from points reached before the start."""
        feature_id = compiled.feature_id
        own = participant.enrollments.get(feature_id, ())
        record = group_record(compiled, participant, groups)
        enrollment = record.enrollments.get(feature_id) if record else None
        return cls(
            own=next((c for e in own if (c := compiled.condition(e.condition_id))), None),
            group=compiled.condition(enrollment.condition_id) if enrollment else None,
            excluded=feature_id in participant.exclusions or user_reached(compiled, participant),
            group_excluded=record is not None
            and (feature_id in record.exclusions or group_reached(compiled, record)),
            enrolled=bool(own),
            group_enrolled=enrollment is not None,
        )


def group_record(
    compiled: CompiledExperiment, participant: Participant, groups: Groups
) -> GroupRecord | None:
    """The record of the user's working group, for a group experiment."""
    if compiled.group_type is None:
        return None
    key = participant.working_group(compiled.group_type)
    return None if key is None else groups.get(key)


def user_reached(compiled: CompiledExperiment, participant: Participant) -> bool:
    """Whether the user is out for having reached a flagged point too early (section 13.2)."""
    if compiled.flagged is None:
        return False
    reached = {point_key: point.at for point_key, point in participant.points.items()}
    at = compiled.reached_before_start(reached)
    lifted = participant.lifted.get(compiled.feature_id)
    started = compiled.experiment.started_at
    return at is not None and not (lifted and started and lifted >= started)


def group_reached(compiled: CompiledExperiment, record: GroupRecord) -> bool:
    """Whether a group reached the point too early, which counts under the group rule only."""
    return (
        compiled.rule is ConsistencyRule.GROUP
        and compiled.reached_before_start(record.reached) is not None
    )


def assign(
    context: CompiledContext,
    participant: Participant,
    groups: Groups,
    strata: StratumCounts = NO_COUNTS,
) -> list[Assignment]:
    """What a user gets at all points of a context; nothing is stored."""
    if globally_excluded(context.shut_out, participant):
        return []
    considered = [
        compiled
        for compiled in context.compiled_experiments
        if _is_seen(compiled, participant)
        and _has_group(compiled, participant)
        and is_listed_in(compiled, participant)
    ]
    assignments: list[Assignment] = []
    for pool in _pools(considered):
        chosen = _of_pool(pool, participant, groups)
        if chosen is not None:
            assignments.extend(_assigned(*chosen, participant, strata))
    return assignments


def assign_at(
    context: CompiledContext,
    point_key: DecisionPointKey,
    participant: Participant,
    groups: Groups,
    strata: StratumCounts = NO_COUNTS,
) -> list[Assignment]:
    """What a user gets at one point from the experiments there, which make one pool (section 17).

    Experiments in preview are left out, and whether the user's group is valid does not count.
    """
    considered = [
        compiled
        for compiled in context.compiled_experiments
        if point_key in compiled.point_keys
        and compiled.experiment.state is not State.PREVIEW
        and is_listed_in(compiled, participant)
    ]
    chosen = _of_pool(considered, participant, groups) if considered else None
    if chosen is None:
        return []
    assigned = _assigned(*chosen, participant, strata)
    return [assignment for assignment in assigned if assignment.point.point_key == point_key]


def is_listed_in(compiled: CompiledExperiment, participant: Participant) -> bool:
    """Whether the lists let a user in.

    Whoever takes part in a group experiment under the individual rule has been let in for good.
    """
    if (
        compiled.experiment.unit is Unit.GROUP
        and compiled.rule is ConsistencyRule.INDIVIDUAL
        and compiled.feature_id in participant.enrollments
    ):
        return True
    return screen(
        compiled.experiment.filter_mode,
        compiled.include,
        compiled.exclude,
        participant,
        compiled.group_type,
    ).is_in


def choose(
    compiled: CompiledExperiment,
    participant: Participant,
    history: History,
    counts: Mapping[str, int] | None = None,
) -> Condition | None:
    """The condition of a user by state, rule and history (section 13.1), None for none.

    `counts` are the enrollments of the user's stratum by condition, where they are to be evened
    out. A condition that was set for a preview user comes first.
    """
    experiment = compiled.experiment
    explicit = compiled.condition((participant.preview or {}).get(experiment.id))
    if explicit is not None:
        return explicit
    if experiment.state is State.ENROLLMENT_COMPLETE:
        if experiment.unit is Unit.WITHIN_SUBJECTS:
            return None
        if experiment.post_rule is PostRule.ASSIGN:
            return compiled.condition(experiment.revert_to)
        return _by_rule(compiled, history, None)
    return _by_rule(compiled, history, draw(compiled, participant, counts))


def _by_rule(
    compiled: CompiledExperiment, history: History, new: Condition | None
) -> Condition | None:
    if compiled.rule is ConsistencyRule.EXPERIMENT:
        individual = compiled.experiment.unit is Unit.INDIVIDUAL
        return (history.own if individual else history.group) or new
    own = (history.excluded, history.own)
    group = (history.group_excluded, history.group)
    order = (own, group) if compiled.rule is ConsistencyRule.INDIVIDUAL else (group, own)
    for excluded, condition in order:
        if excluded:
            return None
        if condition is not None:
            return condition
    return new


def draw(
    compiled: CompiledExperiment, participant: Participant, counts: Mapping[str, int] | None = None
) -> Condition | None:
    """A new choice: the seeded draw among the conditions by weight (sections 10.1 and 10.2)."""
    experiment = compiled.experiment
    if not compiled.conditions or experiment.algorithm is Algorithm.ADAPTIVE:
        return None
    unit_id = participant.id
    if compiled.group_type is not None:
        group = participant.working_group(compiled.group_type)
        if group is None:
            return None
        unit_id = group.id
    weights: Sequence[float] = compiled.weights
    if counts is not None:
        weights = corrected(weights, [counts.get(c.id, 0) for c in compiled.conditions])
    return compiled.conditions[seedrandom.condition_index(experiment.id, unit_id, weights)]


def corrected(weights: Sequence[float], enrolled: Sequence[int]) -> list[float]:
    """Weights moved towards what a stratum lacks, scaled to a sum of 100 (section 10.2)."""
    total = sum(enrolled)
    shares = [100 * n / total if total else 0.0 for n in enrolled]
    moved = [
        min(100.0, max(0.0, weight + (weight - share)))
        for weight, share in zip(weights, shares, strict=True)
    ]
    whole = sum(moved)
    return [100 * weight / whole for weight in moved] if whole else list(weights)


def is_corrected(compiled: CompiledExperiment, participant: Participant) -> bool:
    """Whether weights are moved by what a stratum lacks: under the experiment rule only."""
    return (
        compiled.experiment.algorithm is Algorithm.STRATIFIED
        and compiled.rule is ConsistencyRule.EXPERIMENT
        and compiled.experiment.stratification_factor in participant.strata
    )


def _is_seen(compiled: CompiledExperiment, participant: Participant) -> bool:
    return compiled.experiment.state is not State.PREVIEW or participant.preview is not None


def _has_group(compiled: CompiledExperiment, participant: Participant) -> bool:
    """Whether a user can take part in a group experiment (section 9.3)."""
    return (
        compiled.group_type is None
        or participant.valid_group(compiled.group_type) is not None
        or compiled.feature_id in participant.enrollments
    )


def _pools(
    compiled_experiments: Sequence[CompiledExperiment],
) -> Iterable[list[CompiledExperiment]]:
    """Experiments that share decision points, directly or through others, each with its pool."""
    # A pool is known by the feature of its first experiment, and each decision point has one.
    pools: dict[int, list[CompiledExperiment]] = {}
    pool_at: dict[DecisionPointKey, int] = {}
    for compiled in compiled_experiments:
        met = {pool_at[point_key] for point_key in compiled.point_keys if point_key in pool_at}
        feature_id, members, moved = compiled.feature_id, [compiled], [compiled]
        if len(met) == 1:
            (feature_id,) = met
            members = pools.pop(feature_id)
            members.append(compiled)
        elif met:
            for key in [key for key in pools if key in met]:
                members = pools.pop(key) + members
            moved = members
        pools[feature_id] = members
        for member in moved:
            pool_at.update(dict.fromkeys(member.point_keys, feature_id))
    return pools.values()


def _of_pool(
    pool: list[CompiledExperiment], participant: Participant, groups: Groups
) -> tuple[CompiledExperiment, History] | None:
    """The one experiment of a pool that a user takes part in, with its history (section 9.6)."""
    histories = [(compiled, History.of(compiled, participant, groups)) for compiled in pool]
    enrolled = [each for each in histories if each[1].enrolled or each[1].group_enrolled]
    if len(enrolled) == 1:
        return enrolled[0]
    if enrolled:
        return next((e for e in enrolled if e[0].experiment.state is State.ENROLLING), None)
    open_ones = [
        (compiled, history)
        for compiled, history in histories
        if compiled.experiment.state is not State.ENROLLMENT_COMPLETE
        and not history.excluded
        and not history.group_excluded
    ]
    if not open_ones:
        return None
    if len(open_ones) == 1:
        return open_ones[0]
    open_ones.sort(key=lambda each: each[0].feature_id)
    return open_ones[seedrandom.competing_index(participant.id, len(open_ones))]


def _assigned(
    compiled: CompiledExperiment, history: History, participant: Participant, strata: StratumCounts
) -> list[Assignment]:
    experiment = compiled.experiment
    counts = strata.get(compiled.feature_id) if is_corrected(compiled, participant) else None
    condition = choose(compiled, participant, history, counts)
    if condition is None:
        return []
    within = experiment.unit is Unit.WITHIN_SUBJECTS
    conditions = queue(compiled, participant) if within else (condition,)
    return [Assignment(compiled, point, conditions) for point in experiment.points]


def queue(compiled: CompiledExperiment, participant: Participant) -> tuple[Condition, ...]:
    """The conditions that a user of a within-subjects experiment meets next (section 10.3).

    Every mark in the experiment moves it on, whichever of the decision points it is at.
    """
    experiment_id, user_id = compiled.experiment.id, participant.id
    marks = sum(e.repeats for e in participant.enrollments.get(compiled.feature_id, ()))
    count = len(compiled.conditions)
    order = compiled.experiment.condition_order
    if order is ConditionOrder.RANDOM:
        indices = seedrandom.random_queue(experiment_id, user_id, count, marks)
    elif order is ConditionOrder.RANDOM_ROUND_ROBIN:
        indices = seedrandom.random_round_robin_queue(experiment_id, user_id, count, marks)
    else:
        indices = seedrandom.ordered_queue(count, marks)
    return tuple(compiled.conditions[index] for index in indices)

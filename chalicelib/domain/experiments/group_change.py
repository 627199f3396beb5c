"""Records that a change of the working group ends (UpGrade, section 13.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.experiments.assignment import user_reached
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.experiments import ConsistencyRule, State
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    GroupKey,
    Participant,
    WorkingGroup,
)


@dataclass(frozen=True, slots=True)
class GroupLeft:
    """A group that has one enrolled user less; `users_needed` make it count for the ending."""

    feature_id: int
    group: GroupKey
    users_needed: int | None


@dataclass(frozen=True, slots=True)
class StratumEnrollment:
    """An enrollment at a point as it counts for the stratum `value` of a variant."""

    feature_id: int
    point_key: DecisionPointKey
    value: str
    variant_id: int


@dataclass(frozen=True, slots=True)
class GroupChange:
    """Enrollments and exclusions (by experiment) that end with a working group."""

    enrollments: tuple[Enrollment, ...] = ()
    lifted: tuple[int, ...] = ()
    left: tuple[GroupLeft, ...] = ()
    uncounted: tuple[StratumEnrollment, ...] = ()


def after_group_change(
    participant: Participant,
    after: WorkingGroup,
    compiled_experiments: Sequence[CompiledExperiment],
) -> GroupChange:
    """The records that a new working group ends (section 13.4).

    For each group type whose value changed or vanished, in the group experiments of that type that
    enroll or have enrolled: enrollments under the rules group and experiment, and exclusions under
    the rules group and individual. A user who had no working group before loses nothing.
    Enrollments are in the order of time: with the first of them the user was counted in the group.
    """
    before = participant.profile.working_group
    if not before:
        return GroupChange()
    changed = {kind for kind, group_id in before.items() if after.get(kind) != group_id}
    affected = [
        compiled
        for compiled in compiled_experiments
        if compiled.group_type in changed
        and compiled.experiment.state in (State.ENROLLING, State.ENROLLMENT_COMPLETE)
    ]
    ended = [
        (compiled, sorted(participant.enrollments[compiled.feature_id], key=lambda each: each.at))
        for compiled in affected
        if compiled.rule is not ConsistencyRule.INDIVIDUAL
        and compiled.feature_id in participant.enrollments
    ]
    return GroupChange(
        enrollments=tuple(enrollment for _, enrollments in ended for enrollment in enrollments),
        left=tuple(
            GroupLeft(
                compiled.feature_id,
                GroupKey(compiled.group_type or "", enrollments[0].group_id or ""),
                complete.user_count
                if (complete := compiled.experiment.complete_condition)
                else None,
            )
            for compiled, enrollments in ended
        ),
        uncounted=tuple(
            StratumEnrollment(
                compiled.feature_id, enrollment.point_key, enrollment.stratum, condition.variant_id
            )
            for compiled, enrollments in ended
            for enrollment in enrollments
            if enrollment.stratum and (condition := compiled.condition(enrollment.condition_id))
        ),
        lifted=tuple(
            compiled.feature_id
            for compiled in affected
            if compiled.rule is not ConsistencyRule.EXPERIMENT
            and (
                compiled.feature_id in participant.exclusions or user_reached(compiled, participant)
            )
        ),
    )

"""Decides which records a mark stores (UpGrade, section 12)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from chalicelib.domain.audiences.segments import (
    ResolvedSegments,
    Screening,
    globally_excluded,
    screen,
)
from chalicelib.domain.experiments.assignment import (
    Groups,
    History,
    choose,
    group_reached,
    is_listed_in,
    user_reached,
)
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    Condition,
    ConsistencyRule,
    State,
    Unit,
)
from chalicelib.domain.experiments.marks import (
    NOTHING,
    Mark,
    MarkStatus,
    Outcome,
    Records,
    Repeat,
    UnknownCondition,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    GroupEnrollment,
    GroupKey,
    MonitoredPoint,
    Participant,
)


def decide(
    mark: Mark,
    compiled: CompiledExperiment | None,
    shut_out: ResolvedSegments,
    participant: Participant,
    groups: Groups,
    now: datetime,
    point_id: str,
) -> Outcome:
    """Decide which records a mark stores, given the experiment that it is for.

    `point_id` is the id of the monitored point if this is the user's first mark there.

    Raises:
        UnknownCondition: if the experiment knows no such condition.
    """
    experiment_id = compiled.experiment.id if compiled is not None else mark.experiment_id
    if compiled is not None and globally_excluded(shut_out, participant):
        compiled = None
    if compiled is not None and mark.code is not None and not compiled.knows(mark.code):
        raise UnknownCondition(f"Condition not found: {mark.code}")
    code = mark.code
    if compiled is not None and (named := compiled.coded(code)) is not None:
        code = named.code
    point = participant.points.get(mark.point_key)
    if point is None:
        within = compiled is not None and compiled.experiment.unit is Unit.WITHIN_SUBJECTS
        point = MonitoredPoint(
            point_id, mark.point_key, experiment_id, None if within else code, now
        )
    condition = code if point.condition is None else point.condition
    if compiled is None:
        return Outcome(None, point, condition)
    records = _records(mark, compiled, participant, groups, now)
    standing = _standing(mark.point_key, compiled, participant, groups, records)
    return Outcome(compiled, point, condition, records, standing)


def _standing(
    point_key: DecisionPointKey,
    compiled: CompiledExperiment,
    participant: Participant,
    groups: Groups,
    records: Records,
) -> EnrollmentCode | ExclusionCode | None:
    """How a user takes part in an experiment after a mark there, else why not.

    The enrollment's code, else that of the user's exclusion, else that of the group's.
    """
    feature_id = compiled.feature_id
    new = () if records.enrollment is None else (records.enrollment,)
    enrollments = (*participant.enrollments.get(feature_id, ()), *new)
    if enrollments:
        nearest: Enrollment = min(enrollments, key=lambda each: each.point_key != point_key)
        return nearest.code
    own = participant.exclusions.get(feature_id, records.exclusion)
    if (code := _why_out(compiled, own, early=user_reached(compiled, participant))) is not None:
        return code
    new_of_groups = dict(records.group_exclusions)
    keys = sorted(
        participant.working_groups(), key=lambda key: (key.type != compiled.group_type, key)
    )
    for key in keys:
        record = groups.get(key)
        of_group = new_of_groups.get(key)
        early = False
        if record is not None:
            of_group = record.exclusions.get(feature_id, of_group)
            early = key.type == compiled.group_type and group_reached(compiled, record)
        if (code := _why_out(compiled, of_group, early=early)) is not None:
            return code
    return None


def _why_out(
    compiled: CompiledExperiment, exclusion: Exclusion | None, *, early: bool
) -> ExclusionCode | None:
    """The code of an exclusion; REACHED_BEFORE goes first for who came too `early`."""
    started = compiled.experiment.started_at
    if early and (exclusion is None or (started is not None and exclusion.at >= started)):
        return ExclusionCode.REACHED_BEFORE
    return None if exclusion is None else exclusion.code


def _records(
    mark: Mark,
    compiled: CompiledExperiment,
    participant: Participant,
    groups: Groups,
    now: datetime,
) -> Records:
    experiment, feature_id = compiled.experiment, compiled.feature_id
    screening = _screening(compiled, participant)
    unrelated: tuple[tuple[GroupKey, Exclusion], ...] = ()
    if screening is Screening.OUT_BY_GROUP:
        logic = Exclusion(feature_id, ExclusionCode.GROUP_LOGIC, now)
        unrelated = tuple(
            (key, logic)
            for key in sorted(participant.working_groups())
            if key not in groups or feature_id not in groups[key].exclusions
        )
    stores = experiment.state in (State.ENROLLING, State.ENROLLMENT_COMPLETE)
    if not stores or participant.preview is not None:
        return Records(group_exclusions=unrelated)

    def excluded(code: ExclusionCode) -> Exclusion | None:
        """An exclusion of the user; the first one stays."""
        already = feature_id in participant.exclusions
        return None if already else Exclusion(feature_id, code, now)

    if mark.status is MarkStatus.NOT_APPLIED:
        return Records(exclusion=excluded(ExclusionCode.BY_CLIENT), group_exclusions=unrelated)
    if not screening.is_in:
        return _out_by_lists(
            compiled, screening, participant, groups, excluded(ExclusionCode.LISTED), unrelated, now
        )
    history = History.of(compiled, participant, groups)
    if (
        experiment.state is State.ENROLLMENT_COMPLETE
        and experiment.rule is not ConsistencyRule.EXPERIMENT  # within-subjects have none
    ):
        return _too_late(compiled, mark, participant, history, excluded, now)
    if experiment.unit is Unit.GROUP:
        return _of_group_unit(compiled, mark, participant, history, excluded, now)
    if experiment.unit is Unit.WITHIN_SUBJECTS:
        return _of_within_subjects(compiled, mark, participant, now)
    condition = choose(compiled, participant, history)
    if condition is None or history.excluded or _enrolled_at(compiled, participant, mark.point_key):
        return NOTHING
    return Records(
        enrollment=Enrollment(
            feature_id,
            mark.point_key,
            condition.id,
            None,
            EnrollmentCode.ALGORITHM,
            now,
            stratum=stratum_of(compiled, participant),
        )
    )


def _screening(compiled: CompiledExperiment, participant: Participant) -> Screening:
    if is_listed_in(compiled, participant):
        return Screening.IN
    return screen(
        compiled.experiment.filter_mode,
        compiled.include,
        compiled.exclude,
        participant,
        compiled.group_type,
    )


def stratum_of(compiled: CompiledExperiment, participant: Participant) -> str | None:
    """The user's value of the factor, where enrollments are counted by it."""
    if compiled.experiment.algorithm is not Algorithm.STRATIFIED:
        return None
    return participant.strata.get(compiled.experiment.stratification_factor or "")


def _enrolled_at(
    compiled: CompiledExperiment, participant: Participant, point_key: DecisionPointKey
) -> bool:
    """Whether a mark there has enrolled the user, with a condition that still exists."""
    within = compiled.experiment.unit is Unit.WITHIN_SUBJECTS
    return any(
        e.point_key == point_key and (within or compiled.condition(e.condition_id) is not None)
        for e in participant.enrollments.get(compiled.feature_id, ())
    )


def _out_by_lists(
    compiled: CompiledExperiment,
    screening: Screening,
    participant: Participant,
    groups: Groups,
    exclusion: Exclusion | None,
    unrelated: tuple[tuple[GroupKey, Exclusion], ...],
    now: datetime,
) -> Records:
    group = participant.working_group(compiled.group_type)
    if screening is not Screening.OUT_BY_OWN_GROUP or group is None:
        return Records(exclusion=exclusion, group_exclusions=unrelated)
    listed = Exclusion(compiled.feature_id, ExclusionCode.GROUP_LISTED, now)
    record = groups.get(group)
    known = record is not None and compiled.feature_id in record.exclusions
    return Records(
        exclusion=exclusion,
        group_exclusions=() if known else ((group, listed),),
        dropped=(group,) if record is not None and record.enrollments else (),
    )


def _too_late(
    compiled: CompiledExperiment,
    mark: Mark,
    participant: Participant,
    history: History,
    excluded: Callable[[ExclusionCode], Exclusion | None],
    now: datetime,
) -> Records:
    """Enrollment is complete: who comes now stays out."""
    group = participant.valid_group(compiled.group_type) if compiled.group_type else None
    late = Exclusion(compiled.feature_id, ExclusionCode.REACHED_AFTER, now)
    group_is_new = group is not None and not history.group_enrolled and not history.group_excluded
    user_is_new = (
        not _enrolled_at(compiled, participant, mark.point_key)
        and not history.excluded
        and not history.group_enrolled
    )
    return Records(
        exclusion=excluded(ExclusionCode.REACHED_AFTER) if user_is_new else None,
        group_exclusions=((group, late),) if group is not None and group_is_new else (),
    )


def _of_group_unit(
    compiled: CompiledExperiment,
    mark: Mark,
    participant: Participant,
    history: History,
    excluded: Callable[[ExclusionCode], Exclusion | None],
    now: datetime,
) -> Records:
    bound = compiled.rule is not ConsistencyRule.EXPERIMENT
    group = participant.valid_group(compiled.group_type)
    if group is None:
        code = (
            ExclusionCode.WRONG_GROUP
            if participant.profile.group and participant.profile.working_group
            else ExclusionCode.NO_GROUP
        )
        return Records(exclusion=excluded(code) if bound else None)
    condition: Condition | None
    if compiled.experiment.algorithm is Algorithm.STRATIFIED:
        condition = compiled.coded(mark.code)
    else:
        condition = choose(compiled, participant, history)
    group_enrollment = None
    if condition is not None and not history.group_enrolled and not history.group_excluded:
        enrolled = GroupEnrollment(compiled.feature_id, mark.point_key, condition.id, now)
        group_enrollment = (group, enrolled)
    if history.group_excluded and bound:
        return Records(exclusion=excluded(ExclusionCode.GROUP_LOGIC))
    enrollment = None
    if (
        condition is not None
        and not _enrolled_at(compiled, participant, mark.point_key)
        and not history.excluded
    ):
        how = EnrollmentCode.GROUP if history.group_enrolled else EnrollmentCode.ALGORITHM
        enrollment = Enrollment(
            compiled.feature_id,
            mark.point_key,
            condition.id,
            group.id,
            how,
            now,
            stratum=stratum_of(compiled, participant),
        )
    return Records(enrollment=enrollment, group_enrollment=group_enrollment)


def _of_within_subjects(
    compiled: CompiledExperiment, mark: Mark, participant: Participant, now: datetime
) -> Records:
    condition = compiled.coded(mark.code)
    met = condition.id if condition else None
    repeat = Repeat(compiled.feature_id, mark.point_key, met, mark.uniquifier, now)
    if _enrolled_at(compiled, participant, mark.point_key):
        return Records(repeat=repeat)
    return Records(
        enrollment=Enrollment(
            compiled.feature_id,
            mark.point_key,
            None,
            None,
            EnrollmentCode.ALGORITHM,
            now,
            met=frozenset({met or ""}),
        ),
        repeat=repeat,
    )

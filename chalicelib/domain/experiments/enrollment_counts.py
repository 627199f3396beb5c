"""Counts of enrollments by condition and point: the statistics of an experiment.

The counts move in the transaction of the records that they count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.marks import Records, Repeat
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    Participant,
)

DROPPED_AT_ONCE = 10

COUNTS = ("users", "condition_users", "point_users", "groups", "point_groups")
"""The fields of an enrollment count that count something."""


@dataclass(frozen=True, slots=True)
class EnrollmentCount:
    """Enrollments of the experiment `feature_id` with a condition at a decision point.

    It may also be a change of them.

    `users` are those who first took part there, so that those of an experiment add up, and
    `condition_users` those who first met the condition there; `point_users` met it at the decision
    point. `groups` enrolled there, `point_groups` have a user enrolled there. `condition_id` is
    None for marks within subjects that named none, `point_key` for a point that the reader did not
    ask for, and `at` tells when, where a change counts for statistics by date: there new users and
    groups of the condition count for the day of their enrollment, and what ends leaves that day.
    """

    feature_id: int
    condition_id: str | None
    point_key: DecisionPointKey | None
    at: datetime | None = None
    users: int = 0
    condition_users: int = 0
    point_users: int = 0
    groups: int = 0
    point_groups: int = 0

    def __neg__(self) -> EnrollmentCount:
        return replace(self, **{name: -getattr(self, name) for name in COUNTS})


@dataclass(frozen=True, slots=True)
class HourlyEnrollmentCount:
    """Users and groups that enrolled with a condition at a point in the hour from `at` (UTC)."""

    at: datetime
    condition_id: str | None
    point_key: DecisionPointKey | None
    users: int
    groups: int


@dataclass(frozen=True, slots=True)
class DailyEnrollmentCount:
    """Users and groups that first enrolled under a condition on a day (UTC), at any point.

    `users` are those who met the condition at no point before, as of `EnrollmentCount`, `groups`
    those that enrolled. Days were not always counted so: of one that is not `whole` some enrolled
    before, and are missing.
    """

    day: date
    condition_id: str | None
    users: int
    groups: int
    whole: bool = True


def counted_from(counts: Iterable[DailyEnrollmentCount]) -> date | None:
    """The first day from which on all days are whole; None if there was no other, ever."""
    incomplete = [each.day for each in counts if not each.whole]
    return max(incomplete) + timedelta(days=1) if incomplete else None


@dataclass(frozen=True, slots=True)
class ExclusionCount:
    """Users and groups that are excluded from the experiment `feature_id`, or a change of them."""

    feature_id: int
    users: int = 0
    groups: int = 0


def of_records(
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    compiled: CompiledExperiment | None,
    records: Records,
) -> tuple[EnrollmentCount, ...]:
    """The counts that records of an experiment add."""
    dropped = (
        -of_group(enrollment)
        for key in records.dropped
        for enrollment in dropped_at_once(groups[key])
    )
    if records.repeat is not None:
        return (_of_repeat(participant, records.repeat), *dropped)
    if records.enrollment is not None:
        is_new = group_new_at_point(groups, compiled, records) is not None
        return (_of_enrollment(participant, records, records.enrollment, is_new), *dropped)
    if records.group_enrollment is not None:
        _, enrolled = records.group_enrollment
        return (of_group(enrolled), *dropped)
    return tuple(dropped)


def of_group(enrolled: GroupEnrollment) -> EnrollmentCount:
    """The counts that the enrollment of a group adds, where no user is enrolled with it."""
    return EnrollmentCount(
        enrolled.feature_id, enrolled.condition_id, enrolled.point_key, enrolled.at, groups=1
    )


def dropped_at_once(record: GroupRecord) -> list[GroupEnrollment]:
    """What a group that loses its enrollments loses at once, for a transaction has limits.

    Should there be more, the next mark of a member finds them.
    """
    return [
        record.enrollments[feature_id]
        for feature_id in sorted(record.enrollments)[:DROPPED_AT_ONCE]
    ]


def _of_repeat(participant: Participant, repeat: Repeat) -> EnrollmentCount:
    before = participant.enrollments.get(repeat.feature_id, ())
    met = repeat.condition_id or ""
    return EnrollmentCount(
        repeat.feature_id,
        repeat.condition_id,
        repeat.point_key,
        repeat.at,
        users=int(not before),
        condition_users=int(not any(met in e.met for e in before)),
        point_users=int(not any(met in e.met for e in before if e.point_key == repeat.point_key)),
    )


def _of_enrollment(
    participant: Participant, records: Records, enrollment: Enrollment, group_is_new: bool
) -> EnrollmentCount:
    before = participant.enrollments.get(enrollment.feature_id, ())
    return EnrollmentCount(
        enrollment.feature_id,
        enrollment.condition_id,
        enrollment.point_key,
        enrollment.at,
        users=int(not before),
        condition_users=int(all(e.condition_id != enrollment.condition_id for e in before)),
        point_users=1,
        groups=int(records.group_enrollment is not None),
        point_groups=int(group_is_new),
    )


def group_new_at_point(
    groups: Mapping[GroupKey, GroupRecord], compiled: CompiledExperiment | None, records: Records
) -> GroupKey | None:
    """The group of an enrolled user, if no other member was enrolled at the point."""
    enrollment = records.enrollment
    if enrollment is None or compiled is None or enrollment.group_id is None:
        return None
    key = GroupKey(compiled.group_type or "", enrollment.group_id)
    known = (enrollment.feature_id, enrollment.point_key) in groups[key].enrolled_at
    return None if known else key


def of_ending(enrollments: Iterable[Enrollment]) -> tuple[EnrollmentCount, ...]:
    """The counts of some enrollments of a user, all those of each experiment together."""
    feature_ids: set[int] = set()
    conditions: set[tuple[int, str | None]] = set()
    enrollment_counts = []
    for enrollment in enrollments:
        condition = (enrollment.feature_id, enrollment.condition_id)
        enrollment_counts.append(
            EnrollmentCount(
                enrollment.feature_id,
                enrollment.condition_id,
                enrollment.point_key,
                enrollment.at,
                users=int(enrollment.feature_id not in feature_ids),
                condition_users=int(condition not in conditions),
                point_users=1,
            )
        )
        feature_ids.add(enrollment.feature_id)
        conditions.add(condition)
    return tuple(enrollment_counts)


def exclusions_of(records: Records) -> tuple[ExclusionCount, ...]:
    """The counts that records add to the exclusions; all are of one experiment."""
    excluded = [exclusion for _, exclusion in records.group_exclusions]
    if records.exclusion is not None:
        return (ExclusionCount(records.exclusion.feature_id, 1, len(excluded)),)
    return (ExclusionCount(excluded[0].feature_id, 0, len(excluded)),) if excluded else ()

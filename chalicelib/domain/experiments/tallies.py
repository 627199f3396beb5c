"""What enrollments add up to, by condition and point: the statistics of an experiment.

The counts move in the transaction of the records that they count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.experiments.marking import Records, Repeat
from chalicelib.domain.experiments.offers import Offer
from chalicelib.domain.participants.decision_points import Place
from chalicelib.domain.participants.participants import (
    Enrollment,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    Participant,
)

DROPPED_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Tally:
    """Enrollments of the experiment `number` with a condition at a place, or a change of them.

    `users` are those who first took part there, so that those of an experiment add up, and
    `condition_users` those who first met the condition there; `point_users` met it at the place.
    `groups` enrolled there, `point_groups` have a user enrolled there. `condition_id` is None for
    marks within subjects that named none, `place` for a point that the reader did not ask for, and
    `at` tells when, where a change counts for statistics by date.
    """

    number: int
    condition_id: str | None
    place: Place | None
    at: datetime | None = None
    users: int = 0
    condition_users: int = 0
    point_users: int = 0
    groups: int = 0
    point_groups: int = 0

    def __neg__(self) -> Tally:
        return replace(
            self,
            users=-self.users,
            condition_users=-self.condition_users,
            point_users=-self.point_users,
            groups=-self.groups,
            point_groups=-self.point_groups,
        )


@dataclass(frozen=True, slots=True)
class HourlyTally:
    """Users and groups that enrolled with a condition at a place in the hour from `at` (UTC)."""

    at: datetime
    condition_id: str | None
    place: Place | None
    users: int
    groups: int


@dataclass(frozen=True, slots=True)
class ExclusionTally:
    """Users and groups that are excluded from the experiment `number`, or a change of them."""

    number: int
    users: int = 0
    groups: int = 0


def of_records(
    participant: Participant,
    groups: Mapping[GroupKey, GroupRecord],
    offer: Offer | None,
    records: Records,
) -> tuple[Tally, ...]:
    """What records of an experiment add to the enrollments."""
    dropped = (
        Tally(enrollment.number, enrollment.condition_id, enrollment.place, groups=-1)
        for key in records.dropped
        for enrollment in dropped_at_once(groups[key])
    )
    if records.repeat is not None:
        return (_of_repeat(participant, records.repeat), *dropped)
    if records.enrollment is not None:
        is_new = group_new_at_point(groups, offer, records) is not None
        return (_of_enrollment(participant, records, records.enrollment, is_new), *dropped)
    if records.group_enrollment is not None:
        _, enrolled = records.group_enrollment
        return (Tally(enrolled.number, enrolled.condition_id, enrolled.place, groups=1), *dropped)
    return tuple(dropped)


def dropped_at_once(record: GroupRecord) -> list[GroupEnrollment]:
    """What a group that loses its enrollments loses at once, for a transaction has limits.

    Should there be more, the next mark of a member finds them.
    """
    return [record.enrollments[number] for number in sorted(record.enrollments)[:DROPPED_AT_ONCE]]


def _of_repeat(participant: Participant, repeat: Repeat) -> Tally:
    before = participant.enrollments.get(repeat.number, ())
    met = repeat.condition_id or ""
    return Tally(
        repeat.number,
        repeat.condition_id,
        repeat.place,
        repeat.at,
        users=int(not before),
        condition_users=int(not any(met in e.met for e in before)),
        point_users=int(not any(met in e.met for e in before if e.place == repeat.place)),
    )


def _of_enrollment(
    participant: Participant, records: Records, enrollment: Enrollment, group_is_new: bool
) -> Tally:
    before = participant.enrollments.get(enrollment.number, ())
    return Tally(
        enrollment.number,
        enrollment.condition_id,
        enrollment.place,
        enrollment.at,
        users=int(not before),
        condition_users=int(all(e.condition_id != enrollment.condition_id for e in before)),
        point_users=1,
        groups=int(records.group_enrollment is not None),
        point_groups=int(group_is_new),
    )


def group_new_at_point(
    groups: Mapping[GroupKey, GroupRecord], offer: Offer | None, records: Records
) -> GroupKey | None:
    """The group of the user whom records enroll, if nobody of it was enrolled at the place."""
    enrollment = records.enrollment
    if enrollment is None or offer is None or enrollment.group_id is None:
        return None
    key = GroupKey(offer.group_type or "", enrollment.group_id)
    known = (enrollment.number, enrollment.place) in groups[key].enrolled_at
    return None if known else key


def of_ending(enrollments: Iterable[Enrollment]) -> tuple[Tally, ...]:
    """What some enrollments of a user add up to, all those of each experiment together."""
    numbers: set[int] = set()
    conditions: set[tuple[int, str | None]] = set()
    tallies = []
    for enrollment in enrollments:
        condition = (enrollment.number, enrollment.condition_id)
        tallies.append(
            Tally(
                enrollment.number,
                enrollment.condition_id,
                enrollment.place,
                enrollment.at,
                users=int(enrollment.number not in numbers),
                condition_users=int(condition not in conditions),
                point_users=1,
            )
        )
        numbers.add(enrollment.number)
        conditions.add(condition)
    return tuple(tallies)


def exclusions_of(records: Records) -> tuple[ExclusionTally, ...]:
    """What records add to the exclusions; all are of one experiment."""
    excluded = [exclusion for _, exclusion in records.group_exclusions]
    if records.exclusion is not None:
        return (ExclusionTally(records.exclusion.number, 1, len(excluded)),)
    return (ExclusionTally(excluded[0].number, 0, len(excluded)),) if excluded else ()

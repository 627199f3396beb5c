"""What a change of the working group ends, in DynamoDB: a transaction, or a few for very much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pynamodb.transactions import TransactWrite

from chalicelib.domain.experiments.enrollment_counts import (
    EnrollmentCount,
    ExclusionCount,
    of_ending,
)
from chalicelib.domain.experiments.group_change import GroupChange, GroupLeft
from chalicelib.domain.participants.participants import (
    Enrollment,
    GroupKey,
    GroupRecord,
    Participant,
    Profile,
)
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import transaction
from chalicelib.storage.dynamodb.counters import add_count
from chalicelib.storage.dynamodb.tables import RecordRow
from chalicelib.storage.dynamodb.times import to_ms
from chalicelib.storage.experiments.enrollment_counts import (
    ACTIONS_PER_COUNT,
    add_enrollment_counts,
    add_exclusions,
)
from chalicelib.storage.participants.records import end_enrollments, next_revision

ACTIONS = 95
"""Actions on the records of experiments in one transaction, which may hold a hundred."""

OTHER_ACTIONS = 10
"""Actions that each experiment needs besides those on its enrollments."""

ACTIONS_PER_ENROLLMENT = 1 + 1 + ACTIONS_PER_COUNT + 1
"""It is deleted, leaves its point behind, and leaves its enrollment count and its stratum."""

ENROLLMENTS_AT_ONCE = 17
"""Enrollments of one experiment that end in one transaction."""


NOTHING = GroupChange()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a change that fits one transaction, and the counts its enrollments had added."""

    change: GroupChange = NOTHING
    enrollment_counts: tuple[EnrollmentCount, ...] = ()


def parts_of(change: GroupChange) -> list[Part]:
    """The parts of a change, each of which fits one transaction; at least one part.

    An experiment may have more enrollments than fit: then its other actions go with the last of
    them, and with these the user as such, who takes part until then. The first enrollment, with
    which the user was counted in the group, is the last to end.
    """
    parts: list[Part] = []
    room = 0
    for feature_id in sorted({e.feature_id for e in change.enrollments} | {*change.lifted}):
        ending = [e for e in change.enrollments if e.feature_id == feature_id][::-1]
        enrollment_counts = of_ending(reversed(ending))[::-1]
        whole = len(ending) - len(ending) % ENROLLMENTS_AT_ONCE
        if whole == len(ending):
            whole = max(0, whole - ENROLLMENTS_AT_ONCE)
        for start in range(0, whole, ENROLLMENTS_AT_ONCE):
            some = slice(start, start + ENROLLMENTS_AT_ONCE)
            parts.append(_alone(change, ending[some], enrollment_counts[some]))
            room = 0
        needed = OTHER_ACTIONS + ACTIONS_PER_ENROLLMENT * (len(ending) - whole)
        if needed > room:
            parts.append(Part())
            room = ACTIONS
        last = _alone(change, ending[whole:], enrollment_counts[whole:])
        parts[-1] = _joined(parts[-1], last, change, feature_id)
        room -= needed
    return parts or [Part()]


def _alone(
    change: GroupChange,
    enrollments: Sequence[Enrollment],
    enrollment_counts: Sequence[EnrollmentCount],
) -> Part:
    """The end of some enrollments alone."""
    ending = {(enrollment.feature_id, enrollment.point_key) for enrollment in enrollments}
    uncounted = (each for each in change.uncounted if (each.feature_id, each.point_key) in ending)
    return Part(
        GroupChange(tuple(enrollments), uncounted=tuple(uncounted)),
        tuple(enrollment_counts),
    )


def _joined(part: Part, last: Part, change: GroupChange, feature_id: int) -> Part:
    """`part` with the last enrollments of an experiment, and with all else that ends there."""
    before = part.change
    return Part(
        GroupChange(
            (*before.enrollments, *last.change.enrollments),
            (*before.lifted, *(n for n in change.lifted if n == feature_id)),
            (*before.left, *(left for left in change.left if left.feature_id == feature_id)),
            (*before.uncounted, *last.change.uncounted),
        ),
        (*part.enrollment_counts, *last.enrollment_counts),
    )


def change_group(
    participant: Participant,
    profile: Profile,
    part: Part,
    at: datetime,
    groups: Mapping[GroupKey, GroupRecord],
) -> None:
    """Replace the profile, and end what is part of the change.

    Raises:
        LostRace: if the user's or a group's records are not what they were.
    """
    pk, change = keys.user(participant.id), part.change
    with transaction() as write:
        next_revision(write, participant, profile)
        add_enrollment_counts(
            write, (-enrollment_count for enrollment_count in part.enrollment_counts), 0
        )
        stored = sorted(participant.exclusions.keys() & set(change.lifted))
        add_exclusions(write, (ExclusionCount(feature_id, -1) for feature_id in stored), 0)
        for left in change.left:
            leave_group(write, groups[left.group], left)
        end_enrollments(write, participant, change.enrollments)
        counted = Counter(
            (each.feature_id, each.value, each.variant_id) for each in change.uncounted
        )
        for (feature_id, value, variant_id), rows in counted.items():
            add_count(write, feature_id, keys.stratum_counter(value, variant_id), 0, -rows)
        for feature_id in change.lifted:
            write.delete(RecordRow(pk, keys.exclusion(feature_id)))
            until = {"at": to_ms(at)}
            write.save(RecordRow(pk, keys.lifted(feature_id), data=until, experiment=feature_id))


def leave_group(write: TransactWrite, record: GroupRecord, left: GroupLeft) -> None:
    """Count a user less in the group; and the group, if it is incomplete now."""
    before = record.counts.get(left.feature_id, 0)
    if before == 0:
        return
    write.update(
        RecordRow(keys.group(record.key.type, record.key.id), keys.count(left.feature_id)),
        actions=[RecordRow.n.set(before - 1)],
        condition=RecordRow.n == before,
    )
    if before == left.users_needed:
        add_count(write, left.feature_id, keys.GROUPS, 0, -1)

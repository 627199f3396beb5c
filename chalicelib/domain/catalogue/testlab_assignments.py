"""Test Lab's features as UpGrade's clients meet them.

An experiment of Test Lab that is current and running assigns in every context, at the decision
point (its name, ""). Who gets what was decided when it was first recorded: by the user's row in
Test Lab, whose SDKs choose by hashes of their own, or by a mark. Where nothing is recorded it
follows from the SHA-256 of the user id and the user blocks, as the published Python SDK of Test Lab
computes it. So both APIs name the same variant.

A toggle or rollout of Test Lab is a flag in every context, keyed by its name.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import date, datetime

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.experiments.marks import Mark, Outcome, Records, UnknownCondition
from chalicelib.domain.features.blocks import BLOCK_COUNT
from chalicelib.domain.features.features import Feature, FeatureType, Variant
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    MonitoredPoint,
    Participant,
)

NAMESPACE = uuid.UUID("b1f7c1f0-3b0e-4b57-9a3c-0b6f5d8f2a41")
"""Of the UUIDs that stand for integer ids of Test Lab."""


@dataclass(frozen=True, slots=True)
class TestLabAssignment:
    """An experiment of Test Lab, and the variant that a user gets, if any."""

    __test__ = False  # not a test, whatever its name looks like

    feature: Feature
    variant: Variant | None


def feature_uuid(feature_id: int) -> str:
    """The UUID of a feature of Test Lab."""
    return str(uuid.uuid5(NAMESPACE, f"feature {feature_id}"))


def variant_uuid(variant_id: int) -> str:
    """The UUID of a variant of Test Lab."""
    return str(uuid.uuid5(NAMESPACE, f"variant {variant_id}"))


def hash_share(user_id: str) -> float:
    """Where a user stands between 0 and 1.

    >>> hash_share("61")
    0.8131405251532494
    """
    digest = hashlib.sha256(user_id.encode()).digest()
    return int.from_bytes(digest, "big") / (2**256 - 1)


def assignment_for(
    catalogue: Catalogue, today: date, participant: Participant
) -> TestLabAssignment | None:
    """The one experiment of Test Lab that a user takes part in, if it is current and running.

    While an experiment is current in which the user was recorded there is no other, even where it
    does not run.
    """
    first = first_recorded(catalogue, today, participant)
    if first is None:
        return _of_user_block(catalogue, today, participant.id)
    return first if is_assigning(first.feature, today) else None


def first_recorded(
    catalogue: Catalogue, today: date, participant: Participant
) -> TestLabAssignment | None:
    """The current experiment in which a user was recorded first, with the variant recorded then.

    The row in Test Lab counts, and so do enrollments by marks, as long as their variant lives. The
    row goes before an enrollment of the same moment.
    """
    records: list[tuple[datetime, Feature, Variant]] = []
    row = participant.testlab
    if row is not None and (found := catalogue.variant(row.variant_id)) is not None:
        records.append((row.at, *found))
    for feature_id, enrollments in participant.enrollments.items():
        feature = catalogue.own_feature(feature_id)
        if feature is not None:
            by_condition = {variant_uuid(variant.id): variant for variant in feature.variants}
            records.extend(
                (enrollment.at, feature, by_condition[enrollment.condition_id])
                for enrollment in enrollments
                if enrollment.condition_id in by_condition
            )
    current = [each for each in records if _is_current_experiment(each[1], today)]
    if not current:
        return None
    _, feature, variant = min(current, key=lambda each: each[0])
    return TestLabAssignment(feature, variant)


def last_unknown(catalogue: Catalogue, participant: Participant) -> datetime | None:
    """When a user was last recorded in what a catalogue lacks: it is gone, or newer than that."""
    row = participant.testlab
    times = [
        enrollment.at
        for feature_id, enrollments in participant.enrollments.items()
        if catalogue.feature(feature_id) is None
        for enrollment in enrollments
    ]
    if row is not None and catalogue.variant(row.variant_id) is None:
        times.append(row.at)
    return max(times, default=None)


def _of_user_block(catalogue: Catalogue, today: date, user_id: str) -> TestLabAssignment | None:
    """The experiment whose user block a user is in, if it is current and running."""
    share = hash_share(user_id)
    block = catalogue.blocks[min(int(BLOCK_COUNT * share), BLOCK_COUNT - 1)]
    feature = catalogue.feature(block.feature_id or 0)
    if feature is None or not is_assigning(feature, today) or not feature.variants:
        return None
    upper = (block.id - 1) / BLOCK_COUNT
    for variant in feature.variants:
        upper += float(variant.weight) / BLOCK_COUNT
        if share <= upper:
            return TestLabAssignment(feature, variant)
    return TestLabAssignment(feature, feature.variants[-1])


def is_assigning(feature: Feature, today: date) -> bool:
    """Whether a feature is an experiment of Test Lab, current and running: it assigns then."""
    return feature.is_running and _is_current_experiment(feature, today)


def _is_current_experiment(feature: Feature, today: date) -> bool:
    return (
        feature.design is None
        and feature.type is FeatureType.EXPERIMENT
        and feature.is_current(today)
    )


def flags_on(catalogue: Catalogue, today: date, user_id: str) -> list[str]:
    """The names of the toggles, and of the user's rollouts, that are current and running.

    A rollout is on where the SHA-256 of the user id and the feature's name, taken as a share,
    is below the feature's.
    """
    current = catalogue.current(today)
    return [
        feature.name
        for feature in (*current.toggles, *current.rollouts)
        if feature.is_running
        and (
            feature.type is FeatureType.TOGGLE
            or hash_share(user_id + feature.name) < float(feature.user_percentage)
        )
    ]


def marked(
    catalogue: Catalogue, today: date, mark: Mark, participant: Participant
) -> TestLabAssignment | None:
    """The experiment of Test Lab that a mark is for, with the user's variant, if it has one."""
    feature = catalogue.named(mark.point_key.site) if mark.point_key.target == "" else None
    if feature is None or not is_assigning(feature, today):
        return None
    if mark.experiment_id not in (None, feature_uuid(feature.id)):
        return None
    assignment = assignment_for(catalogue, today, participant)
    return (
        assignment
        if assignment is not None and assignment.feature is feature
        else TestLabAssignment(feature, None)
    )


def decide(
    mark: Mark,
    assignment: TestLabAssignment,
    participant: Participant,
    now: datetime,
    point_id: str,
) -> Outcome:
    """What a mark stores: the point, and at the first mark an enrollment with the user's variant.

    It counts as a user of the variant, unless the user's row in Test Lab does. Where the variant of
    an enrollment was replaced, the next mark enrolls anew.

    Raises:
        UnknownCondition: if the experiment has no variant with the value that the mark names.
    """
    feature = assignment.feature
    if mark.code is not None and all(v.value != mark.code for v in feature.variants):
        raise UnknownCondition(f"Condition not found: {mark.code}")
    point = participant.points.get(mark.point_key)
    if point is None:
        point = MonitoredPoint(point_id, mark.point_key, feature_uuid(feature.id), mark.code, now)
    enrollment = None
    live = {variant_uuid(variant.id) for variant in feature.variants}
    known = participant.enrollments.get(feature.id, ())
    if assignment.variant is not None and all(each.condition_id not in live for each in known):
        by_row = _has_row(participant, assignment.variant)
        enrollment = Enrollment(
            feature.id,
            mark.point_key,
            variant_uuid(assignment.variant.id),
            None,
            EnrollmentCode.ALGORITHM,
            now,
            variant_id=None if by_row else assignment.variant.id,
            in_cohort=not by_row,
        )
    condition = mark.code if point.condition is None else point.condition
    takes_part = enrollment is not None or any(each.condition_id in live for each in known)
    code = EnrollmentCode.ALGORITHM if takes_part else None
    return Outcome(None, point, condition, Records(enrollment=enrollment), code)


def _has_row(participant: Participant, variant: Variant) -> bool:
    """Whether the user counts as one of a variant already, by the row in Test Lab."""
    return participant.testlab is not None and participant.testlab.variant_id == variant.id

"""Test Lab's features as UpGrade's clients meet them.

An experiment of Test Lab that is current and running is offered in every context, at the decision
point (its name, ""). Who gets what follows from the SHA-256 of the user id and the user blocks, as
the published Python SDK of Test Lab computes it, so both APIs name the same variant.

A toggle or rollout of Test Lab is a flag in every context, keyed by its name.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import date, datetime

from chalicelib.domain.blocks import BLOCK_COUNT
from chalicelib.domain.catalogue import Catalogue
from chalicelib.domain.features import Feature, FeatureType, Variant
from chalicelib.domain.marking import Mark, Outcome, Records, UnknownCondition
from chalicelib.domain.participants import (
    Enrollment,
    EnrollmentCode,
    MonitoredPoint,
    Participant,
)

NAMESPACE = uuid.UUID("b1f7c1f0-3b0e-4b57-9a3c-0b6f5d8f2a41")
"""Of the UUIDs that stand for integer ids of Test Lab."""


@dataclass(frozen=True, slots=True)
class TestLabOffer:
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


def offered_to(catalogue: Catalogue, today: date, user_id: str) -> TestLabOffer | None:
    """The experiment whose user block a user is in, if it is current and running."""
    share = hash_share(user_id)
    block = catalogue.blocks[min(int(BLOCK_COUNT * share), BLOCK_COUNT - 1)]
    feature = catalogue.feature(block.feature_id or 0)
    if feature is None or not is_offered(feature, today) or not feature.variants:
        return None
    upper = (block.id - 1) / BLOCK_COUNT
    for variant in feature.variants:
        upper += float(variant.weight) / BLOCK_COUNT
        if share <= upper:
            return TestLabOffer(feature, variant)
    return TestLabOffer(feature, feature.variants[-1])


def is_offered(feature: Feature, today: date) -> bool:
    """Whether a feature is an experiment of Test Lab that is current and running."""
    return (
        feature.design is None
        and feature.type is FeatureType.EXPERIMENT
        and feature.is_running
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


def marked(catalogue: Catalogue, today: date, mark: Mark, user_id: str) -> TestLabOffer | None:
    """The experiment of Test Lab that a mark is for, with the user's variant."""
    feature = catalogue.named(mark.place.site) if mark.place.target == "" else None
    if feature is None or not is_offered(feature, today):
        return None
    if mark.experiment_id not in (None, feature_uuid(feature.id)):
        return None
    offer = offered_to(catalogue, today, user_id)
    return offer if offer is not None and offer.feature is feature else TestLabOffer(feature, None)


def decide(
    mark: Mark, offer: TestLabOffer, participant: Participant, now: datetime, point_id: str
) -> Outcome:
    """What a mark stores: the point, and at the first mark an enrollment with the user's variant.

    It counts as a user of the variant, unless the user's row in Test Lab does. Where the variant of
    an enrollment was replaced, the next mark enrolls anew.

    Raises:
        UnknownCondition: if the experiment has no variant with the value that the mark names.
    """
    feature = offer.feature
    if mark.code is not None and all(v.value != mark.code for v in feature.variants):
        raise UnknownCondition(f"Condition not found: {mark.code}")
    point = participant.points.get(mark.place)
    if point is None:
        point = MonitoredPoint(point_id, mark.place, feature_uuid(feature.id), mark.code, now)
    enrollment = None
    live = {variant_uuid(variant.id) for variant in feature.variants}
    known = participant.enrollments.get(feature.id, ())
    if offer.variant is not None and all(each.condition_id not in live for each in known):
        enrollment = Enrollment(
            feature.id,
            mark.place,
            variant_uuid(offer.variant.id),
            None,
            EnrollmentCode.ALGORITHM,
            now,
            variant_id=None if participant.variant_id == offer.variant.id else offer.variant.id,
        )
    condition = mark.code if point.condition is None else point.condition
    return Outcome(None, point, condition, Records(enrollment=enrollment))

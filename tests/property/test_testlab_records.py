"""Test Lab's experiments: what was recorded of a user first decides, whatever else there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.testlab_assignments import (
    assignment_for,
    decide,
    marked,
    variant_uuid,
)
from chalicelib.domain.experiments.marks import Mark
from chalicelib.domain.features.blocks import FREE_BLOCKS
from chalicelib.domain.features.features import Feature, FeatureType, Variant
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Participant,
    Profile,
    TestLabRow,
)
from tests.fakes.memory import START
from tests.unit.samples import TODAY, feature

EXPERIMENTS = (1, 2, 3)
DEAD = 99
"""A variant of no feature."""

MOMENTS = st.integers(0, 5).map(lambda minutes: START + timedelta(minutes=minutes))


@st.composite
def features(draw: st.DrawFn, feature_id: int) -> Feature:
    """A feature that is or is not an experiment, current or running, with up to three variants."""
    count = draw(st.integers(0, 3))
    return feature(
        feature_id,
        kind=draw(st.sampled_from([FeatureType.EXPERIMENT] * 4 + [FeatureType.ROLLOUT])),
        is_running=draw(st.booleans()),
        end=TODAY - timedelta(days=draw(st.sampled_from([0, 0, 1]))),
        variants=tuple(
            Variant(10 * feature_id + n, feature_id, f"v{n}", n == 0, Decimal(1) / count)
            for n in range(count)
        ),
    )


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    owners = st.sampled_from([None, *EXPERIMENTS])
    return Catalogue(
        features=tuple(draw(features(feature_id)) for feature_id in EXPERIMENTS),
        blocks=tuple(replace(block, feature_id=draw(owners)) for block in FREE_BLOCKS),
    )


VARIANT_IDS = st.sampled_from([10, 11, 20, 21, 30, DEAD])


@st.composite
def participants(draw: st.DrawFn) -> Participant:
    """A user, with a row in Test Lab or none, and enrollments in any of the experiments."""
    row = draw(st.none() | st.builds(TestLabRow, VARIANT_IDS, MOMENTS))
    enrollments = {
        feature_id: (
            Enrollment(
                feature_id,
                DecisionPointKey(f"feature {feature_id}", ""),
                variant_uuid(draw(st.sampled_from([10 * feature_id, 10 * feature_id + 1, DEAD]))),
                None,
                EnrollmentCode.ALGORITHM,
                draw(MOMENTS),
            ),
        )
        for feature_id in draw(st.sets(st.sampled_from(EXPERIMENTS)))
    }
    name = draw(st.text(min_size=1, max_size=4))
    return Participant(Profile(name), enrollments=enrollments, testlab=row)


def recorded(catalogue: Catalogue, participant: Participant) -> list[tuple[object, int, int]]:
    """The records whose variant lives in an experiment that is current, the earliest first."""
    found = []
    for each in catalogue.features:
        if each.type is not FeatureType.EXPERIMENT or not each.is_current(TODAY):
            continue
        for variant in each.variants:
            row = participant.testlab
            if row is not None and row.variant_id == variant.id:
                found.append(((row.at, 0), each.id, variant.id))
            found.extend(
                ((e.at, 1), each.id, variant.id)
                for e in participant.enrollments.get(each.id, ())
                if e.condition_id == variant_uuid(variant.id)
            )
    return sorted(found)


@given(catalogues(), participants())
def test_what_was_recorded_first_decides_and_no_other_experiment_is_offered_meanwhile(
    catalogue: Catalogue, participant: Participant
) -> None:
    assignment = assignment_for(catalogue, TODAY, participant)
    records = recorded(catalogue, participant)
    if not records:
        nobody = Participant(participant.profile)
        assert assignment == assignment_for(catalogue, TODAY, nobody), "only then the hash decides"
        return
    earliest = [each for each in records if each[0] == records[0][0]]
    bound = catalogue.feature(records[0][1])
    assert bound is not None
    if len(earliest) == 1 and not bound.is_running:
        assert assignment is None, "a paused experiment holds its users"
    if assignment is not None:
        assert assignment.variant is not None
        chosen = (assignment.feature.id, assignment.variant.id)
        assert chosen in [each[1:] for each in earliest]


@given(catalogues(), participants())
def test_a_mark_enrolls_in_the_experiment_that_is_offered_and_counts_who_is_not_counted_by_a_row(
    catalogue: Catalogue, participant: Participant
) -> None:
    assigned = assignment_for(catalogue, TODAY, participant)
    for feature_id in EXPERIMENTS:
        mark = Mark(DecisionPointKey(f"feature {feature_id}", ""))
        assignment = marked(catalogue, TODAY, mark, participant)
        if assignment is None:
            assert assigned is None or assigned.feature.id != feature_id
            continue
        new = decide(mark, assignment, participant, START, "point").records.enrollment
        if assigned is None or assigned.feature.id != feature_id:
            assert new is None, "another experiment neither enrolls nor counts"
            continue
        known = participant.enrollments.get(feature_id, ())
        live = {variant_uuid(variant.id) for variant in assignment.feature.variants}
        assert (new is None) == any(e.condition_id in live for e in known)
        if new is not None and assigned.variant is not None:
            row = participant.testlab
            assert new.condition_id == variant_uuid(assigned.variant.id)
            counted_by_row = row is not None and row.variant_id == assigned.variant.id
            assert new.variant_id == (None if counted_by_row else assigned.variant.id)


@given(catalogues(), participants())
def test_a_mark_changes_nothing_of_what_its_user_is_offered_then(
    catalogue: Catalogue, participant: Participant
) -> None:
    assigned = assignment_for(catalogue, TODAY, participant)
    for feature_id in EXPERIMENTS:
        mark = Mark(DecisionPointKey(f"feature {feature_id}", ""))
        assignment = marked(catalogue, TODAY, mark, participant)
        if assignment is None:
            continue
        later = START + timedelta(days=1)
        new = decide(mark, assignment, participant, later, "point").records.enrollment
        if new is not None:
            enrollments = {**participant.enrollments, feature_id: (new,)}
            participant = replace(participant, enrollments=enrollments)
        assert assignment_for(catalogue, TODAY, participant) == assigned

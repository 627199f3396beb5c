"""Experiments of Test Lab as UpGrade's clients meet them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.testlab_assignments import (
    assignment_for,
    decide,
    feature_uuid,
    flags_on,
    hash_share,
    is_assigning,
    marked,
    variant_uuid,
)
from chalicelib.domain.experiments.marks import Mark, UnknownCondition
from chalicelib.domain.features.blocks import FREE_BLOCKS
from chalicelib.domain.features.features import Feature, FeatureType, Variant
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Participant, Profile
from tests.fakes.memory import START
from tests.unit.samples import TODAY, feature

VECTORS = json.loads((Path(__file__).parent / "testlab-hash-vectors.json").read_text())
POINT_KEY = DecisionPointKey("feature 1", "")


def variants(*weights: str) -> tuple[Variant, ...]:
    return tuple(
        Variant(10 + i, 1, f"v{i}", i == 0, Decimal(weight)) for i, weight in enumerate(weights)
    )


def catalogue(*features: Feature, owner: int | None = 1) -> Catalogue:
    return Catalogue(
        features=features, blocks=tuple(replace(b, feature_id=owner) for b in FREE_BLOCKS)
    )


def user(user_id: str = "ada") -> Participant:
    return Participant(Profile(user_id))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"][:20])
def test_users_stand_where_the_published_sdk_puts_them(vector: dict[str, object]) -> None:
    assert hash_share(str(vector["id"])) == pytest.approx(vector["python"], abs=0)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"][:20])
def test_who_is_in_the_block_of_an_experiment_is_offered_it(vector: dict[str, object]) -> None:
    own = int(str(vector["python_block"]))
    blocks = tuple(replace(b, feature_id=1 if b.id == own else 2) for b in FREE_BLOCKS)
    both = (
        feature(1, variants=variants("1")),
        feature(2, variants=(Variant(20, 2, "x", True, Decimal(1)),)),
    )
    compiled = assignment_for(
        Catalogue(features=both, blocks=blocks), TODAY, user(str(vector["id"]))
    )
    assert compiled is not None
    assert compiled.feature.id == 1


@pytest.mark.parametrize(
    "unoffered",
    [
        feature(1, variants=variants("1"), is_running=False),
        feature(1, variants=variants("1"), end=TODAY - timedelta(days=1)),
        feature(1, variants=variants("1"), kind=FeatureType.TOGGLE),
        feature(1),
    ],
)
def test_what_is_not_current_and_running_or_has_no_variants_is_not_offered(
    unoffered: Feature,
) -> None:
    assert assignment_for(catalogue(unoffered), TODAY, user()) is None
    assert assignment_for(catalogue(unoffered, owner=None), TODAY, user()) is None


def test_variants_get_their_shares_of_a_block() -> None:
    given = catalogue(feature(1, variants=variants("0.2", "0.3", "0.5")))
    counts: Counter[str] = Counter()
    for number in range(3000):
        compiled = assignment_for(given, TODAY, user(f"user {number}"))
        assert compiled is not None
        assert compiled.variant is not None
        counts[compiled.variant.value] += 1
    assert counts["v0"] == pytest.approx(600, abs=100)
    assert counts["v1"] == pytest.approx(900, abs=110)
    assert counts["v2"] == pytest.approx(1500, abs=120)


def test_who_stands_beyond_all_weights_gets_the_last_variant() -> None:
    given = catalogue(feature(1, variants=variants("0", "0.0000001")))
    compiled = assignment_for(given, TODAY, user())
    assert compiled is not None
    assert compiled.variant is not None
    assert compiled.variant.value == "v1"


def test_only_features_of_test_lab_are_offered_so() -> None:
    assert is_assigning(feature(1), TODAY)
    assert not is_assigning(feature(1), date(2020, 1, 1))


@pytest.mark.parametrize(
    ("mark", "is_for_it"),
    [
        (Mark(POINT_KEY), True),
        (Mark(POINT_KEY, experiment_id=feature_uuid(1)), True),
        (Mark(POINT_KEY, experiment_id=feature_uuid(2)), False),
        (Mark(DecisionPointKey("feature 1", "target")), False),
        (Mark(DecisionPointKey("feature 9", "")), False),
    ],
)
def test_a_mark_is_for_an_experiment_by_its_name_and_id(mark: Mark, is_for_it: bool) -> None:
    compiled = marked(catalogue(feature(1, variants=variants("1"))), TODAY, mark, user())
    assert (compiled is not None) == is_for_it


def test_a_first_mark_enrolls_with_the_users_own_variant() -> None:
    given = catalogue(feature(1, variants=variants("0.5", "0.5")))
    compiled = marked(given, TODAY, Mark(POINT_KEY), user())
    assert compiled is not None
    assert compiled.variant is not None
    outcome = decide(Mark(POINT_KEY, "v0"), compiled, user(), START, "point")
    enrollment = outcome.records.enrollment
    assert enrollment is not None
    assert (enrollment.feature_id, enrollment.condition_id) == (
        1,
        variant_uuid(compiled.variant.id),
    )
    assert (outcome.point.id, outcome.point.experiment_id) == ("point", feature_uuid(1))
    assert outcome.condition == "v0"

    again = replace(user(), enrollments={1: (enrollment,)}, points={POINT_KEY: outcome.point})
    repeated = decide(Mark(POINT_KEY, "v1"), compiled, again, START, "other")
    assert repeated.records.enrollment is None
    assert (repeated.point, repeated.condition) == (outcome.point, "v0")


def test_who_is_in_no_block_of_it_is_not_enrolled() -> None:
    given = catalogue(feature(1, variants=variants("1")), owner=None)
    compiled = marked(given, TODAY, Mark(POINT_KEY), user())
    assert compiled is not None
    assert compiled.variant is None
    outcome = decide(Mark(POINT_KEY), compiled, user(), START, "point")
    assert outcome.records.enrollment is None
    assert outcome.condition is None


def test_a_value_that_no_variant_has_is_refused() -> None:
    compiled = marked(catalogue(feature(1, variants=variants("1"))), TODAY, Mark(POINT_KEY), user())
    assert compiled is not None
    with pytest.raises(UnknownCondition):
        decide(Mark(POINT_KEY, "green"), compiled, user(), START, "point")


# Toggles and rollouts as flags


@pytest.mark.parametrize(
    ("made", "is_on"),
    [
        (feature(1, kind=FeatureType.TOGGLE), True),
        (feature(1, kind=FeatureType.TOGGLE, is_running=False), False),
        (feature(1, kind=FeatureType.TOGGLE, end=TODAY - timedelta(days=1)), False),
        (feature(1, kind=FeatureType.TOGGLE, start=TODAY + timedelta(days=1)), False),
        (feature(1, kind=FeatureType.TOGGLE, share="0"), True),
        (feature(1, kind=FeatureType.ROLLOUT), True),
        (feature(1, kind=FeatureType.ROLLOUT, is_running=False), False),
        (feature(1, kind=FeatureType.ROLLOUT, end=TODAY - timedelta(days=1)), False),
        (feature(1, kind=FeatureType.ROLLOUT, share="0"), False),
        (feature(1, kind=FeatureType.EXPERIMENT), False),
    ],
)
def test_a_toggle_or_rollout_is_on_while_it_is_current_and_running(
    made: Feature, is_on: bool
) -> None:
    assert flags_on(catalogue(made), TODAY, "ada") == (["feature 1"] if is_on else [])


def test_a_rollout_is_on_where_the_hash_of_user_and_name_is_below_its_share() -> None:
    rollouts = [feature(i, kind=FeatureType.ROLLOUT, share="0.5") for i in (1, 2)]
    seen: Counter[tuple[str, ...]] = Counter()
    for number in range(400):
        user_id = f"user {number}"
        expected = tuple(f.name for f in rollouts if hash_share(user_id + f.name) < 0.5)
        assert tuple(flags_on(catalogue(*rollouts), TODAY, user_id)) == expected
        seen[expected] += 1
    assert len(seen) == 4, "the shares of two rollouts are drawn apart"
    assert all(70 < count < 130 for count in seen.values())


def test_raising_a_share_takes_a_rollout_from_nobody() -> None:
    for number in range(100):
        on = [
            bool(flags_on(catalogue(made), TODAY, f"user {number}"))
            for made in (
                feature(1, kind=FeatureType.ROLLOUT, share=share) for share in ("0.2", "0.6", "1")
            )
        ]
        assert on == sorted(on)
        assert on[2]

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    FeatureChange,
    Revision,
    SegmentChange,
    applied,
)
from chalicelib.domain.experiments.experiments import State
from chalicelib.domain.features.features import FAR_END, Feature, FeatureType, Variant
from chalicelib.domain.participants.decision_points import DecisionPointKey
from tests.unit.samples import SHARDS, TODAY, feature, variant
from tests.unit.upgrade_samples import STARTED, condition, conditions, design, point, segment


def of_design(feature_id: int = 7, experiment_id: str = "exp") -> Feature:
    return Feature.of_design(feature_id, design(experiment_id), SHARDS)


def test_the_place_of_a_point_is_its_site_and_target() -> None:
    assert point("quiz", "").point_key == DecisionPointKey("quiz", "")
    assert sorted(
        [DecisionPointKey("b", "a"), DecisionPointKey("a", "b"), DecisionPointKey("a", "a")]
    )[0] == DecisionPointKey("a", "a")


# As Test Lab sees them


def test_a_design_is_an_experiment_of_test_lab_for_all_users() -> None:
    made = replace(design(), name="reading", description="which text")
    assert Feature.of_design(7, made, SHARDS) == Feature(
        id=7,
        type=FeatureType.EXPERIMENT,
        name="reading",
        start_date=STARTED.date(),
        end_date=date(2099, 12, 31),
        is_running=True,
        user_percentage=Decimal(1),
        description="which text",
        totals_shards=SHARDS,
        variants=(
            Variant(101, 7, "a", True, Decimal("0.5")),
            Variant(102, 7, "b", False, Decimal("0.5")),
        ),
        design=made,
    )


@pytest.mark.parametrize("state", State)
def test_a_design_runs_while_it_enrolls(state: State) -> None:
    made = Feature.of_design(7, design(state=state), SHARDS)
    assert made.is_running is (state is State.ENROLLING)


@pytest.mark.parametrize(
    ("start_on", "end_on", "dates"),
    [
        (None, None, (STARTED.date(), FAR_END)),
        ("2026-03-01", None, (date(2026, 3, 1), FAR_END)),
        (None, "2026-03-01T23:30:00.000Z", (STARTED.date(), date(2026, 3, 1))),
        ("2026-03-01T00:00:00.000Z", "2026-04-02", (date(2026, 3, 1), date(2026, 4, 2))),
    ],
)
def test_a_design_runs_from_its_scheduled_or_first_day(
    start_on: str | None, end_on: str | None, dates: tuple[date, date]
) -> None:
    made = Feature.of_design(7, replace(design(), start_on=start_on, end_on=end_on), SHARDS)
    assert (made.start_date, made.end_date) == dates


@pytest.mark.parametrize(
    ("weight", "share"),
    [
        (50, "0.5"),
        (33.3, "0.333"),
        (0.1, "0.001"),
        (100.0, "1"),
        (0, "0"),
        (12.345678, "0.12345678"),
    ],
)
def test_weights_in_per_cent_are_shares_with_the_same_digits(weight: float, share: str) -> None:
    made = Feature.of_design(7, design(arms=conditions(a=weight)), SHARDS)
    assert made.variants[0].weight == Decimal(share)


def test_variants_come_by_ascending_number_and_the_first_condition_is_the_control() -> None:
    arms = (condition("last", order=3), condition("first", order=1), condition("mid", order=2))
    renumbered = (
        replace(arms[0], variant_id=8),
        replace(arms[1], variant_id=9),
        replace(arms[2], variant_id=5),
    )
    made = Feature.of_design(7, design(arms=renumbered), SHARDS)
    assert [(v.id, v.value, v.is_control) for v in made.variants] == [
        (5, "mid", False),
        (8, "last", False),
        (9, "first", True),
    ]


# In the catalogue


def test_experiments_are_found_by_their_own_id_and_listed_with_those_of_their_features() -> None:
    first, second = of_design(2, "x"), of_design(4, "y")
    catalogue = Catalogue(features=(feature(1), first, feature(3), second))
    assert catalogue.experiment("y") is second
    assert catalogue.experiment("2") is None
    assert catalogue.feature(2) is first
    assert list(catalogue.experiments()) == [(2, first.design), (4, second.design)]
    assert list(Catalogue(features=(feature(1),)).experiments()) == []


def test_what_is_made_in_upgrades_form_is_no_feature_of_test_labs_clients() -> None:
    own = feature(1, variants=(variant(11, 1),))
    made = of_design(2)
    catalogue = Catalogue(features=(own, made))
    assert catalogue.named(made.name) is None
    assert catalogue.own_features() == [own]
    assert catalogue.own_feature(1) is own
    assert catalogue.own_feature(2) is None
    assert catalogue.variant(101) is None
    assert [v.id for v in catalogue.variants()] == [11]
    assert catalogue.current(TODAY).experiments == (own,)


def test_a_feature_of_test_lab_may_have_the_name_of_an_experiment() -> None:
    own, made = feature(1), of_design(2)
    catalogue = Catalogue(features=(own, replace(made, name=own.name)))
    assert catalogue.named(own.name) is own


def test_a_change_adds_replaces_and_removes_segments() -> None:
    kept, old, gone = segment("kept"), segment("old"), segment("gone")
    renewed, new = segment("old", version=2), segment("new")
    catalogue = Catalogue(segments={s.id: s for s in (kept, old, gone)})
    change = CatalogueChange(
        segments=(
            SegmentChange(old, renewed),
            SegmentChange(gone, None),
            SegmentChange(None, new),
            SegmentChange(segment("never there"), None),
        )
    )
    changed = applied(catalogue, Revision(4), change)
    assert changed.segments == {"kept": kept, "old": renewed, "new": new}
    assert changed.revision == Revision(4)
    assert set(catalogue.segments) == {"kept", "old", "gone"}, "the catalogue before stays"


def test_a_change_of_features_leaves_segments_and_the_other_way_round() -> None:
    catalogue = Catalogue(features=(of_design(2),), segments={"s": segment("s")})
    with_feature = applied(
        catalogue, Revision(1), CatalogueChange((FeatureChange(None, of_design(3, "y")),))
    )
    assert with_feature.segments == catalogue.segments
    assert with_feature.experiment("y") is not None
    without_segment = applied(
        catalogue, Revision(1), CatalogueChange(segments=(SegmentChange(segment("s"), None),))
    )
    assert without_segment.segments == {}
    assert without_segment.features == catalogue.features


def test_catalogues_with_different_segments_differ() -> None:
    assert Catalogue(segments={"s": segment("s")}) == Catalogue(segments={"s": segment("s")})
    assert Catalogue(segments={"s": segment("s")}) != Catalogue()

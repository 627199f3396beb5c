"""Experiments as people read them: with phase, plan, groups and cells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.catalogue.overview import Phase
from chalicelib.domain.catalogue.pages.experiment_pages import (
    Cells,
    ExperimentPage,
    cells_of,
    warnings_of_groups,
)
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.domain.features.result_plans import ResultPlan
from chalicelib.domain.outcomes.results.results import VariantResult
from chalicelib.services import Services
from tests.fakes.memory import START
from tests.unit.outcomes.test_result_service import factorial
from tests.unit.samples import TODAY, draft, experiment, feature, variant
from tests.unit.upgrade_service_samples import design, feature_id_of, group_design, in_class, join


def page_of(services: Services, experiment_id: str = "e") -> ExperimentPage:
    return services.pages.experiment_pages.of_experiment(experiment_id)


def groups(name: str, units: int, weight: float = 0.5) -> VariantResult:
    return VariantResult(name, name, False, weight, units, None, ())


def of(own: Feature) -> ExperimentPage:
    return ExperimentPage(own, Phase.RUNNING, TODAY)


def test_an_experiment_comes_with_its_results_phase_and_plan(services: Services) -> None:
    feature_id, _ = experiment(services, "button")
    services.plans.put(feature_id, ResultPlan(units=400))
    found = services.pages.experiment_pages.of_feature(feature_id)
    assert found.results is not None
    assert found.results.name == found.feature.name == "button"
    assert found.phase is Phase.RUNNING
    assert found.plan.units == found.units_planned == 400
    assert found.changes == []
    assert found.cells is None
    assert found.group_warnings == []


def test_the_series_is_that_of_the_metric_that_is_asked_for(services: Services) -> None:
    feature_id, _ = experiment(services, "button")
    assert (
        services.pages.experiment_pages.of_feature(feature_id, "events per user").results
        is not None
    )
    with pytest.raises(Invalid, match="none of conversion, events per user"):
        services.pages.experiment_pages.of_feature(feature_id, "height")


@pytest.mark.parametrize("kind", [FeatureType.TOGGLE, FeatureType.ROLLOUT])
def test_a_toggle_and_a_rollout_have_no_results(services: Services, kind: FeatureType) -> None:
    made = services.features.create(draft("banner", kind=kind))
    assert services.pages.experiment_pages.of_feature(made.id).results is None


def test_what_is_not_there_is_not_found(services: Services) -> None:
    services.experiments.create(design())
    for missing in (99, feature_id_of(services)):  # each API has ids of its own
        with pytest.raises(NotFound):
            services.pages.experiment_pages.of_feature(missing)
    with pytest.raises(NotFound):
        page_of(services, "x")


def test_planned_units_are_those_of_all_variants() -> None:
    three = replace(
        feature(1), plan=ResultPlan(units=401), variants=tuple(variant(n, 1) for n in (1, 2, 3))
    )
    assert of(three).units_planned == 602
    assert of(replace(three, variants=())).units_planned is None
    assert of(replace(three, plan=None)).units_planned is None


def test_the_plan_that_decides_is_the_one_of_the_start() -> None:
    before = replace(feature(1), plan=ResultPlan(window=3), variants=(variant(1, 1),))
    assert of(before).plan.window == 3
    begun = before.begun(START)
    later = replace(begun, plan=ResultPlan(window=5)).begun(START)
    assert of(later).plan.window == 3
    assert [each.what for each in of(later).changes] == ["the window"]


def test_few_groups_and_uneven_ones_are_told(services: Services) -> None:
    services.experiments.create(group_design())
    join(services, "ada", update=in_class("6a"))
    assert [text[:15] for text in page_of(services).group_warnings] == [
        "a has 0 groups:",
        "b has 0 groups:",
    ]
    assert list(warnings_of_groups([groups("a", 10), groups("b", 20), groups("c", 0, 0.0)])) == []
    (uneven,) = warnings_of_groups([groups("a", 10), groups("b", 21)])
    assert "one variant has 21 of them, another 10" in uneven
    assert list(warnings_of_groups([])) == []


def test_individuals_are_no_groups(services: Services) -> None:
    services.experiments.create(design())
    assert page_of(services).group_warnings == []


def test_two_factors_make_cells(services: Services) -> None:
    services.experiments.create(factorial())
    assert page_of(services).cells == Cells(
        ("letter", "size"),
        (("a", "b"), ("small", "large")),
        (("id of a-small", "id of a-large"), ("id of b-small", "id of b-large")),
    )


def test_other_designs_have_no_cells() -> None:
    assert cells_of(design()) is None
    one = factorial()
    assert cells_of(replace(one, factors=one.factors[:1])) is None
    assert cells_of(replace(one, conditions=one.conditions[1:])) is None

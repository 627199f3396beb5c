"""The traffic that a new design can expect."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.pages.traffic import traffic_by_context
from chalicelib.domain.experiments.experiments import State, Unit
from chalicelib.domain.features.features import Feature
from chalicelib.domain.outcomes.results.results import Summary
from tests.unit.samples import feature
from tests.unit.upgrade_service_samples import design

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def of_design(feature_id: int, context: str, **more: object) -> Feature:
    made = replace(design(f"e{feature_id}"), context=context, state=State.ENROLLING)
    return Feature.of_design(feature_id, replace(made, **more), 1)  # type: ignore[arg-type]


def summary(of: Feature, *recent: int) -> Summary:
    started = None if of.run is None else of.run.started_at
    return Summary(of.id, "", "", 0, "users", "fine", None, NOON, started, None, recent)


def test_the_busiest_design_that_enrolls_tells_the_traffic_of_its_context() -> None:
    quiet, busy = of_design(1, "home"), of_design(2, "home")
    others = [
        of_design(3, "home", state=State.ENROLLMENT_COMPLETE),
        of_design(4, "home", unit=Unit.GROUP),
        feature(5),
        of_design(6, "elsewhere"),
    ]
    features = (quiet, busy, *others, of_design(7, "new"))
    summaries = {each.id: summary(each, 1000) for each in others}
    summaries |= {1: summary(quiet, 1, 3), 2: summary(busy, *[900] * 3, *[4] * 14)}
    summaries[6] = summary(others[3])
    assert traffic_by_context(Catalogue(features=features), summaries, NOON.date()) == {"home": 4}


def test_a_line_of_a_run_that_is_over_tells_nothing() -> None:
    again = of_design(1, "home").begun(NOON)
    stale = summary(of_design(1, "home"), 9)
    assert traffic_by_context(Catalogue(features=(again,)), {1: stale}, NOON.date()) == {}


@pytest.mark.parametrize(("days", "told"), [(14, {"home": 5}), (15, {})])
def test_what_nobody_looked_at_lately_tells_nothing(days: int, told: dict[str, float]) -> None:
    features, line = (of_design(1, "home"),), summary(of_design(1, "home"), 5)
    today = (NOON + timedelta(days=days)).date()
    assert traffic_by_context(Catalogue(features=features), {1: line}, today) == told

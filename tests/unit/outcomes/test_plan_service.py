from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments.experiments import State
from chalicelib.domain.features.features import FeatureType
from chalicelib.domain.features.result_plans import (
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
)
from chalicelib.services import Services
from tests.fakes.memory import START, FixedClock, Memory
from tests.unit.measure_samples import asking
from tests.unit.samples import add_user, draft, experiment, process
from tests.unit.upgrade_service_samples import Killed, at_once, design, mortal

REVENUE = PlannedMetric("revenue", Measure.MEAN, role=MetricRole.PRIMARY)
TIME = PlannedMetric("time", Measure.MEAN, role=MetricRole.PRIMARY)


def planning(*metrics: PlannedMetric, **more: Any) -> ResultPlan:
    return replace(ResultPlan(metrics), **more)


def unstarted(services: Services, name: str = "later") -> int:
    """An experiment that starts tomorrow."""
    starts_on = START.date() + timedelta(days=1)
    return services.features.create(draft(name, start=starts_on)).id


def test_a_plan_is_replaced_whole_and_names_keep_their_numbers(services: Services) -> None:
    made = unstarted(services)
    assert services.plans.get(made).plan is None
    first = services.plans.put(made, planning(REVENUE, window=3))
    assert first == services.plans.get(made)
    assert first.plan == planning(REVENUE, window=3, metric_ids={"revenue": 1})
    second = services.plans.put(made, planning(TIME))
    assert second.plan == planning(TIME, metric_ids={"revenue": 1, "time": 2})
    assert services.plans.put(made, ResultPlan()).metric_ids == {"revenue": 1, "time": 2}


def test_a_plan_moves_the_version_and_not_the_date(services: Services, clock: FixedClock) -> None:
    made = unstarted(services)
    before = services.catalogue.fresh().revision
    clock.advance(timedelta(hours=1))
    services.plans.put(made, planning(REVENUE))
    after = services.catalogue.fresh().revision
    assert after == replace(before, version=before.version + 1)
    services.plans.put(made, planning(REVENUE))
    assert services.catalogue.fresh().revision == after, "nothing is written where nothing changes"


def test_before_the_start_anything_may_change(services: Services) -> None:
    made = unstarted(services)
    for metric in (REVENUE, TIME):
        assert services.plans.put(made, planning(metric)).run is None


def test_after_the_start_a_change_is_noted_and_what_was_fixed_stays(
    services: Services, clock: FixedClock
) -> None:
    made, variants = experiment(services, "running")
    add_user(services, "u", variants[0])
    begun = services.plans.get(made).run
    assert begun is not None
    assert begun.plan.metrics == ()
    clock.advance(timedelta(days=1))
    after = services.plans.put(made, planning(REVENUE, smallest_effect=Decimal("0.5"))).run
    assert after is not None
    assert after.plan == begun.plan
    assert [(each.at, each.what, each.forbids) for each in after.changes] == [
        (clock.now, "the primary metric", True),
        (clock.now, "the smallest effect that matters", True),
    ]


def test_as_long_as_nobody_takes_part_a_plan_is_fixed_anew(
    services: Services, clock: FixedClock
) -> None:
    made, _ = experiment(services, "running")
    clock.advance(timedelta(hours=1))
    run = services.plans.put(made, planning(REVENUE)).run
    assert run is not None
    assert (run.started_at, run.plan.metrics, run.changes) == (clock.now, (REVENUE,), ())
    services.experiments.create(asking(design(), "stars", "time"))
    by_time = PlannedMetric("query of time", role=MetricRole.PRIMARY)
    designed = services.plans.put("e", planning(by_time)).run
    assert designed is not None
    assert designed.plan.metrics == (by_time,)


def test_a_design_is_planned_by_its_queries(services: Services) -> None:
    services.experiments.create(asking(design(state=State.INACTIVE), "stars", "time"))
    by_time = PlannedMetric("query of time", role=MetricRole.PRIMARY)
    after = services.plans.put("e", planning(by_time))
    assert after.plan is not None
    assert after.plan.metrics == (by_time,)
    assert after == services.plans.get("e")
    with pytest.raises(Invalid, match=r"'revenue' is no query.*query of stars, query of time"):
        services.plans.put("e", planning(REVENUE))
    assert services.plans.get("e") == after


def test_only_experiments_have_plans(services: Services) -> None:
    services.experiments.create(design())
    hidden = services.plans.get("e").id
    for unknown in (999, hidden, "f"):
        with pytest.raises(NotFound, match=f"no experiment {unknown}"):
            services.plans.get(unknown)
        with pytest.raises(NotFound, match=f"no experiment {unknown}"):
            services.plans.put(unknown, ResultPlan())
    for kind, word in ((FeatureType.TOGGLE, "toggle"), (FeatureType.ROLLOUT, "rollout")):
        made = services.features.create(draft(word, kind=kind)).id
        with pytest.raises(NotFound, match=f"is a {word}: only experiments have results"):
            services.plans.put(made, ResultPlan())


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (planning(replace(REVENUE, role=MetricRole.SECONDARY)), "one must have the role primary"),
        (planning(ends_on=date(2020, 1, 1)), "ends_on: not before"),
        (planning(window=91), "window: from 1 to 90"),
    ],
)
def test_nonsense_changes_nothing(services: Services, plan: ResultPlan, reason: str) -> None:
    made = unstarted(services)
    before = services.catalogue.fresh()
    with pytest.raises(Invalid, match=reason):
        services.plans.put(made, plan)
    assert services.catalogue.fresh() == before


def test_of_two_at_once_both_metrics_get_a_number(memory: Memory, clock: FixedClock) -> None:
    made = unstarted(process(memory, clock))
    one, other = process(memory, clock), process(memory, clock)
    at_once(
        lambda: one.plans.put(made, planning(REVENUE)),
        lambda: other.plans.put(made, planning(TIME)),
    )
    plan = memory.features[made].plan
    assert plan is not None
    assert sorted(plan.metric_ids) == ["revenue", "time"]
    assert sorted(plan.metric_ids.values()) == [1, 2]
    assert plan.metrics in ((REVENUE,), (TIME,))


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_process_that_ends_leaves_the_old_plan_or_the_new_one(
    memory: Memory, clock: FixedClock, step: str
) -> None:
    services = process(memory, clock)
    made = unstarted(services)
    old = services.plans.put(made, planning(REVENUE))
    new = replace(old, plan=planning(TIME, metric_ids={"revenue": 1, "time": 2}))
    found, at = set(), 1
    while True:
        try:
            mortal(memory, clock, at, step).plans.put(made, planning(TIME))
        except Killed:
            at += 1
            found.add(memory.features[made] == new)
            assert memory.features[made] in (old, new)
            services.plans.put(made, planning(REVENUE))
            old = memory.features[made]
            continue
        break
    assert at > 2
    assert services.plans.get(made) == new
    assert found == ({False} if step == "before" else {False, True})

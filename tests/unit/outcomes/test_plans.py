from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import Experiment, State
from chalicelib.domain.features.features import Feature, Variant
from chalicelib.domain.features.result_plans import (
    CONVERSION,
    EVENTS_PER_USER,
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
)
from chalicelib.domain.features.runs import (
    STRETCHES,
    Run,
    WeightsSince,
    replanned,
    reweighted,
)
from chalicelib.domain.outcomes.plans import metrics_of, planned, told_changes
from chalicelib.domain.statistics.plan import Mode
from tests.fakes.memory import START
from tests.unit.measure_samples import query
from tests.unit.samples import feature
from tests.unit.upgrade_service_samples import design

DAY = timedelta(days=1)
HALVES = {1: Decimal("0.5"), 2: Decimal("0.5")}


def running(end: date = date(2026, 12, 31)) -> Feature:
    """An experiment of Test Lab of two variants that has started."""
    variants = tuple(Variant(n, 7, f"v{n}", n == 1, Decimal("0.5")) for n in HALVES)
    return feature(7, variants=variants, end=end).begun(START)


def asking(*queries: dict[str, object]) -> Experiment:
    return replace(design(state=State.INACTIVE), queries=queries)


def of_design(asked: Experiment) -> Feature:
    return Feature.of_design(7, asked, 1)


def test_without_metrics_test_labs_conversion_decides_and_in_upgrade_the_first_query() -> None:
    assert metrics_of(ResultPlan(), None) == (CONVERSION, EVENTS_PER_USER)
    own = (PlannedMetric("revenue", role=MetricRole.PRIMARY),)
    assert metrics_of(ResultPlan(own), None) == own
    share = query("grade", "percentage", compareFn="=", compareValue="A")
    newer = query("new", "an operation of later")
    assert metrics_of(ResultPlan(), asking(dict(share), dict(newer))) == (
        PlannedMetric("query of grade", Measure.CONVERSION, role=MetricRole.PRIMARY),
    )
    time = PlannedMetric("query of time", role=MetricRole.PRIMARY)
    assert metrics_of(ResultPlan((time,)), asking(dict(share), dict(query("time", "avg")))) == (
        PlannedMetric("query of grade", Measure.CONVERSION),
        time,
    )
    assert metrics_of(ResultPlan(), asking()) == ()


def test_a_query_is_measured_as_it_asks_whatever_a_plan_says() -> None:
    share = query("grade", "percentage", compareFn="=", compareValue="A")
    begun = of_design(replace(design(), queries=(dict(share),))).begun(START)
    named = (PlannedMetric("query of grade", role=MetricRole.PRIMARY),)
    after = planned(begun, ResultPlan(named), START + DAY)
    assert after.run == begun.run, "the same metric decides"
    assert after.plan is not None
    assert after.plan.metrics[0].measure is Measure.CONVERSION


def test_a_query_that_a_design_does_not_have_is_refused() -> None:
    plan = ResultPlan((PlannedMetric("stars", role=MetricRole.PRIMARY),))
    with pytest.raises(Invalid, match="'stars' is no query of the experiment; it has none"):
        planned(of_design(asking()), plan, START)
    unnamed = ResultPlan((CONVERSION,))
    with pytest.raises(Invalid, match="None is no query of the experiment; there are query of a"):
        planned(of_design(asking(dict(query("a")))), unnamed, START)


def test_the_mode_is_the_one_that_was_fixed_at_the_start() -> None:
    later = feature(7, start=date(2027, 1, 1), end=date(2027, 2, 1))
    assert later.mode is Mode.PLANNED
    assert of_design(asking()).mode is Mode.OPEN
    begun = running()
    assert begun.mode is Mode.PLANNED
    assert planned(begun, ResultPlan(ends_on=date(2026, 6, 1)), START).mode is Mode.MOVED
    open_one = of_design(design()).begun(START)
    assert open_one.mode is Mode.OPEN
    ended = planned(open_one, ResultPlan(ends_on=date(2026, 6, 1)), START)
    assert ended.mode is Mode.OPEN, "an end that comes later is none that was planned"


def told(run: Run | None) -> list[tuple[str, bool, str]]:
    assert run is not None
    found = told_changes(run)
    assert [each.at for each in found] == sorted(each.at for each in found)
    return [(each.what, each.forbids, each.sentence.split(". ", 1)[1]) for each in found]


def test_changes_are_told_with_what_they_mean() -> None:
    begun = running()
    assert told(begun.run) == []
    plan = ResultPlan(smallest_effect=Decimal("0.1"), ends_on=date(2026, 6, 1))
    assert told(planned(begun, plan, START + DAY).run) == [
        (
            "the smallest effect that matters",
            True,
            "Nothing is decided any more until a new run starts.",
        ),
        (
            "the planned end",
            False,
            "The verdict goes on by the interval that holds at every look; there is no final look.",
        ),
    ]
    open_one = planned(
        of_design(design()).begun(START), ResultPlan(ends_on=date(2026, 6, 1)), START
    )
    [(what, forbids, says)] = told(open_one.run)
    assert (what, forbids) == ("the planned end", False)
    assert says.startswith("The experiment had none when it started")


def test_an_end_that_was_past_is_told_to_stay() -> None:
    run = running().run
    assert run is not None
    after = replanned(run, ResultPlan(ends_on=START.date()), START + DAY, over=True)
    assert told(after)[-1][-1].endswith("what comes later does not count.")


def test_weights_that_were_set_anew_are_told_among_them() -> None:
    run = running().run
    assert run is not None
    off = reweighted(run, {1: Decimal("0.5"), 2: Decimal(0)}, START + DAY)
    other = reweighted(off, {1: Decimal("0.4"), 2: Decimal("0.6")}, START + 2 * DAY)
    assert [(what, forbids) for what, forbids, _ in told(other)] == [
        ("the weights of variants", False),
        ("the weights of variants", False),
    ]
    switched, mixed = (says for _, _, says in told(other))
    assert switched.startswith("Variants were switched off")
    assert mixed.endswith("only the planned end decides.")
    for never in (replace(other, moved=True), replace(other, plan=ResultPlan())):
        assert [forbids for _, forbids, _ in told(never)] == [False, True]
        assert told(never)[-1][-1].endswith("a new run can.")


def test_no_more_than_fifty_stretches_are_kept_and_then_nothing_is_decided() -> None:
    run = running().run
    assert run is not None
    for number in range(2 * STRETCHES):
        weights = {1: Decimal(number), 2: Decimal(1)}
        run = reweighted(run, weights, START + (number + 1) * DAY)
    assert len(run.weights) == STRETCHES
    assert [(each.what, each.forbids) for each in run.changes] == [
        ("the weights (more than 50 times)", True)
    ]
    assert run.changes[0].at == START + STRETCHES * DAY
    assert reweighted(run, run.weights[-1].weights, START) is run
    assert isinstance(run.weights[-1], WeightsSince)


def test_what_a_query_measures_decides_whether_an_effect_is_a_difference_of_rates() -> None:
    minutes, share = query("time"), query("grade", "percentage", compareFn="=", compareValue="A")
    much = ResultPlan(smallest_effect=Decimal(5), expected_mean=Decimal(30))
    assert planned(of_design(asking(dict(minutes))), much, START).plan == much
    assert planned(of_design(asking()), much, START).plan == much
    primary = PlannedMetric("query of grade", role=MetricRole.PRIMARY)
    for plan in (much, replace(much, metrics=(primary,))):
        with pytest.raises(Invalid, match="a difference of rates is below 1"):
            planned(of_design(asking(dict(share))), plan, START)

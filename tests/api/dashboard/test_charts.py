"""Charts of results: marks and texts say the same, whatever the numbers are."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.api.dashboard.charts.course import MOST_LINES, course
from chalicelib.api.dashboard.charts.enrollment import enrollment
from chalicelib.api.dashboard.charts.forest import WIDTH, forest, guardrail_rows
from chalicelib.api.dashboard.charts.scales import covering, ticks
from chalicelib.api.dashboard.charts.variants import interaction, variant_rows
from chalicelib.api.dashboard.results import SeriesQuery, results_page
from chalicelib.api.dashboard.serving.page import Page
from chalicelib.domain.catalogue.overview import Phase
from chalicelib.domain.catalogue.pages.experiment_pages import Cells, ExperimentPage
from chalicelib.domain.features.result_plans import MetricRole, ResultPlan
from chalicelib.domain.outcomes.results.evaluation import results_of
from chalicelib.domain.outcomes.results.measured import Measured, UsersByDay
from chalicelib.domain.outcomes.results.results import Comparison, Results
from chalicelib.domain.statistics.estimates import Kind
from chalicelib.domain.statistics.intervals import Interval
from chalicelib.domain.statistics.plan import Direction
from chalicelib.domain.statistics.sums import Sums
from tests.unit.outcomes.result_samples import (
    HALVES,
    START,
    arms,
    measured,
    metric,
    shares,
    values,
)
from tests.unit.samples import feature, variant

DAY = timedelta(days=1)
FIFTHS = (Decimal("0.2"),) * 5


def found_of(of: Measured) -> Results:
    return results_of(of)


def page_of(of: Measured) -> ExperimentPage:
    own = feature(7, variants=tuple(variant(arm.variant_id, 7) for arm in of.arms))
    found = found_of(of)
    return ExperimentPage(
        replace(own, plan=of.plan, run=of.run), Phase.RUNNING, of.now.date(), found
    )


@pytest.mark.parametrize(
    "values_shown",
    [[0.0, 1e-320], [-1e308, 1e308], [5.0], [], [0.1, 0.1 + 1e-15], [1e15, 1e15 + 1]],
    ids=["tiny", "huge", "one", "none", "near", "far"],
)
def test_any_numbers_have_a_scale(values_shown: list[float]) -> None:
    scale = covering(values_shown, 10, 90)
    for each in (*values_shown, *ticks(scale), -math.inf, math.inf):
        assert 10 <= scale.at(each) <= 90
    assert len(ticks(scale)) <= 50


def test_each_metric_has_a_scale_of_its_own() -> None:
    share = metric(shares((1000, 100), (1000, 160)))
    money = metric(
        values([1000, 3000] * 100, [2000, 4000] * 100),
        kind=Kind.MEAN,
        role=MetricRole.SECONDARY,
        name="revenue",
    )
    first, second = forest(found_of(measured(share, money)), 0.02)
    assert first.unit == "percentage points"
    assert first.rows[0].difference == "+6.0"
    assert first.rows[0].means == "10.0 % → 16.0 %"
    assert first.band is not None
    assert first.band_text.endswith("the smallest effect that matters, 2.0 percentage points.")
    assert second.unit == ""
    assert second.band is None
    assert second.rows[0].difference == "+1,000"
    assert second.ticks[-1][1] == "1,500"


def test_marks_stand_where_their_numbers_are() -> None:
    (panel,) = forest(found_of(measured(metric(shares((1000, 100), (1000, 160))))), 0.02)
    whisker = panel.rows[0].whisker
    assert whisker is not None
    assert panel.zero < whisker.low < whisker.x < whisker.high < WIDTH
    assert panel.band is not None
    assert panel.band[0] < panel.zero < panel.band[0] + panel.band[1]
    assert panel.rows[0].reading == "better"


def test_one_wide_interval_does_not_make_points_of_the_others() -> None:
    five = shares((2000, 300), (2000, 310), (2000, 300), (2000, 305), (120, 20))
    (panel,) = forest(found_of(measured(metric(five), own_arms=arms(*FIFTHS))), None)
    narrow, *_, wide = (row.whisker for row in panel.rows)
    assert narrow is not None
    assert wide is not None
    assert not narrow.is_cut_low
    assert narrow.high - narrow.low > WIDTH / 30


def reading_of(interval: Interval | None, direction: Direction = Direction.INCREASE) -> str:
    found = found_of(measured(metric(shares((1000, 100), (1000, 160)), direction=direction)))
    (own,) = found.comparisons
    changed: Comparison = replace(own, interval=interval, estimate=0.0)
    (panel,) = forest(replace(found, comparisons=(changed,)), 0.05)
    return panel.rows[0].reading


def test_an_interval_is_read_in_the_direction_that_is_good() -> None:
    assert reading_of(Interval(0.01, 0.1)) == "better"
    assert reading_of(Interval(0.01, 0.1), Direction.DECREASE) == "worse"
    assert reading_of(Interval(-0.1, -0.01)) == "worse"
    assert reading_of(Interval(-0.01, 0.01)) == "no difference that matters"
    assert reading_of(Interval(-0.1, 0.1)) == "not shown"
    assert reading_of(None) == "no interval"


def test_what_lacks_data_is_not_read() -> None:
    (panel,) = forest(found_of(measured(metric(shares((0, 0), (0, 0)), days={}))), None)
    (row,) = panel.rows
    assert (row.whisker, row.difference, row.interval) == (None, "none yet", "no interval yet")
    assert row.reading == "too few data"
    assert panel.ticks == ()


def test_a_guardrail_shows_its_margin_on_the_side_that_hurts() -> None:
    primary = metric(shares((1000, 100), (1000, 160)))
    guard = metric(
        shares((1000, 50), (1000, 55)),
        role=MetricRole.GUARDRAIL,
        direction=Direction.DECREASE,
        margin=Decimal("0.05"),
        name="errors",
    )
    panels = forest(found_of(measured(primary, guard)), None)
    ((panel, row),) = guardrail_rows(panels)
    assert panel.metric.name == "errors"
    assert row.reading == "safe"
    assert panel.band is not None
    assert panel.band[0] == panel.zero
    assert (
        panel.band_text
        == "The band is the margin: what it may get worse by, 5.0 percentage points."
    )


def by_days(count: int, per_day: int = 200) -> Measured:
    days = {
        (START + n * DAY).date(): shares((per_day, per_day // 10), (per_day, per_day // 8))
        for n in range(count)
    }
    together: dict[str, Sums] = {}
    for each in days.values():
        for key, sums in each.items():
            together[key] = together[key] + sums if key in together else sums
    own = measured(metric(together, days=days), after=count + 4)
    return replace(own, enrolled=UsersByDay({day: {"a": per_day, "b": per_day} for day in days}))


def test_the_series_shows_each_day_with_its_interval() -> None:
    shown = course(found_of(by_days(14)), 0.02)
    (curve,) = shown.curves
    assert curve.name == "B"
    assert curve.line.count(" ") == 13
    assert curve.band.count(" ") == 27
    assert len(shown.by_day) == 28
    assert len(shown.by_week) == 4
    assert shown.by_day[-1].difference == curve.text.split()[0]
    assert shown.band is not None
    assert [text for _, text in shown.days] == ["Mar 1", "Mar 5", "Mar 10", "Mar 14"]


def test_a_long_series_lists_its_last_days_and_says_so() -> None:
    shown = course(found_of(by_days(300, 40)), None)
    assert len(shown.by_day) == MOST_LINES
    assert shown.days_left_out == 100
    assert shown.curves[0].line.count(" ") < 130


@pytest.mark.parametrize(("users", "is_broken"), [(1000, True), (2000, False)])
def test_a_split_that_is_broken_now_is_told_beside_a_verdict_of_before(
    users: int, is_broken: bool
) -> None:
    of = measured(metric(shares((2000, 300), (users, 200))))
    shown = results_page(page_of(of), SeriesQuery())
    assert isinstance(shown, Page)
    assert shown.shown["split_broken"] is is_broken


def test_without_days_there_is_nothing_to_draw() -> None:
    empty = course(found_of(replace(measured(), enrolled=UsersByDay({}))), None)
    assert (empty.curves, empty.by_day, empty.metric) == ((), (), None)


def test_users_are_shown_against_what_is_planned() -> None:
    page = page_of(by_days(5))
    assert page.results is not None
    shown = enrollment(page, page.results, within=False)
    assert (shown.units, shown.planned) == (2000, 6000)
    assert shown.share == pytest.approx(1 / 3)
    assert shown.goal is not None
    assert shown.listed[-1] == ((START + 4 * DAY).date(), 400, 2000)
    assert shown.words == (
        "The plan ends on 2026-03-28; with the window of 3 days after it the last look is on"
        " 2026-04-01, in 22 days."
    )


def test_users_under_several_conditions_count_once() -> None:
    page = page_of(by_days(5))
    assert page.results is not None
    assert enrollment(page, page.results, within=True).units == 1000


@pytest.mark.parametrize(
    ("plan", "after", "words"),
    [
        (ResultPlan(units=6000), 5, "At the pace of the last 7 days all are there in about"),
        (ResultPlan(units=6000), 40, "When all will be there is not known"),
        (ResultPlan(), 5, "No end is planned"),
        (ResultPlan(ends_on=(START + 9 * DAY).date(), window=1), 40, "The plan is over"),
        (ResultPlan(ends_on=(START + 9 * DAY).date()), 5, "The plan ends on 2026-03-10, in"),
    ],
    ids=["by number", "nobody comes", "open", "over", "by day"],
)
def test_the_projected_end_is_told_as_far_as_it_is_known(
    plan: ResultPlan, after: int, words: str
) -> None:
    days = by_days(5)
    run = days.run
    assert run is not None
    own = replace(
        days,
        plan=plan,
        run=replace(run, plan=plan),
        now=START + after * DAY,
        has_window=plan.window is not None,
        has_final_look=plan.units is None,
    )
    page = page_of(own)
    assert page.results is not None
    shown = enrollment(page, page.results, within=False)
    assert shown.words.startswith(words)
    assert bool(shown.projection) == words.startswith("At the pace")


def test_what_has_not_started_says_so() -> None:
    page = page_of(measured(started=False))
    assert page.results is not None
    shown = enrollment(page, page.results, within=False)
    assert shown.words.startswith("It has not started")
    assert shown.line == ""


def test_variants_show_what_was_due_and_what_was_measured() -> None:
    found = found_of(measured(metric(shares((1200, 120), (800, 160)))))
    first, second = variant_rows(found)
    assert first.off == pytest.approx(0.2)
    assert first.cells[0].mean == "10.0 %"
    assert first.cells[0].interval == "8.4 to 11.8 %"
    assert second.cells[0].beside == ("160 of 800",)


def test_a_damaged_metric_shows_no_number() -> None:
    damaged = metric(shares((10, 1), (10, 2))).without_sums("more converters than users")
    found = found_of(measured(damaged, enrolled={"a": 10, "b": 10}))
    assert {row.cells[0].mean for row in variant_rows(found)} == {"cannot be read"}
    assert interaction(found, CELLS) is None
    assert forest(found, None)[0].rows == ()


def test_means_of_units_left_out_capped_or_weighted_are_told() -> None:
    own = metric(values([1, 2, 3], [2, 3, 4]), kind=Kind.MEAN)
    own = replace(
        own,
        planned=replace(own.planned, cap=Decimal(3)),
        capped={"b": 1},
        left_out={"a": 1200},
        user_weighted=values([1, 3], [2, 4]),
    )
    first, second = (row.cells[0] for row in variant_rows(found_of(measured(own))))
    assert first.beside == (
        "3 with a value", "2.00 with users weighted", "1,200 left out", "0.0 % beyond the cap",
    )  # fmt: skip
    assert second.beside[-1] == "33.3 % beyond the cap"


CELLS = Cells(("text", "help"), (("short", "long"), ("none", "hint")), (("a", "b"), ("c", "d")))


def test_cells_of_two_factors_are_lines_and_a_table() -> None:
    of_four = metric(shares((1000, 100), (1000, 200), (1000, 150), (1000, 120)))
    found = found_of(measured(of_four, own_arms=arms(*(Decimal("0.25"),) * 4)))
    shown = interaction(found, CELLS)
    assert shown is not None
    assert shown.table == (("short", ("10.0 %", "20.0 %")), ("long", ("15.0 %", "12.0 %")))
    assert [level for level, _, _ in shown.lines] == ["short", "long"]
    assert interaction(found, None) is None


def test_cells_without_a_mean_are_not_drawn() -> None:
    found = found_of(measured(metric(shares((0, 0), (0, 0))), own_arms=arms(*HALVES)))
    cells = Cells(("a", "b"), (("x",), ("y", "z")), (("a", "b"),))
    assert interaction(found, cells) is None

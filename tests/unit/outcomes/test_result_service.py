"""Results through the use cases: both kinds of experiments, the list, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from chalicelib.domain.catalogue.catalogue import CatalogueChange, FeatureChange
from chalicelib.domain.errors import NotFound, Unavailable
from chalicelib.domain.experiments.enrollment_counts import DailyEnrollmentCount
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    CompleteCondition,
    ConditionOrder,
    DesignType,
    Experiment,
    Factor,
    Level,
    LevelElement,
    State,
    Unit,
)
from chalicelib.domain.features.features import FeatureType, VariantDraft
from chalicelib.domain.features.result_plans import (
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
    named,
)
from chalicelib.domain.features.users import Measurement
from chalicelib.domain.outcomes.query_sums import Analysed, Cell, QuerySums
from chalicelib.domain.outcomes.results import upgrade
from chalicelib.domain.outcomes.results.evaluation import results_of
from chalicelib.domain.outcomes.results.results import CheckState, Results
from chalicelib.domain.outcomes.snapshots import Snapshot
from chalicelib.domain.outcomes.value_sums import ValueSums
from chalicelib.domain.statistics.decision import Code
from chalicelib.domain.statistics.plan import Mode
from chalicelib.services import Services
from chalicelib.services.outcomes.results import RENEWED_EVERY
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.features.test_purge_service import failing
from tests.unit.outcomes.test_metric_analysis_service import TIME, asking, log, measure, query
from tests.unit.samples import add_user, draft, experiment, process, record
from tests.unit.upgrade_service_samples import (
    condition,
    design,
    feature_id_of,
    group_design,
    in_class,
    join,
    mark,
    reweighted,
)

DAY = timedelta(days=1)


def planned(services: Services, feature_id: int, plan: ResultPlan) -> None:
    """Give a feature a plan, as if it had had it from its start on."""
    before = services.catalogue.fresh().feature(feature_id)
    assert before is not None
    own = replace(before, plan=named(plan, None), run=None)
    change = CatalogueChange(features=(FeatureChange(before, own.begun(START)),))
    services.catalogue.change(lambda _: change)


def days_go_by(services: Services, clock: FixedClock, days: int) -> None:
    """Let days pass, with what the scheduled function does each night."""
    for _ in range(days):
        clock.advance(DAY)
        services.features.begin_due()
        services.cohorts.fold_due()
        services.snapshots.take_due()


def converting(
    services: Services,
    clock: FixedClock,
    variants: list[int],
    rates: tuple[int, ...],
    users: int = 150,
) -> None:
    """Enroll users of each variant, of whom so many in a hundred convert."""
    for place, (variant_id, rate) in enumerate(zip(variants, rates, strict=True)):
        for n in range(users):
            user_id = f"{place}-{n}-{clock.now.isoformat()}"
            add_user(services, user_id, variant_id)
            if n % 100 < rate:
                record(services, user_id, variant_id)


# Test Lab


def test_an_experiment_is_judged_by_its_users_within_the_window(
    services: Services, clock: FixedClock
) -> None:
    feature_id, variants = experiment(services, "button")
    planned(services, feature_id, ResultPlan(units=600, window=2))
    converting(services, clock, variants, (20, 60))
    days_go_by(services, clock, 10)
    for user in range(60):
        record(services, f"0-{user}-{START.isoformat()}", variants[0])  # long after their window
    results = services.results.of_feature(feature_id)
    assert results.verdict.code is Code.SHIP
    assert results.latched is not None
    assert results.latched.at == clock.now
    control, variant = results.variants
    assert (control.metrics[0].converters, variant.metrics[0].converters) == (40, 110)
    clock.advance(DAY)
    again = services.results.of_feature(feature_id)
    assert again.latched == results.latched


def test_new_variants_begin_a_new_run_without_a_verdict(
    services: Services, clock: FixedClock
) -> None:
    feature_id, variants = experiment(services, "button")
    planned(services, feature_id, ResultPlan(units=600, window=2))
    converting(services, clock, variants, (20, 60))
    days_go_by(services, clock, 10)
    assert services.results.of_feature(feature_id).latched is not None
    drafts = [VariantDraft(feature_id, "c", True), VariantDraft(feature_id, "d")]
    services.features.replace_variants(feature_id, drafts)
    results = services.results.of_feature(feature_id)
    assert results.latched is None
    assert results.verdict.code is Code.NEEDS_DATA
    assert results.full_days == 0


def test_events_with_a_name_are_a_metric_of_their_own(
    services: Services, clock: FixedClock
) -> None:
    feature_id, variants = experiment(services, "button")
    metrics = (
        PlannedMetric("revenue", Measure.MEAN, role=MetricRole.PRIMARY, cap=Decimal(50)),
        PlannedMetric("revenue", Measure.CONVERSION, cap=Decimal(50)),
    )
    planned(services, feature_id, ResultPlan(metrics, units=600, window=2))
    draw = Random(1)
    for place, variant_id in enumerate(variants):
        for n in range(120):
            add_user(services, f"{place}-{n}", variant_id)
            value = Decimal(draw.randint(100, 2000) * (1 + place)) / 100
            services.events.record(
                f"{place}-{n}", variant_id, measurement=Measurement("revenue", value)
            )
    services.events.record("0-0", variants[0], measurement=Measurement("revenue", Decimal(90)))
    days_go_by(services, clock, 10)
    results = services.results.of_feature(feature_id, "users with revenue")
    assert [each.name for each in results.metrics] == ["revenue per user", "users with revenue"]
    assert results.verdict.code is Code.SHIP
    assert results.variants[0].metrics[0].capped == pytest.approx(1 / 120)
    assert results.variants[0].metrics[1].converters == 120
    assert {point.metric for point in results.days[0].points} == {"users with revenue"}


def test_guardrails_are_those_of_the_start(services: Services, clock: FixedClock) -> None:
    feature_id, variants = experiment(services, "button")
    named_as = {"first": MetricRole.GUARDRAIL, "second": MetricRole.SECONDARY}
    first, second = (PlannedMetric(name, role=role) for name, role in named_as.items())
    conversion = PlannedMetric(None, Measure.CONVERSION, role=MetricRole.PRIMARY)
    planned(services, feature_id, ResultPlan((conversion, first, second)))
    converting(services, clock, variants, (20, 60), users=1)
    changed = replace(second, role=MetricRole.GUARDRAIL, margin=Decimal(1))
    services.plans.put(feature_id, ResultPlan((conversion, changed)))
    shown = [(each.name, each.role) for each in services.results.of_feature(feature_id).metrics]
    assert shown == [
        ("conversion", MetricRole.PRIMARY),
        ("second per user", MetricRole.SECONDARY),
        ("first per user", MetricRole.GUARDRAIL),
    ]


def test_a_metric_that_left_the_plan_is_named_without_numbers(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    feature_id, _ = experiment(services, "button")
    planned(services, feature_id, ResultPlan((PlannedMetric("old", role=MetricRole.PRIMARY),)))
    stored = memory.features[feature_id]
    assert stored.plan is not None
    memory.features[feature_id] = replace(stored, plan=replace(stored.plan, metric_ids={}))
    results = process(memory, clock).results.of_feature(feature_id)
    assert results.metrics[0].described is not None
    assert results.verdict.code is Code.NO_COMPARISON


@pytest.mark.usefixtures("clock")
def test_there_are_results_of_experiments_alone(services: Services) -> None:
    toggle = services.features.create(draft("toggle", kind=FeatureType.TOGGLE))
    for feature_id in (toggle.id, 4711):
        with pytest.raises(NotFound):
            services.results.of_feature(feature_id)
    with pytest.raises(NotFound):
        services.results.of_experiment("none")


def test_an_experiment_without_variants_has_nothing_to_compare(services: Services) -> None:
    made = services.features.create(draft("empty"))
    results = services.results.of_feature(made.id)
    assert results.verdict.code is Code.NO_COMPARISON
    assert results.variants == ()


def test_impossible_sums_are_damaged_data_of_one_metric(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    feature_id, variants = experiment(services, "button")
    converting(services, clock, variants, (20, 60), users=3)
    days_go_by(services, clock, 10)
    shard = next(each for each in memory.cohorts if each.variant_id == variants[0] and each.day)
    memory.cohorts[shard] = replace(memory.cohorts[shard], users=1)
    results = services.results.of_feature(feature_id)
    assert results.metrics[0].damaged is not None


def test_without_exact_totals_only_conversion_is_read(memory: Memory, clock: FixedClock) -> None:
    services = process(memory, clock)
    feature_id, variants = experiment(services, "button")
    converting(services, clock, variants, (20, 60), users=3)
    services.results._exact_totals = False
    results = services.results.of_feature(feature_id)
    assert results.metrics[0].described is None
    assert results.metrics[1].described is not None
    assert any(check.name == "exact" for check in results.checks)


def test_at_the_end_of_the_plan_later_users_do_not_count(
    services: Services, clock: FixedClock
) -> None:
    feature_id, variants = experiment(services, "button")
    ends_on = (START + 3 * DAY).date()
    planned(services, feature_id, ResultPlan(units=600, window=2, ends_on=ends_on))
    converting(services, clock, variants, (20, 60), users=120)
    days_go_by(services, clock, 5)
    converting(services, clock, variants, (90, 10), users=120)
    days_go_by(services, clock, 4)
    results = services.results.of_feature(feature_id)
    assert results.is_over
    assert [each.metrics[0].n for each in results.variants] == [120, 120]
    assert [each.units for each in results.variants] == [240, 240]


def test_the_rows_behind_results_are_listed_in_pages(services: Services) -> None:
    feature_id, variants = experiment(services, "button")
    planned(services, feature_id, ResultPlan((PlannedMetric("revenue", role=MetricRole.PRIMARY),)))
    for user_id, variant_id in (("a", variants[0]), ("b", variants[0]), ("c", variants[1])):
        add_user(services, user_id, variant_id)
    record(services, "a", variants[0], 2)
    services.events.record("c", variants[1], measurement=Measurement("revenue", Decimal("12.50")))
    first = services.result_rows.of_feature(feature_id, None, 2)
    assert [(row.user_id, row.variant, row.day) for row in first.rows] == [
        ("a", "value 0", START.date()),
        ("b", "value 0", START.date()),
    ]
    assert first.rows[0].values == {"events": 2, "revenue": None}
    assert first.next == first.after(2) == (variants[0], "b")
    assert first.after(1) == (variants[0], "a")
    rest = services.result_rows.of_feature(feature_id, first.next, 2)
    assert [row.values["revenue"] for row in rest.rows] == [Decimal("12.5")]
    assert rest.next is None
    assert rest.rows[0].is_counted
    alone = services.result_rows.of_feature(feature_id, (variants[1], ""), 5)
    assert [row.user_id for row in alone.rows] == ["c"]


def test_who_is_gone_meanwhile_is_in_no_row(memory: Memory, clock: FixedClock) -> None:
    services = process(memory, clock)
    feature_id, variants = experiment(services, "button")
    add_user(services, "a", variants[0])
    add_user(services, "b", variants[0])
    gone = once("users.many", lambda: services.users.delete("a"))
    rows = process(memory, clock, before=gone).result_rows.of_feature(feature_id, None, 5).rows
    assert [row.user_id for row in rows] == ["b"]


@pytest.mark.usefixtures("clock")
def test_there_are_rows_of_experiments_alone(services: Services) -> None:
    toggle = services.features.create(draft("toggle", kind=FeatureType.TOGGLE))
    for feature_id in (toggle.id, 4711):
        with pytest.raises(NotFound):
            services.result_rows.of_feature(feature_id, None, 5)


# UpGrade


def take_part(
    services: Services,
    clock: FixedClock,
    users: int,
    value: Callable[[int, str], float],
    group: Callable[[int], str] | None = None,
    first: int = 0,
) -> None:
    """Enroll users, who log a value that may depend on their condition."""
    for n in range(first, first + users):
        user_id = f"u{n}"
        join(services, user_id, update=in_class(group(n)) if group else None)
        outcome = mark(services, user_id)
        enrolled = outcome.records.enrollment
        condition = enrolled.condition_id if enrolled is not None else ""
        log(services, clock, user_id, value(n, condition or ""))


def asked(
    services: Services, clock: FixedClock, made: Experiment, users: int = 60, **more: object
) -> Results:
    measure(services)
    services.experiments.create(made)
    draw = Random(2)

    def value(_: int, condition: str) -> float:
        return draw.gauss(12 if "b" in condition else 10, 2)

    take_part(services, clock, users, value, **more)  # type: ignore[arg-type]
    days_go_by(services, clock, 9)
    return services.results.of_experiment("e")


def test_a_design_is_judged_by_its_first_query(services: Services, clock: FixedClock) -> None:
    made = asking(design(), query("q", "avg"), query("n", "median"), query("q2", "avg"))
    results = asked(services, clock, made)
    assert results.mode is Mode.OPEN
    assert results.verdict.code is Code.NEEDS_DATA
    assert [each.name for each in results.metrics] == ["q", "n", "q2"]
    assert results.metrics[1].described is not None
    assert results.unit == "users"
    assert sum(variant.units for variant in results.variants) == 60
    split = next(check for check in results.checks if check.name == "split")
    assert split.state is CheckState.FINE
    assert len(results.days) > 5
    assert results.days[-1].points[0].metric == "q"
    clock.advance(timedelta(hours=3))
    assert services.results.of_experiment("e").data_at < clock.now


def test_groups_are_compared_as_groups(services: Services, clock: FixedClock) -> None:
    made = asking(group_design(), query("q", "avg"))
    results = asked(services, clock, made, group=lambda n: f"class {n % 20}")
    assert results.unit == "groups"
    assert sum(variant.units for variant in results.variants) == 20
    (control, variant) = results.variants
    assert control.metrics[0].n + variant.metrics[0].n == 20
    assert control.metrics[0].user_weighted is not None


def factorial() -> Experiment:
    codes = ("a-small", "a-large", "b-small", "b-large")
    made = design(weights=dict.fromkeys(codes, 25.0))
    factors = tuple(
        Factor(
            name, name, order, None, tuple(Level(each, each, i) for i, each in enumerate(levels))
        )
        for order, (name, levels) in enumerate(
            (("letter", ("a", "b")), ("size", ("small", "large")))
        )
    )
    conditions = tuple(
        replace(
            each,
            levels=tuple(
                LevelElement(f"{each.id}-{level}", level) for level in each.code.split("-")
            ),
        )
        for each in made.conditions
    )
    return replace(made, type=DesignType.FACTORIAL, factors=factors, conditions=conditions)


def test_factors_are_compared_by_their_levels(services: Services, clock: FixedClock) -> None:
    results = asked(services, clock, asking(factorial(), query("q", "avg")))
    assert [each.variant for each in results.comparisons] == ["letter: b", "size: large"]
    assert all(each.interval is not None for each in results.comparisons)


def test_conditions_are_compared_where_a_level_is_missing(
    services: Services, clock: FixedClock
) -> None:
    made = factorial()
    conditions = (replace(made.conditions[0], levels=()), *made.conditions[1:])
    results = asked(services, clock, asking(replace(made, conditions=conditions)), 20)
    assert len(results.comparisons) == 3


def test_within_subjects_there_is_no_split_and_time_may_be_the_condition(
    services: Services,
) -> None:
    made = asking(design(unit=Unit.WITHIN_SUBJECTS), query("q", "avg"))
    measure(services)
    services.experiments.create(made)
    results = services.results.of_experiment("e", up_to_now=True)
    assert results.unit == "users under both conditions"
    assert "condition and time are one" in results.verdict.text
    randomly = replace(made, id="r", condition_order=ConditionOrder.RANDOM)
    services.experiments.create(randomly)
    assert services.results.of_experiment("r", up_to_now=True).verdict.code is Code.NEEDS_DATA


def test_what_was_logged_until_now_is_read_on_request(
    services: Services, clock: FixedClock
) -> None:
    measure(services)
    services.experiments.create(asking(design(), query("q", "avg")))
    take_part(services, clock, 30, lambda n, _: float(n))
    assert services.results.of_experiment("e").variants[0].metrics[0].n == 0
    results = services.results.of_experiment("e", up_to_now=True)
    assert sum(each.metrics[0].n for each in results.variants) == 30
    assert results.data_at == clock.now


def test_the_final_look_stays_what_it_was(services: Services, clock: FixedClock) -> None:
    ends = replace(asking(design(), query("q", "avg")), end_on=(START + 4 * DAY).isoformat())
    results = asked(services, clock, ends)
    assert results.mode is Mode.PLANNED
    assert results.is_over
    log(services, clock, "u0", 10_000.0)
    later = services.results.of_experiment("e", up_to_now=True)
    assert [each.metrics for each in later.variants] == [each.metrics for each in results.variants]


def test_a_number_of_users_is_a_planned_end_too(services: Services, clock: FixedClock) -> None:
    made = asking(design(complete=CompleteCondition(user_count=200)), query("q", "avg"))
    results = asked(services, clock, made)
    assert results.mode is Mode.PLANNED
    assert not results.is_over
    grouped = replace(
        asking(group_design("g", complete=CompleteCondition(group_count=8))), conditions=()
    )
    assert services.results.of_experiment("e").n_star == 200
    services.experiments.create(replace(grouped, state=State.INACTIVE, started_at=None))
    assert services.results.of_experiment("g").verdict.code is Code.NO_COMPARISON


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"algorithm": Algorithm.ADAPTIVE}, "means are biased"),
        ({"queries": ()}, "no query asks"),
    ],
)
def test_designs_that_cannot_be_compared_say_why(
    change: dict[str, object], words: str, services: Services
) -> None:
    measure(services)
    services.experiments.create(replace(asking(design()), **change))  # type: ignore[arg-type]
    results = services.results.of_experiment("e")
    assert results.verdict.code is Code.NO_COMPARISON
    assert words in results.verdict.text


def test_what_never_started_lacks_data_only(services: Services) -> None:
    measure(services)
    services.experiments.create(asking(design(state=State.INACTIVE), query("q", "avg")))
    results = services.results.of_experiment("e")
    assert (results.verdict.code, results.full_days) == (Code.NEEDS_DATA, 0)


def test_without_an_end_weights_that_were_changed_leave_nothing_to_compare(
    services: Services, clock: FixedClock
) -> None:
    asked(services, clock, asking(design(), query("q", "avg")), 10)
    services.experiments.edit("e", lambda made: reweighted(made, a=90, b=10))
    results = services.results.of_experiment("e")
    assert results.verdict.code is Code.NO_COMPARISON
    assert "weights changed" in results.verdict.text


IN_TWO_WEEKS = (START + timedelta(days=14)).isoformat()


@pytest.mark.parametrize(("made", "users"), [(design(), 200), (group_design(), 300)])
def test_users_from_before_and_after_a_change_of_weights_are_compared_apart(
    made: Experiment, users: int, services: Services, clock: FixedClock
) -> None:
    in_groups = made.unit is Unit.GROUP
    group = (lambda n: f"class {n // 3}") if in_groups else None
    measure(services)
    services.experiments.create(asking(replace(made, end_on=IN_TWO_WEEKS), query("q", "avg")))
    take_part(services, clock, users, lambda n, _: 10 + n % 5, group)
    days_go_by(services, clock, 2)
    services.experiments.edit("e", lambda found: reweighted(found, a=90, b=10))
    # They would be better off under either condition, and most of them are under a.
    take_part(services, clock, users, lambda n, _: 50 + n % 5, group, first=users)
    days_go_by(services, clock, 9)
    early = services.results.of_experiment("e")
    assert early.verdict.code is Code.KEEP_RUNNING
    assert "only the planned end decides" in early.verdict.text
    assert early.days[0].points[0].estimate == pytest.approx(0, abs=0.5)
    days_go_by(services, clock, 5)
    results = services.results.of_experiment("e")
    assert results.is_over
    assert results.verdict.code is Code.INCONCLUSIVE
    (compared,) = results.comparisons
    assert compared.control_mean is not None
    assert compared.mean is not None
    assert compared.mean - compared.control_mean < -5
    assert compared.estimate == pytest.approx(0, abs=1)
    assert results.days[-1].points[0].estimate == pytest.approx(compared.estimate)
    check = next(check for check in results.checks if check.name == "plan")
    assert "compared apart" in check.text


def test_a_group_belongs_where_it_came_whoever_logs(services: Services, clock: FixedClock) -> None:
    """Else who logs would decide what is compared."""
    measure(services)
    made = replace(group_design(), end_on=IN_TWO_WEEKS)
    services.experiments.create(asking(made, query("q", "avg")))
    join(services, "silent", update=in_class("first"))
    mark(services, "silent")
    clock.advance(DAY)
    services.experiments.edit("e", lambda found: reweighted(found, a=90, b=10))
    for user_id, group in (("u", "first"), ("v", "second")):
        join(services, user_id, update=in_class(group))
        mark(services, user_id)
        log(services, clock, user_id, 1)
    sums = services.snapshots.today(feature_id_of(services), "q").sums
    assert sorted(str(cell.stratum) for cell in sums.cells if cell.sums.n) == [
        "stretch 1",
        "stretch 2",
    ]


def test_within_subjects_weights_mean_nothing(services: Services) -> None:
    measure(services)
    made = replace(design(), unit=Unit.WITHIN_SUBJECTS, condition_order=ConditionOrder.RANDOM)
    services.experiments.create(asking(made, query("q", "avg")))
    services.experiments.edit("e", lambda found: reweighted(found, a=90, b=10))
    results = services.results.of_experiment("e")
    assert results.verdict.code is Code.NEEDS_DATA
    assert not [check for check in results.checks if check.name == "plan"]


def test_zeros_are_not_told_apart_by_changes_of_weights(
    services: Services, clock: FixedClock
) -> None:
    measure(services)
    made = replace(design(), end_on=IN_TWO_WEEKS)
    services.experiments.create(asking(made, query("q", "sum")))
    planned(services, feature_id_of(services), ResultPlan(missing_as_zero=True))
    take_part(services, clock, 20, lambda n, _: n)
    services.experiments.edit("e", lambda found: reweighted(found, a=90, b=10))
    results = services.results.of_experiment("e", up_to_now=True)
    assert "how many they are in each stratum is not known" in results.verdict.text


# What was fixed at the start


def only(made: Experiment, *places: int) -> Experiment:
    """The experiment with the conditions at some places, which share all users."""
    left = (replace(made.conditions[place], weight=100 / len(places)) for place in places)
    return replace(made, conditions=tuple(left))


def test_neither_names_nor_new_queries_change_what_decides(
    services: Services, clock: FixedClock
) -> None:
    asked(services, clock, asking(design(), query("q", "avg")), 10)

    def edited(found: Experiment) -> Experiment:
        first, second = found.conditions
        queries = (dict(query("q0", "sum")), *found.queries)
        named = replace(first, order=2), replace(second, order=1, name="Control")
        return replace(found, conditions=named, queries=queries)

    services.experiments.edit("e", edited)
    results = services.results.of_experiment("e")
    assert [each.name for each in results.metrics] == ["q", "q0"]
    assert [each.key for each in results.variants if each.is_control] == ["id of a"]
    assert results.verdict.code is Code.NEEDS_DATA


@pytest.mark.parametrize(
    ("edited", "words"),
    [
        (lambda e: only(e, 1, 2), "the condition to compare with"),
        (lambda e: only(e, 0, 2), "a condition was"),
        (lambda e: replace(e, queries=e.queries[1:]), "the query that decides"),
        (lambda e: replace(e, queries=e.queries[:1]), "the query of a guardrail"),
    ],
)
def test_what_is_compared_or_decides_and_is_removed_leaves_nothing_to_compare(
    edited: Callable[[Experiment], Experiment], words: str, services: Services
) -> None:
    three = (condition(code, order=n) for n, code in enumerate("abc"))
    made = only(replace(design(), conditions=tuple(three)), 0, 1, 2)
    measure(services)
    services.experiments.create(asking(made, query("q", "avg"), query("r", "avg")))
    queries = services.results.of_experiment("e").metrics
    assert [each.name for each in queries] == ["q", "r"]
    guarded = ResultPlan(
        (
            PlannedMetric("q", role=MetricRole.PRIMARY),
            PlannedMetric("r", role=MetricRole.GUARDRAIL),
        )
    )
    planned(services, feature_id_of(services), guarded)
    services.experiments.edit("e", edited)
    results = services.results.of_experiment("e")
    assert results.verdict.code is Code.NO_COMPARISON
    assert words in results.verdict.text


def test_an_end_by_number_has_one_final_look_that_stays(
    services: Services, clock: FixedClock
) -> None:
    measure(services)
    complete, more = CompleteCondition(user_count=60), CompleteCondition(user_count=90)
    services.experiments.create(
        asking(replace(design(), complete_condition=complete), query("q", "avg"))
    )
    take_part(services, clock, 40, lambda n, _: n)
    days_go_by(services, clock, 2)
    running = services.results.of_experiment("e")
    assert (running.mode, running.is_over) == (Mode.PLANNED, False)
    clock.advance(timedelta(hours=1))
    take_part(services, clock, 20, lambda n, _: n, first=40)
    days_go_by(services, clock, 1)
    results = services.results.of_experiment("e")
    assert results.is_over
    log(services, clock, "u1", 10**6)
    days_go_by(services, clock, 2)
    again = services.results.of_experiment("e", up_to_now=True)
    assert again.is_over
    assert again.comparisons == results.comparisons
    services.experiments.edit("e", lambda found: replace(found, complete_condition=more))
    moved = services.results.of_experiment("e")
    assert (moved.is_over, moved.alpha, moved.mode) == (True, results.alpha, Mode.PLANNED)
    assert moved.comparisons == results.comparisons
    plan = next(check for check in moved.checks if check.name == "plan")
    assert "The final look stays" in plan.text


def test_who_logged_nothing_may_count_as_zero(services: Services, clock: FixedClock) -> None:
    measure(services)
    services.experiments.create(asking(design(), query("q", "sum")))
    take_part(services, clock, 20, lambda *_: 1.0)
    for n in range(20, 60):
        join(services, f"u{n}")
        mark(services, f"u{n}")
    left_out = services.results.of_experiment("e", up_to_now=True)
    assert sum(each.metrics[0].n for each in left_out.variants) == 20
    assert any(check.name == "who reports" for check in left_out.checks)
    planned(services, feature_id_of(services), ResultPlan(missing_as_zero=True))
    counted = services.results.of_experiment("e", up_to_now=True)
    assert sum(each.metrics[0].n for each in counted.variants) == 60
    assert sum((each.metrics[0].mean or 0) * each.metrics[0].n for each in counted.variants) == 20


def test_the_plan_names_the_query_that_decides(services: Services, clock: FixedClock) -> None:
    measure(services)
    services.experiments.create(asking(design(), query("q", "avg"), query("p", "sum")))
    metrics = (
        PlannedMetric("p", role=MetricRole.PRIMARY),
        PlannedMetric("q", role=MetricRole.GUARDRAIL),
        PlannedMetric("gone"),
    )
    planned(services, feature_id_of(services), ResultPlan(metrics))
    take_part(services, clock, 10, lambda n, _: float(n))
    results = services.results.of_experiment("e", up_to_now=True)
    assert [(each.name, each.role) for each in results.metrics] == [
        ("p", MetricRole.PRIMARY),
        ("q", MetricRole.GUARDRAIL),
    ]


def test_queries_of_one_name_are_told_apart(services: Services) -> None:
    measure(services)
    same = [{**query(each, "avg"), "name": "score"} for each in ("q", "p")]
    services.experiments.create(asking(design(), *same, {**query("s", "sum"), "name": ""}))
    names = [each.name for each in services.results.of_experiment("e").metrics]
    assert names == ["score", "score (p)", f"sum of {TIME}"]


def read_of(services: Services, sums: QuerySums) -> Results:
    """The results of experiment "e" if its query came to these sums."""
    feature = services.catalogue.fresh().experiment("e")
    assert feature is not None
    assert feature.design is not None
    ((asked_for, name),) = upgrade.named_queries(feature.design)
    queried = upgrade.Queried(asked_for, name, (Snapshot(START.date(), START, False, sums),))
    uncounted = DailyEnrollmentCount(START.date(), None, 3, 0)
    return results_of(upgrade.measured_of(feature, feature.design, [uncounted], [queried], START))


def test_sums_that_were_too_long_or_cannot_be_are_said_so(services: Services) -> None:
    measure(services)
    made = asking(design(complete=CompleteCondition(group_count=3)), query("q", "avg"))
    services.experiments.create(made)
    none = QuerySums("q", Analysed.USER, False, (), too_large=True)
    assert "too long to be kept" in read_of(services, none).verdict.text
    beyond = Cell("a", None, ValueSums(2, 10**200, 10**400, 0))
    damaged = read_of(services, QuerySums("q", Analysed.USER, False, (beyond,)))
    assert damaged.metrics[0].damaged is not None
    assert damaged.mode is Mode.OPEN, "a number of groups ends no experiment on users"


# The list


def test_the_list_has_a_line_for_each_experiment_once_the_scheduled_function_looked(
    services: Services, clock: FixedClock
) -> None:
    feature_id, variants = experiment(services, "button")
    measure(services)
    services.experiments.create(asking(design()))
    assert [line.summary for line in services.results.all()] == [None, None]
    assert services.results.renew_due() == 2
    first, second = services.results.all()
    assert first.summary is not None
    assert first.summary.code == "needs data"
    assert first.feature.id == feature_id
    assert second.summary is not None
    assert services.results.renew_due() == 0, "they are new"
    experiment(services, "another")
    assert services.results.renew_due() == 1
    services.features.delete(services.results.all()[-1].feature.id)
    converting(services, clock, variants, (20, 60), users=2)
    clock.advance(RENEWED_EVERY)
    assert services.results.renew_due() == 2
    assert services.results.all()[0].summary.units == 4  # type: ignore[union-attr]


def test_another_process_renews_nothing_that_is_new(memory: Memory, clock: FixedClock) -> None:
    experiment(process(memory, clock), "button")
    assert process(memory, clock).results.renew_due() == 1
    assert process(memory, clock).results.renew_due() == 0


def test_of_two_verdicts_at_once_the_first_stays(memory: Memory, clock: FixedClock) -> None:
    services = process(memory, clock)
    feature_id, variants = experiment(services, "button")
    planned(services, feature_id, ResultPlan(units=600, window=2))
    converting(services, clock, variants, (20, 60))
    days_go_by(services, clock, 10)

    def another() -> None:
        clock.advance(timedelta(minutes=-5))
        services.results.of_feature(feature_id)
        clock.advance(timedelta(minutes=5))

    late = process(memory, clock, before=once("summaries.put", another))
    latched = late.results.of_feature(feature_id).latched
    assert latched is not None
    assert latched.at == clock.now - timedelta(minutes=5)
    assert memory.summaries[feature_id].latched == latched


def test_lines_of_experiments_that_are_gone_go(memory: Memory, clock: FixedClock) -> None:
    services = process(memory, clock)
    feature_id, _ = experiment(services, "button")
    services.results.renew_due()
    services.features.delete(feature_id)
    clock.advance(RENEWED_EVERY)
    services.results.renew_due()
    assert memory.summaries == {}


def test_an_experiment_that_fails_stops_no_other(memory: Memory, clock: FixedClock) -> None:
    services = process(memory, clock)
    for name in ("first", "second"):
        experiment(services, name)
    failing_once = failing("cohorts.of_feature", Unavailable("no"))
    with pytest.raises(Unavailable):
        process(memory, clock, before=failing_once).results.renew_due()
    assert process(memory, clock).results.renew_due() > 0
    assert len(memory.summaries) == 2


def test_a_run_whose_time_is_up_goes_on_with_the_next(memory: Memory, clock: FixedClock) -> None:
    services = process(memory, clock)
    for name in ("first", "second", "third"):
        experiment(services, name)

    def slow(call: str) -> None:
        if call == "cohorts.of_feature":
            clock.advance(timedelta(seconds=15))

    running = process(memory, clock, before=slow)
    assert running.results.renew_due() == 2
    assert running.results.renew_due() == 1
    assert len(memory.summaries) == 3

"""Experiments as results see them, to try things with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from chalicelib.domain.features.result_plans import (
    CONVERSION,
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
)
from chalicelib.domain.features.runs import (
    PlanChange,
    Run,
    WeightsSince,
)
from chalicelib.domain.outcomes.results.measured import (
    Arm,
    Factor,
    Measured,
    MeasuredMetric,
    UsersByDay,
)
from chalicelib.domain.statistics.estimates import Kind
from chalicelib.domain.statistics.plan import Direction
from chalicelib.domain.statistics.sums import Sums

START = datetime(2026, 3, 1, tzinfo=UTC)
HALVES = (Decimal("0.5"), Decimal("0.5"))


def arms(*weights: Decimal, control: int = 0, levels: Sequence[tuple[int, ...]] = ()) -> list[Arm]:
    """Arms "A", "B", ... with ids of variants from 1 on."""
    return [
        Arm(
            chr(ord("a") + place),
            chr(ord("A") + place),
            place + 1,
            weight,
            place == control,
            weight,
            levels[place] if levels else (),
        )
        for place, weight in enumerate(weights)
    ]


def run_of(
    plan: ResultPlan, weights: Sequence[Decimal], *changes: PlanChange, moved: bool = False
) -> Run:
    by_variant = {place + 1: weight for place, weight in enumerate(weights)}
    return Run(START, plan, (WeightsSince(START, by_variant),), changes, moved)


def shares(*counts: tuple[int, int]) -> dict[str, Sums]:
    """Users and converters of each arm."""
    return {chr(ord("a") + i): Sums.of_converters(n, x) for i, (n, x) in enumerate(counts)}


def values(*arms_values: Sequence[int]) -> dict[str, Sums]:
    """The values of the users of each arm."""
    return {chr(ord("a") + i): Sums.of_values(each) for i, each in enumerate(arms_values)}


def metric(
    sums: Mapping[str, Sums],
    *,
    kind: Kind = Kind.PROPORTION,
    role: MetricRole = MetricRole.PRIMARY,
    direction: Direction = Direction.INCREASE,
    margin: Decimal | None = None,
    name: str = "conversion",
    days: Mapping[date, Mapping[str, Sums]] | None = None,
) -> MeasuredMetric:
    measure = Measure.CONVERSION if kind is Kind.PROPORTION else Measure.MEAN
    planned = PlannedMetric(
        None if role is MetricRole.PRIMARY else name, measure, direction, role, margin=margin
    )
    own_days = {START.date(): sums} if days is None else days
    strata = {day: (of_day,) for day, of_day in own_days.items()}
    return MeasuredMetric(planned, name, kind, (sums,), strata)


def measured(
    *metrics: MeasuredMetric,
    own_arms: Sequence[Arm] | None = None,
    plan: ResultPlan | None = None,
    changes: Sequence[PlanChange] = (),
    moved: bool = False,
    after: int = 20,
    enrolled: Mapping[str, int] | None = None,
    factors: Sequence[Factor] = (),
    run: Run | None = None,
    started: bool = True,
    **more: object,
) -> Measured:
    """An experiment of Test Lab, `after` so many days; planned for 28 with 6,000 units."""
    of_arms = list(own_arms or arms(*HALVES))
    plan = plan or ResultPlan(
        (CONVERSION,), ends_on=(START + timedelta(days=27)).date(), units=6000, window=3
    )
    if run is None and started:
        run = run_of(plan, [arm.weight for arm in of_arms], *changes, moved=moved)
    counts = enrolled
    if counts is None:
        first = metrics[0].strata[0] if metrics and metrics[0].strata else {}
        counts = {arm.key: first[arm.key].n if arm.key in first else 0 for arm in of_arms}
    now = START + timedelta(days=after, hours=2)
    settings: dict[str, object] = {
        "complete_until": now.date() - timedelta(days=4),
        **more,
    }
    return Measured(
        "feature",
        "7",
        "button",
        tuple(of_arms),
        plan,
        run,
        metrics,
        UsersByDay({START.date(): dict(counts)}),
        now,
        now,
        factors=tuple(factors),
        **settings,  # type: ignore[arg-type]
    )

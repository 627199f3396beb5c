"""The plan of a new design's results, and from it how long the design takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.api.dashboard.designs.bodies import checked, number
from chalicelib.api.dashboard.designs.fields import ConditionField, DesignForm
from chalicelib.api.results.plan_models import PlanBody
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import CONTROL_NAMES, DesignType, Experiment, Unit
from chalicelib.domain.experiments.metrics import Operation
from chalicelib.domain.features.result_plans import (
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
    check_plan,
)
from chalicelib.domain.outcomes.calculator import Needed, needed
from chalicelib.domain.outcomes.plans import checked_plan
from chalicelib.domain.outcomes.query_sums import SPREADS
from chalicelib.domain.statistics.horizon import days_to_units
from chalicelib.domain.statistics.plan import Direction, Mode

MOST_PER_DAY = 10**9


@dataclass(frozen=True, slots=True)
class DesignDuration:
    """How long a design takes: the users that it needs, how many come a day, and after how long.

    `needed` is None where too little is typed, and `wrong` says so where that makes no sense.
    """

    needed: Needed | None = None
    per_day: float | None = None
    days: int | None = None
    wrong: str = ""


def new_plan(form: DesignForm, design: Experiment) -> ResultPlan | None:
    """The plan that was typed; None if nothing was: then the defaults hold.

    Raises:
        Invalid: in the words of the API, if it makes no sense.
    """
    plan = _typed_plan(form)
    if plan == ResultPlan() and form.direction == Direction.INCREASE:
        return None
    decides = next(iter(design.metric_queries()), None)
    if decides is None:
        raise Invalid("smallest_effect: only with a query, of which the first decides")
    primary = PlannedMetric(
        decides.id, direction=Direction(form.direction), role=MetricRole.PRIMARY
    )
    return checked_plan(replace(plan, metrics=(primary,)), design)


def duration_of(
    form: DesignForm, conditions: Sequence[ConditionField], traffic: float | None
) -> DesignDuration | None:
    """How long a simple design on individuals takes; None of others: the calculator asks for more.

    `traffic` are the new users a day in its context, where nothing else was typed.
    """
    is_simple = form.unit == Unit.INDIVIDUAL and form.type == DesignType.SIMPLE
    if not is_simple or not form.queries or not conditions:
        return None
    try:
        takes = _needed(form, conditions)
        per_day = _per_day(form, traffic)
    except Invalid as error:
        return DesignDuration(wrong=str(error))
    if takes is None or per_day is None:
        return DesignDuration(takes, per_day)
    return DesignDuration(takes, per_day, days_to_units(takes.units, 0, per_day))


def _needed(form: DesignForm, conditions: Sequence[ConditionField]) -> Needed | None:
    """The users that the typed plan needs.

    Raises:
        Invalid: if the first query is only described, or no number of users would do.
    """
    operation = form.queries[0].operation
    if operation in SPREADS:
        raise Invalid(f"operation: the first query decides, and {operation} is only described")
    plan = _typed_plan(form)
    share = operation == Operation.PERCENTAGE
    measure = Measure.CONVERSION if share else Measure.MEAN
    check_plan(plan, PlannedMetric("", measure))
    weights = [_number("weight", row.weight or "0") for row in conditions]
    named = (at for at, row in enumerate(conditions) if row.code.lower() in CONTROL_NAMES)
    mode = Mode.PLANNED if form.end or form.users or form.groups else Mode.OPEN
    return needed(plan, measure, Direction(form.direction), weights, next(named, 0), mode)


def _typed_plan(form: DesignForm) -> ResultPlan:
    if form.direction not in set(Direction):
        raise Invalid(f"direction: one of {', '.join(Direction)}")
    names = ("smallest_effect", "expected_mean", "expected_spread")
    return checked(PlanBody, {name: each for name in names if (each := getattr(form, name))}).plan()


def _per_day(form: DesignForm, traffic: float | None) -> float | None:
    if not form.users_per_day:
        return traffic
    per_day = _number("users_per_day", form.users_per_day)
    if not 0 < per_day <= MOST_PER_DAY:
        raise Invalid("users_per_day: more than 0, or nothing if you do not know")
    return per_day


def _number(name: str, text: str) -> float:
    try:
        return float(number(text))
    except ValueError:
        raise Invalid(f"{name}: must be a number, not {text}") from None

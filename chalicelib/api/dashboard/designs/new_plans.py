"""The plan of a new design's results, and from it how long the design takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.api.dashboard.designs.bodies import checked, number
from chalicelib.api.dashboard.designs.fields import ConditionField, DesignForm
from chalicelib.api.results.plan_models import PlanBody
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import CONTROL_NAMES, Experiment, Unit
from chalicelib.domain.experiments.metrics import Operation
from chalicelib.domain.features.result_plans import Measure, MetricRole, ResultPlan
from chalicelib.domain.outcomes.calculator import Needed, needed
from chalicelib.domain.statistics.horizon import days_to_units
from chalicelib.domain.statistics.plan import Direction

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
        Invalid: in the words of the API, if it is none.
    """
    typed = {
        name: value
        for name in ("smallest_effect", "expected_mean", "expected_spread")
        if (value := getattr(form, name))
    }
    decides = next(iter(design.metric_queries()), None)
    if decides is None or (not typed and form.direction == Direction.INCREASE):
        return None
    primary = {"name": decides.id, "direction": form.direction, "role": MetricRole.PRIMARY}
    return checked(PlanBody, {**typed, "metrics": [primary]}).plan()


def duration_of(
    form: DesignForm, conditions: Sequence[ConditionField], traffic: float | None
) -> DesignDuration | None:
    """How long a design on individuals takes; None of others, for which the calculator asks more.

    `traffic` are the new users a day in its context, where nothing else was typed.
    """
    if form.unit != Unit.INDIVIDUAL or not form.queries or not conditions:
        return None
    share = form.queries[0].operation == Operation.PERCENTAGE
    try:
        weights = [_number("weight", row.weight or "0") for row in conditions]
        per_day = _per_day(form, traffic)
        plan = checked(
            PlanBody,
            {
                name: value
                for name in ("smallest_effect", "expected_mean", "expected_spread")
                if (value := getattr(form, name))
            },
        ).plan()
        measure = Measure.CONVERSION if share else Measure.MEAN
        named = (at for at, row in enumerate(conditions) if row.code.lower() in CONTROL_NAMES)
        takes = needed(plan, measure, weights, next(named, 0))
    except Invalid as error:
        return DesignDuration(wrong=str(error))
    if takes is None:
        return DesignDuration(per_day=per_day)
    days = None if per_day is None else days_to_units(takes.units, 0, per_day)
    return DesignDuration(takes, per_day, days)


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

"""Sentences that explain the calculator's numbers, one for each, by its name."""

from __future__ import annotations

from chalicelib.domain.outcomes.calculator import Margin, Question, Size
from chalicelib.domain.statistics.sentences import Measure, count, difference, number

PLANNED = (
    "The one look at the planned end has an alpha of 0.04; 0.01 is left to the looks before it, so"
    " that an experiment without an effect errs in at most 5 % of cases."
)
OPEN = (
    "The interval of alpha 0.05 holds at every look, however often one looks, which takes more"
    " units than a single look at a planned end."
)
GUARDRAIL = "The one look at the planned end has an alpha of 0.05 on the side of harm."
OPEN_GUARDRAIL = "The interval of alpha 0.02, shared by all guardrails, holds at every look."


def of_size(
    question: Question, effect: float, size: Size, users_per_day: float | None
) -> dict[str, str]:
    """The sentences of the units that find an effect."""
    unit = question.comparison.unit
    told = {
        "control": f"Control needs {count(size.control, unit)} {_chance(question, effect)}.",
        "variant": f"Each variant needs {count(size.variant, unit)}.",
        "total": f"Control and {number(question.comparisons)} more have"
        f" {count(size.total, unit)} together.",
        "users": f"These are {count(size.users, 'users')} in all.",
        "alpha": _alpha(question),
    }
    if question.comparison.is_paired:
        told["variant"] = "Each of them is under both conditions."
        told["total"] = f"There are {count(size.total, unit)}."
    days = None if users_per_day is None else size.days(users_per_day)
    if users_per_day is not None and days is not None:
        told["days"] = (
            f"At {users_per_day:g} users a day they are there after {count(days, 'days')}; the"
            " results of the last of them are complete when their window is over."
        )
    return told


def of_effect(question: Question, control: int, effect: float) -> dict[str, str]:
    """The sentences of the effect that some units find."""
    units = count(control, question.comparison.unit)
    return {
        "effect": f"Control with {units} is enough {_chance(question, effect)}.",
        "alpha": _alpha(question),
    }


def _chance(question: Question, effect: float) -> str:
    comparison = question.comparison
    measure = Measure("", comparison.is_share)
    size = difference(measure, abs(effect), abs(effect))
    chance = f"with a chance of {100 * question.power:g} %"
    if isinstance(comparison, Margin):
        return f"to show {chance} that no more than {size} is lost, if nothing is"
    return f"to find a difference of {size} {chance}"


def _alpha(question: Question) -> str:
    if isinstance(question.comparison, Margin):
        return OPEN_GUARDRAIL if question.is_open else GUARDRAIL
    return OPEN if question.is_open else PLANNED

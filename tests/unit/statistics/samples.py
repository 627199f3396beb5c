"""Experiments on one metric, as the decision table sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from chalicelib.domain.statistics.decision import Candidate, Situation
from chalicelib.domain.statistics.estimates import (
    ArmEstimate,
    Cell,
    Contrast,
    Kind,
    linear,
    of_level,
    proportion,
    two_arms,
)
from chalicelib.domain.statistics.intervals import Interval
from chalicelib.domain.statistics.plan import Judgement, Mode, Plan, judge
from chalicelib.domain.statistics.sentences import Measure
from chalicelib.domain.statistics.split_check import SplitCheck, Stretch, check_split
from chalicelib.domain.statistics.sums import Sums

T = TypeVar("T")

CONVERSION = Measure("Conversion", is_share=True)
PLANNED = Plan(Mode.PLANNED, 6_000)
SOUND_SPLIT = check_split([Stretch([1_000, 1_000], [1, 1])])


def there(found: T | None) -> T:
    assert found is not None
    return found


def main_effect(
    cells: Mapping[Cell, ArmEstimate | None], factor: int, level: int, baseline: int
) -> Contrast | None:
    """The effect of a level of a factor, as results compute it."""
    found = of_level(cells, factor, level, baseline)
    return linear([cells[cell] for cell in found], list(found.values()))


def rate(n: int, converters: int) -> ArmEstimate:
    return there(proportion(Sums.of_converters(n, converters)))


def rates(control: tuple[int, int], variant: tuple[int, int]) -> Contrast:
    return there(two_arms(rate(*control), rate(*variant), Kind.PROPORTION))


def judged(low: float, high: float, name: str = "B", **more: Any) -> Candidate:
    """A variant whose deciding interval is from `low` to `high`; its multiple is 2."""
    middle, half = (low + high) / 2, (high - low) / 2
    judgement = Judgement(middle, half / 2, Interval(low, high), 2.0, -1.0, 0.04)
    return Candidate(name, judgement, 0.1, 0.1 + middle, **more)


def of_rates(control: tuple[int, int], variant: tuple[int, int], *, ended: bool) -> Candidate:
    contrast = rates(control, variant)
    means = rate(*control).mean, rate(*variant).mean
    return Candidate("B", judge(contrast, PLANNED, ended=ended), *means)


def situation(*candidates: Candidate, **more: Any) -> Situation:
    """Three weeks after the start, with 14 days left and nothing against a verdict."""
    values: dict[str, Any] = {
        "plan": PLANNED,
        "measure": CONVERSION,
        "control": "A",
        "split": SOUND_SPLIT,
        "candidates": candidates,
        "units": 6_000,
        "full_days": 21,
        "days_left": 14,
        **more,
    }
    return Situation(**values)


def split_of(*observed: int) -> SplitCheck:
    return check_split([Stretch(observed, [1] * len(observed))])

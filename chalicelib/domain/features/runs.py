"""Runs of experiments: the plan fixed at the first start, and its changes afterwards.

What the method needs fixed beforehand is kept as it was then; later changes stay on record with
their consequence (the method, section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from chalicelib.domain.features.result_plans import CONVERSION, ResultPlan
from chalicelib.domain.statistics.plan import Mode

STRETCHES = 50
"""Stretches of constant weights that are kept of a run: they stand in the item of its feature."""


TOO_MANY_STRETCHES = f"the weights (more than {STRETCHES} times)"
"""What is noted when weights change once more."""


END = "the planned end"


PAST_END = "the planned end, after it was past"
"""What is noted of an end that is set anew."""


@dataclass(frozen=True, slots=True)
class WeightsSince:
    """The weights of variants (by id) from a moment on."""

    since: datetime
    weights: Mapping[int, Decimal]


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A change after the start, in words, and when; `forbids` a verdict if it does."""

    at: datetime
    what: str
    forbids: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """The plan with its defaults and the weights, as fixed when an experiment first started.

    `control_id` is the variant that others are compared with. `moved` says that the planned end
    was, before it was past.
    """

    started_at: datetime
    plan: ResultPlan
    weights: tuple[WeightsSince, ...]
    changes: tuple[PlanChange, ...] = ()
    moved: bool = False
    control_id: int | None = None

    @property
    def mode(self) -> Mode:
        """How looks share α: as it was planned, unless the planned end was moved since."""
        return Mode.MOVED if self.moved else self.plan.mode

    @property
    def reweighted_at(self) -> tuple[datetime, ...]:
        """When weights changed otherwise than by switching variants off (the method, section 3)."""
        return tuple(
            after.since
            for before, after in pairwise(self.weights)
            if not keeps_ratio(before.weights, after.weights)
        )


def in_force(plan: ResultPlan, run: Run | None) -> ResultPlan:
    """The plan that says when an experiment ends: the fixed one, or that which moved the end."""
    return plan if run is None or run.moved else run.plan


def after_final_look(run: Run | None, at: datetime | None) -> Run | None:
    """The run, if its final look was taken at a moment: an end that was moved later stays."""
    if run is None or at is None:
        return run
    moved_at = next((each.at for each in run.changes if each.what == END), None)
    if moved_at is None or moved_at < at:
        return run
    changes = tuple(replace(c, what=PAST_END) if c.what == END else c for c in run.changes)
    return replace(run, changes=changes, moved=False)


def replanned(run: Run, after: ResultPlan, at: datetime, *, over: bool = False) -> Run:
    """The run after the plan was changed at a moment, with what that means for the verdict.

    Once it is `over`, the planned end is past: it cannot be moved any more.
    """
    fixed, changes = run.plan, list(run.changes)
    old = fixed.primary or CONVERSION
    new = after.primary or old
    what = []
    if (old.key, old.cap) != (new.key, new.cap):
        what.append("the primary metric")
    if old.direction is not new.direction:
        what.append("its direction")
    if fixed.smallest_effect != after.smallest_effect:
        what.append("the smallest effect that matters")
    if after.window is not None and fixed.window != after.window:
        what.append("the window")
    if fixed.is_aa != after.is_aa:
        what.append("whether this is an A/A test")
    if fixed.compares is not after.compares or fixed.missing_as_zero is not after.missing_as_zero:
        what.append("what is compared")
    known = {change.what for change in changes}
    changes += [PlanChange(at, each) for each in what if each not in known]
    if not _has_another_end(fixed, after):
        return replace(run, changes=tuple(changes))
    end = PAST_END if over else END
    if end not in known:
        changes.append(PlanChange(at, end, forbids=False))
    moved = run.moved or (fixed.mode is Mode.PLANNED and not over)
    return replace(run, changes=tuple(changes), moved=moved)


def _has_another_end(fixed: ResultPlan, after: ResultPlan) -> bool:
    """Whether a plan ends elsewhere: units are the end of a plan without a last day only."""
    if after.ends_on is not None and after.ends_on != fixed.ends_on:
        return True
    return fixed.ends_on is None and after.units is not None and after.units != fixed.units


def reweighted(run: Run, weights: Mapping[int, Decimal], at: datetime) -> Run:
    """The run after weights were changed: another stretch begins (the method, sections 2 and 5).

    Beyond `STRETCHES` of them no further ones are kept, and nothing is decided any more.
    """
    if dict(run.weights[-1].weights) == dict(weights):
        return run
    if len(run.weights) >= STRETCHES:
        if any(each.what == TOO_MANY_STRETCHES for each in run.changes):
            return run
        return replace(run, changes=(*run.changes, PlanChange(at, TOO_MANY_STRETCHES)))
    return replace(run, weights=(*run.weights, WeightsSince(at, weights)))


def keeps_ratio(before: Mapping[int, Decimal], after: Mapping[int, Decimal]) -> bool:
    """Whether a change of weights only switched variants off: the others keep their ratio."""
    left = [key for key, weight in after.items() if weight > 0]
    if not left or any(before.get(key, 0) <= 0 for key in left):
        return False
    first = left[0]
    return all(before[key] * after[first] == before[first] * after[key] for key in left)

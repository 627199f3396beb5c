"""Features and their variants: what they are and which values are allowed."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import Condition, Experiment, State, Unit
from chalicelib.domain.experiments.lifecycle import moment_of
from chalicelib.domain.features.result_plans import (
    OPEN_WINDOW,
    MetricRole,
    PlannedMetric,
    ResultPlan,
    default_window,
    measure_of,
)
from chalicelib.domain.features.runs import (
    Run,
    WeightsSince,
    in_force,
    replanned,
    reweighted,
)
from chalicelib.domain.statistics.plan import Mode

NAME_LENGTH = 255
"""Characters that a feature's name may have."""

VARIANTS_PER_FEATURE = 20
"""Variants that a feature may have."""

FAR_END = date(2099, 12, 31)
"""Where an experiment without an end ends, for Test Lab."""

WEIGHT_TOLERANCE = Fraction(1, 10**9)
"""How far the weights of a feature's variants may be from a sum of 1."""


class FeatureType(enum.IntEnum):
    """The kinds of features, numbered as in the Test Lab API."""

    TOGGLE = 1
    ROLLOUT = 2
    EXPERIMENT = 3


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of an experiment.

    `weight` is the share of the experiment's users, 0 to 1, with the digits it was given.
    """

    id: int
    feature_id: int
    value: str
    is_control: bool
    weight: Decimal


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """A variant as a caller asks for it; no `weight` means an equal share."""

    feature_id: int
    value: str
    is_control: bool = False
    weight: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FeatureDraft:
    """A feature as a caller asks for it.

    `user_percentage` is a share, 0 to 1; both dates belong to the feature's time (UTC).

    Raises:
        Invalid: if the name is too long or the share out of range.
    """

    type: FeatureType
    name: str
    start_date: date
    end_date: date
    is_running: bool
    user_percentage: Decimal
    description: str | None

    def __post_init__(self) -> None:
        if len(self.name) > NAME_LENGTH:
            raise Invalid(f"name: at most {NAME_LENGTH} characters, not {len(self.name)}")
        if not 0 <= self.user_percentage <= 1:
            raise Invalid(f"user_percentage: from 0 to 1, not {self.user_percentage}")


@dataclass(frozen=True, slots=True)
class Feature:
    """A toggle, a rollout or an experiment, with its variants in the order of their ids.

    `totals_shards` is the number of items over which each variant's totals are spread;
    it is fixed when the feature is made, so that readers and writers agree on it. `design` is
    there for experiments made in UpGrade's form; the rest then follows from it. `plan` is what an
    administrator planned for its results, `run` what was fixed when it first started.
    """

    id: int
    type: FeatureType
    name: str
    start_date: date
    end_date: date
    is_running: bool
    user_percentage: Decimal
    description: str | None
    totals_shards: int
    variants: tuple[Variant, ...] = ()
    design: Experiment | None = None
    plan: ResultPlan | None = None
    run: Run | None = None

    @classmethod
    def of_design(
        cls,
        feature_id: int,
        design: Experiment,
        totals_shards: int,
        plan: ResultPlan | None = None,
        run: Run | None = None,
    ) -> Feature:
        """An experiment made in UpGrade's form, as Test Lab sees it."""
        return cls(
            feature_id,
            FeatureType.EXPERIMENT,
            design.name,
            start_date=_day(design.start_on) or design.created_at.date(),
            end_date=_day(design.end_on) or FAR_END,
            is_running=design.state is State.ENROLLING,
            user_percentage=Decimal(1),
            description=design.description,
            totals_shards=totals_shards,
            variants=tuple(
                Variant(
                    c.variant_id, feature_id, c.code, c.order == 1, Decimal(str(c.weight)) / 100
                )
                for c in sorted(design.conditions, key=lambda condition: condition.variant_id)
            ),
            design=design,
            plan=plan,
            run=run,
        )

    @property
    def is_begun(self) -> bool:
        """Whether the experiment takes part in users' lives: by its state, or else if it runs."""
        if self.design is not None:
            return self.design.started_at is not None
        return self.type is FeatureType.EXPERIMENT and self.is_running and bool(self.variants)

    @property
    def weights(self) -> Mapping[int, Decimal]:
        """The weights of the variants, by id."""
        return {variant.id: variant.weight for variant in self.variants}

    @property
    def planned_end(self) -> date | None:
        """The last day of the plan: as planned, else that of the experiment itself.

        A design that ends at midnight (UTC) does so on the day before.
        """
        if self.plan is not None and self.plan.ends_on is not None:
            return self.plan.ends_on
        if self.design is None:
            return self.end_date
        if self.design.end_on is None:
            return None
        return (moment_of(self.design.end_on) - datetime.resolution).astimezone(UTC).date()

    @property
    def planned_units(self) -> int | None:
        """The units of two arms: as planned, else those at which enrollment ends by itself."""
        planned = None if self.plan is None else self.plan.units
        complete = None if self.design is None else self.design.complete_condition
        if planned is not None or self.design is None or complete is None or not self.variants:
            return planned
        of_groups = self.design.unit is Unit.GROUP
        units = complete.group_count if of_groups else complete.user_count
        return None if not units else max(2, 2 * units // len(self.variants))

    @property
    def mode(self) -> Mode:
        """How looks share α: as it was fixed at the start, or would be by a start now."""
        return self.effective_plan().mode if self.run is None else self.run.mode

    @property
    def control_id(self) -> int | None:
        """The id of the variant that others are compared with: as it was fixed at the start."""
        if self.run is not None and self.run.control_id is not None:
            return self.run.control_id
        if self.design is not None:
            return None if self.design.control is None else self.design.control.variant_id
        by_id = sorted(self.variants, key=lambda variant: (not variant.is_control, variant.id))
        return by_id[0].id if by_id else None

    @property
    def control_condition(self) -> Condition | None:
        """The condition of a design that others are compared with; None if it was removed."""
        conditions = () if self.design is None else self.design.conditions
        return next((each for each in conditions if each.variant_id == self.control_id), None)

    @property
    def window(self) -> int:
        """Days from enrollment in which what a user does counts for results."""
        plan = self.effective_plan() if self.run is None else self.run.plan
        return plan.window or OPEN_WINDOW

    @property
    def metric_ids(self) -> Mapping[str, int]:
        """The names that its events may have, with the ids of their metrics."""
        return self.plan.metric_ids if self.plan is not None else {}

    def effective_plan(self) -> ResultPlan:
        """The plan with what it leaves to defaults: its end (a day, units) and the window."""
        plan, ends_on = self.plan or ResultPlan(), self.planned_end
        fixed = None if self.run is None else self.run.plan.window
        window = plan.window or fixed or default_window(self.start_date, ends_on)
        return replace(plan, ends_on=ends_on, units=self.planned_units, window=window)

    def begun(self, now: datetime) -> Feature:
        """The feature with a run, from the moment on when it first starts; else as it is.

        What is fixed then stays: weights that change later make a further stretch, an end that
        moves is noted.
        """
        if self.run is not None:
            run = reweighted(self.run, self.weights, now) if self._is_split else self.run
            run = replanned(run, self.effective_plan(), now, over=self._is_over(now))
            run = replace(run, plan=self._decided_by_a_query(run.plan))
            return self if run == self.run else replace(self, run=run)
        if not self.is_begun or (self.design is None and not self.is_current(now.date())):
            return self
        return replace(self, run=self.first_run(now))

    def first_run(self, now: datetime) -> Run:
        """What would be fixed if the experiment first started at a moment."""
        plan = self._decided_by_a_query(self.effective_plan())
        weights = (WeightsSince(now, self.weights),)
        return Run(now, plan, weights, control_id=replace(self, run=None).control_id)

    def _decided_by_a_query(self, plan: ResultPlan) -> ResultPlan:
        """The plan with what decides of a design, where nothing else does: its first query."""
        queries = [] if self.design is None else self.design.metric_queries()
        if plan.primary is not None or not queries:
            return plan
        measure = measure_of(queries[0])
        primary = PlannedMetric(queries[0].id, measure, role=MetricRole.PRIMARY)
        return replace(plan, metrics=(primary,))

    @property
    def _is_split(self) -> bool:
        """Whether users are split by weights: not where each meets all conditions."""
        return self.design is None or self.design.unit is not Unit.WITHIN_SUBJECTS

    def _is_over(self, now: datetime) -> bool:
        """Whether the last day that was fixed at the start is past, with its window if any."""
        ends_on = None if self.run is None else in_force(self.effective_plan(), self.run).ends_on
        if ends_on is None:
            return False
        return (now.date() - ends_on).days > (self.window if self.design is None else 0)

    def is_current(self, today: date) -> bool:
        """Whether `today` (UTC) lies between the feature's dates, both inclusive."""
        return self.start_date <= today <= self.end_date


def _day(moment: str | None) -> date | None:
    return None if moment is None else date.fromisoformat(moment[:10])


def make_variants(
    feature_id: int, drafts: Sequence[VariantDraft], ids: Sequence[int]
) -> tuple[Variant, ...]:
    """The variants that `drafts` ask for, numbered with `ids`.

    A draft without a weight gets 1 / number of variants, to 16 digits.

    Raises:
        Invalid: as `check_variants` does.
    """
    check_variants(feature_id, drafts)
    return tuple(
        Variant(variant_id, feature_id, draft.value, draft.is_control, weight)
        for variant_id, draft, weight in zip(ids, drafts, _weights(drafts), strict=True)
    )


def check_variants(feature_id: int, drafts: Sequence[VariantDraft]) -> None:
    """Refuse a list of variants that breaks a rule of the Test Lab API ("Create Variants").

    Raises:
        Invalid: if the list is empty or too long, names another feature, or if a weight
            lies outside 0 to 1 or their sum further than 1e-9 from 1.
    """
    if not 1 <= len(drafts) <= VARIANTS_PER_FEATURE:
        raise Invalid(f"variants: from 1 to {VARIANTS_PER_FEATURE}, not {len(drafts)}")
    for draft in drafts:
        if draft.feature_id != feature_id:
            raise Invalid(f"feature_id: {draft.feature_id} is not the {feature_id} of the path")
    weights = _weights(drafts)
    for weight in weights:
        if not 0 <= weight <= 1:
            raise Invalid(f"weight: from 0 to 1, not {weight}")
    # Fractions, because sums of long decimals would be rounded to the context's precision.
    total = sum(map(Fraction, weights), Fraction(0))
    if abs(total - 1) > WEIGHT_TOLERANCE:
        raise Invalid(f"weight: the sum must be 1, not {float(total)}")


def _weights(drafts: Sequence[VariantDraft]) -> list[Decimal]:
    equal_share = round(Decimal(1) / len(drafts), 16).normalize()
    return [equal_share if draft.weight is None else draft.weight for draft in drafts]

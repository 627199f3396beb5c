"""Comparisons of a metric: each variant, or level of a factor, against its control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.features.result_plans import ComparisonOf
from chalicelib.domain.outcomes.results.measured import Arm, ByArm, Measured, MeasuredMetric
from chalicelib.domain.outcomes.results.results import Comparison
from chalicelib.domain.statistics import sentences
from chalicelib.domain.statistics.decision import Candidate
from chalicelib.domain.statistics.estimates import (
    ArmEstimate,
    Contrast,
    Kind,
    Stratum,
    arm,
    linear,
    of_level,
    pairs,
    post_stratified,
    two_arms,
)
from chalicelib.domain.statistics.intervals import (
    Interval,
    Lift,
    NoLift,
    adjusted_lift,
    lift,
    welch,
)
from chalicelib.domain.statistics.plan import (
    Guardrail,
    Judgement,
    Plan,
    guardrail_interval,
    judge,
    judge_secondary,
)
from chalicelib.domain.statistics.sequences import p_text
from chalicelib.domain.statistics.sufficiency import Lack, lacks, lacks_of_pairs, reports_differ
from chalicelib.domain.statistics.sums import DamagedSums, Sums

NONE = Sums(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Pairing:
    """A comparison of the arms of one side with those of the other, with their names.

    Of a factorial, the arms with a level of `factor` against those with its first level.
    """

    key: str
    name: str
    against: str
    variant: tuple[Arm, ...]
    control: tuple[Arm, ...]
    factor: int | None = None
    level: int = 0


@dataclass(frozen=True, slots=True)
class Contrasted:
    """A pairing in a metric: its contrast, means, and what it lacks to be judged."""

    pairing: Pairing
    metric: MeasuredMetric
    contrast: Contrast | None
    of_control: ArmEstimate | None
    of_variant: ArmEstimate | None
    lacks: tuple[Lack, ...]
    is_adjusted: bool


def pairings(measured: Measured) -> list[Pairing]:
    """The comparisons of an experiment; arms of weight 0 at the start are left out.

    A factorial design compares the levels of each factor, unless its plan says conditions.
    """
    compared = [each for each in measured.arms if each.first_weight > 0]
    control = measured.control
    if measured.factors and measured.fixed.compares is ComparisonOf.LEVELS:
        return list(_of_levels(measured, compared))
    if control is None:
        return []
    return [
        Pairing(each.key, each.name, control.name, (each,), (control,))
        for each in compared
        if not each.is_control
    ]


def _of_levels(measured: Measured, compared: Sequence[Arm]) -> Iterator[Pairing]:
    for place, factor in enumerate(measured.factors):
        for level in range(1, len(factor.levels)):
            yield Pairing(
                f"{factor.name}: {factor.levels[level]}",
                f"{factor.name}: {factor.levels[level]}",
                f"{factor.name}: {factor.levels[0]}",
                tuple(each for each in compared if each.levels[place] == level),
                tuple(each for each in compared if each.levels[place] == 0),
                place,
                level,
            )


@dataclass(frozen=True, slots=True)
class _Read:
    """A metric with the sums of its arms in all strata together, and what they come to."""

    metric: MeasuredMetric
    sums: ByArm
    estimates: Mapping[str, ArmEstimate | None]

    @classmethod
    def of(cls, metric: MeasuredMetric) -> _Read:
        """The metric.

        Raises:
            DamagedSums: if its sums cannot be.
        """
        sums = metric.in_all
        # Of pairs they are those of differences, whose estimate is the contrast itself.
        kind = Kind.MEAN if metric.kind is Kind.PAIRS else metric.kind
        return cls(metric, sums, {key: arm(kind, own) for key, own in sums.items()})

    def side(self, arms: Sequence[Arm]) -> tuple[Sums, ArmEstimate | None]:
        """The arms of one side of a pairing together."""
        if len(arms) == 1:
            key = arms[0].key
            return self.sums.get(key, NONE), self.estimates.get(key)
        together = _sum(self.sums, arms)
        return together, arm(self.metric.kind, together)


def _contrasted(read_metric: _Read, pairing: Pairing, arms: Sequence[Arm]) -> Contrasted:
    metric = read_metric.metric
    if metric.kind is Kind.PAIRS:
        differences, _ = read_metric.side(pairing.variant)
        return Contrasted(
            pairing,
            metric,
            pairs(differences),
            None,
            None,
            lacks_of_pairs(differences),
            is_adjusted=True,
        )
    control, of_control = read_metric.side(pairing.control)
    variant, of_variant = read_metric.side(pairing.variant)
    is_adjusted = pairing.factor is not None or len(metric.strata) > 1
    contrast = (
        _within_strata(read_metric, _coefficients(pairing, arms))
        if is_adjusted
        else two_arms(of_control, of_variant, metric.kind)
    )
    missing = lacks(metric.kind, contrast, control, variant)
    return Contrasted(pairing, metric, contrast, of_control, of_variant, missing, is_adjusted)


def _coefficients(pairing: Pairing, arms: Sequence[Arm]) -> Mapping[str, float]:
    """The coefficients of arms, by their keys; none if a cell of a factorial is missing."""
    if pairing.factor is None:
        return {pairing.control[0].key: -1.0, pairing.variant[0].key: 1.0}
    cells = {each.levels: each.key for each in arms if each.first_weight > 0}
    found = of_level(cells, pairing.factor, pairing.level, 0)
    return {cells[cell]: coefficient for cell, coefficient in found.items()}


def _within_strata(read_metric: _Read, coefficients: Mapping[str, float]) -> Contrast | None:
    """The contrast of arms, within strata if there are any."""
    metric, of_arms = read_metric.metric, list(coefficients.values())
    if len(metric.strata) > 1:
        strata = [
            Stratum(tuple(each.get(key, NONE) for key in coefficients)) for each in metric.strata
        ]
        return post_stratified(metric.kind, strata, of_arms)
    estimates = [read_metric.estimates.get(key) for key in coefficients]
    return linear(estimates, of_arms, metric.kind)


def judged(found: Contrasted, plan: Plan, *, over: bool) -> Judgement | None:
    """The interval that decides, of the primary metric."""
    return None if found.contrast is None else judge(found.contrast, plan, ended=over)


def candidate(
    found: Contrasted, judgement: Judgement | None, guardrails: Sequence[Guardrail], plan: Plan
) -> Candidate:
    """A variant for the decision table."""
    return Candidate(
        found.pairing.name,
        judgement,
        None if found.of_control is None else found.of_control.mean,
        None if found.of_variant is None else found.of_variant.mean,
        found.lacks,
        tuple(guardrails),
        _reports_differ(found, plan),
    )


def _reports_differ(found: Contrasted, plan: Plan) -> bool:
    reports = found.metric.reports
    if reports is None:
        return False

    def of(arms: Sequence[Arm]) -> tuple[int, int]:
        both = [reports.get(each.key, (0, 0)) for each in arms]
        return sum(n for n, _ in both), sum(enrolled for _, enrolled in both)

    control, variant = of(found.pairing.control), of(found.pairing.variant)
    return reports_differ(control, variant, plan.n_star)


def guardrail(
    found: Contrasted, plan: Plan, number: int, *, over: bool
) -> tuple[Guardrail, Interval | None]:
    """A guardrail with its interval, + as good; and the interval as it is."""
    interval = None
    if found.contrast is not None and not found.lacks:
        interval = guardrail_interval(found.contrast, plan, number, ended=over)
    sign = found.metric.planned.direction.sign
    oriented = None if interval is None else interval.oriented(sign)
    margin = found.metric.planned.margin
    return Guardrail(
        found.metric.name, oriented, None if margin is None else float(margin)
    ), interval


def comparison(
    found: Contrasted,
    judgement: Judgement | None,
    interval: Interval | None,
    state: Guardrail | None = None,
) -> Comparison:
    """A comparison as it is shown: with `judgement`'s interval, or that of a guardrail."""
    contrast, role = found.contrast, found.metric.planned.role
    ratio = _lift(found, judgement)
    shown = judgement.interval if judgement is not None else interval
    p = None if judgement is None or judgement.interval is None else judgement.log_p
    return Comparison(
        found.pairing.key,
        found.pairing.name,
        found.pairing.against,
        found.metric.name,
        role,
        0 if contrast is None else contrast.units,
        None if found.of_control is None else found.of_control.mean,
        None if found.of_variant is None else found.of_variant.mean,
        None if contrast is None else contrast.estimate,
        shown,
        None if p is None or judgement is None else judgement.p,
        None if p is None else p_text(p),
        ratio.estimate if isinstance(ratio, Lift) else None,
        ratio.interval if isinstance(ratio, Lift) else None,
        ratio.value if isinstance(ratio, NoLift) else None,
        None if contrast is None else welch(contrast),
        (sentences.lacking(found.pairing.name, found.pairing.against, found.lacks),)
        if found.lacks
        else (),
        None if state is None else state.state,
    )


def secondary(found: Contrasted, plan: Plan, number: int) -> Judgement | None:
    """The interval of one of `number` secondary metrics, which never decides."""
    return None if found.contrast is None else judge_secondary(found.contrast, plan, number)


def _lift(found: Contrasted, judgement: Judgement | None) -> Lift | NoLift | None:
    contrast, control, variant = found.contrast, found.of_control, found.of_variant
    if contrast is None or control is None or variant is None:
        return None
    if found.is_adjusted or judgement is None:
        return adjusted_lift(contrast, control)
    return lift(control, variant, judgement.multiple)


def read(
    metric: MeasuredMetric, compared: Sequence[Pairing], arms: Sequence[Arm]
) -> tuple[MeasuredMetric, list[Contrasted]]:
    """The metric with all its comparisons; none if it is only described.

    Where its sums contradict each other it comes back without them: nothing is clamped.
    """
    if metric.damaged is not None:
        return metric, []
    try:
        own = _Read.of(metric)
        found = [_contrasted(own, each, arms) for each in compared]
    except DamagedSums as error:
        return metric.without_sums(str(error)), []
    return metric, found if metric.described is None else []


def _sum(sums: ByArm, arms: Sequence[Arm]) -> Sums:
    found = [sums[each.key] for each in arms if each.key in sums]
    return Sums.together(found) if found else NONE

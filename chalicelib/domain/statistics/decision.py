"""The decision table: from what is known of an experiment to its verdict (the method, section 6).

The first row that holds decides. Verdict and interval never disagree: a variant ships only if the
lower bound of its deciding interval, seen with + as good, is above 0.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.statistics import sentences
from chalicelib.domain.statistics.intervals import Interval
from chalicelib.domain.statistics.plan import Guardrail, GuardrailState, Judgement, Plan
from chalicelib.domain.statistics.power import detectable, units_of_new_run
from chalicelib.domain.statistics.sentences import Measure
from chalicelib.domain.statistics.split_check import SplitCheck
from chalicelib.domain.statistics.sufficiency import Lack

FULL_DAYS = 7
"""Full days before which nothing ships."""


class Code(enum.StrEnum):
    """The verdict in a word."""

    SPLIT_BROKEN = "split broken"
    NO_COMPARISON = "no comparison"
    NEEDS_DATA = "needs data"
    ENDED_WITHOUT_DATA = "ended without data"
    KEEP_CONTROL = "keep control"
    SHIP = "ship"
    KEEP_RUNNING = "keep running"
    INCONCLUSIVE = "inconclusive"
    NO_DIFFERENCE = "no difference that matters"
    SOUND = "sound"
    UNSOUND = "unsound"
    """An A/A experiment whose variants differ, though they are the same."""


PASSING = frozenset({Code.NO_COMPARISON, Code.NEEDS_DATA, Code.KEEP_RUNNING})
"""Verdicts that others may follow; each other one is latched when it is first given."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant against control, on the primary metric.

    `judgement` is not oriented; means and differences are in the metric's unit. `reports_differ`:
    the share of users with a value is another than in control.
    """

    name: str
    judgement: Judgement | None
    control_mean: float | None = None
    mean: float | None = None
    lacks: tuple[Lack, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    reports_differ: bool = False

    @property
    def harmed(self) -> tuple[str, ...]:
        """The guardrails that the variant harms."""
        return tuple(g.metric for g in self.guardrails if g.state is GuardrailState.HARMED)


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a verdict depends on.

    `no_comparison` is the reason why there is nothing to compare, if there is one. `ended`: the
    planned end, and the window after it, are past. `full_days` are those since the start;
    `days_left` those until the end or the decision, None if unknown. `early_looks`: False if the
    weights changed otherwise than by a variant's going to 0; then only the end decides.
    `has_window`: only what users do within some days counts. `units` are those of all variants.
    """

    plan: Plan
    measure: Measure
    control: str
    split: SplitCheck
    candidates: tuple[Candidate, ...]
    units: int
    full_days: int
    ended: bool = False
    days_left: int | None = None
    no_comparison: str | None = None
    early_looks: bool = True
    has_window: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done: the row of the table that held, its sentence, and what else to do.

    `variant` is that which ships; `turn_off` are harmed or worse ones among several. A terminal
    verdict is latched: what comes later is only shown beside it.
    """

    code: Code
    row: int
    text: str
    advice: tuple[str, ...] = ()
    variant: str | None = None
    turn_off: tuple[str, ...] = ()
    is_terminal: bool = True


@dataclass(frozen=True, slots=True)
class _Seen:
    """A judged candidate with its interval, + being good, and as it is."""

    candidate: Candidate
    interval: Interval
    raw: Interval
    judgement: Judgement

    @property
    def name(self) -> str:
        return self.candidate.name

    @property
    def is_better(self) -> bool:
        return self.interval.low > 0

    @property
    def is_worse(self) -> bool:
        return self.interval.high < 0

    @property
    def is_out(self) -> bool:
        """Whether it is to be turned off."""
        return self.is_worse or bool(self.candidate.harmed)


def decide(situation: Situation) -> Verdict:
    """The verdict on an experiment: the first row of the decision table that holds."""
    verdict = _first_row(situation)
    # An A/A experiment is sound so far until it ends.
    passing = verdict.code in PASSING or (verdict.code is Code.SOUND and not situation.ended)
    return replace(verdict, is_terminal=not passing)


def _first_row(situation: Situation) -> Verdict:
    if situation.split.is_broken:
        text = sentences.split_broken(situation.split, situation.measure.units)
        return Verdict(Code.SPLIT_BROKEN, 1, text)
    if situation.no_comparison is not None or not situation.candidates:
        reason = situation.no_comparison or "there are fewer than two variants"
        return Verdict(Code.NO_COMPARISON, 2, sentences.no_comparison(reason))
    sign = situation.plan.direction.sign
    judged = [
        _Seen(each, found.interval.oriented(sign), found.interval, found)
        for each in situation.candidates
        if not each.lacks and (found := each.judgement) is not None and found.interval is not None
    ]
    if not judged:
        code = Code.ENDED_WITHOUT_DATA if situation.ended else Code.NEEDS_DATA
        return Verdict(code, 3, sentences.too_early(_unjudged(situation, judged), situation.ended))
    if situation.plan.is_aa:
        return _on_same_variants(situation, judged)
    if not situation.early_looks and not situation.ended:
        return Verdict(Code.KEEP_RUNNING, 9, sentences.decided_at_the_end(situation.days_left))
    return _on_variants(situation, judged)


def _unjudged(situation: Situation, judged: Sequence[_Seen]) -> tuple[str, ...]:
    """The lack of data for which some variants are not judged."""
    names = {seen.name for seen in judged}
    return tuple(
        sentences.lacking(each.name, situation.control, each.lacks)
        for each in situation.candidates
        if each.name not in names
    )


def _on_same_variants(situation: Situation, judged: Sequence[_Seen]) -> Verdict:
    different = [seen.name for seen in judged if seen.is_better or seen.is_worse]
    if different:
        return Verdict(Code.UNSOUND, 4, sentences.unsound(situation.control, different))
    return Verdict(Code.SOUND, 9, sentences.sound(situation.ended))


def _on_variants(situation: Situation, judged: Sequence[_Seen]) -> Verdict:
    everyone_judged = len(judged) == len(situation.candidates)
    out = [seen for seen in judged if seen.is_out]
    if everyone_judged and len(out) == len(judged):
        return Verdict(
            Code.KEEP_CONTROL,
            4,
            sentences.keep_control(situation.control, [_loss(situation, seen) for seen in out]),
        )
    turn_off = tuple(seen.name for seen in out)
    turned = tuple(sentences.turn_off(_loss(situation, seen), seen.name) for seen in out)
    unjudged = _unjudged(situation, judged)
    better = [seen for seen in judged if seen.is_better]
    shippable = [seen for seen in better if not _objections(situation, seen)]
    if shippable:
        best = max(shippable, key=lambda seen: seen.interval.low)
        means = best.candidate.control_mean, best.candidate.mean
        text = sentences.ship(
            best.name, situation.measure, means, best.judgement.estimate, best.raw
        )
        more = [
            sentences.untested_lead(seen.name)
            for seen in better
            if seen is not best and not seen.is_out
        ]
        if not situation.has_window:
            more.append(sentences.NO_WINDOW)
        advice = (*turned, *more, *unjudged)
        return Verdict(Code.SHIP, 5, text, advice, best.name, turn_off)
    advice = (*turned, *unjudged)
    if better:
        code = Code.INCONCLUSIVE if situation.ended else Code.KEEP_RUNNING
        texts = [
            sentences.improves_but(seen.name, situation.measure.name, _objections(situation, seen))
            for seen in better
        ]
        return Verdict(code, 6, " ".join(texts), advice, None, turn_off)
    open_ones = [seen for seen in judged if not seen.is_out]
    return _undecided(situation, open_ones, everyone_judged, advice, turn_off)


def _undecided(
    situation: Situation,
    open_ones: Sequence[_Seen],
    everyone_judged: bool,
    advice: tuple[str, ...],
    turn_off: tuple[str, ...],
) -> Verdict:
    """Rows 7 to 9, on the variants that are neither worse nor harmed."""
    mde = situation.plan.mde
    if not situation.ended:
        found = [(seen.name, seen.raw) for seen in open_ones]
        text = sentences.undecided(
            situation.measure,
            found,
            situation.days_left,
            situation.plan.mode,
            len(situation.candidates),
        )
        return Verdict(Code.KEEP_RUNNING, 9, text, advice, None, turn_off)
    within = [seen for seen in open_ones if mde and _is_within(seen.interval, mde)]
    if mde is not None and everyone_judged and len(within) == len(open_ones):
        widest = Interval(
            min(seen.raw.low for seen in open_ones), max(seen.raw.high for seen in open_ones)
        )
        text = sentences.no_difference(situation.measure, widest, mde)
        return Verdict(Code.NO_DIFFERENCE, 7, text, advice, None, turn_off)
    effect = max((detectable(seen.judgement) for seen in open_ones), default=None)
    text = sentences.inconclusive(
        situation.measure,
        effect,
        situation.control,
        units_of_new_run([seen.judgement for seen in open_ones], situation.plan, situation.units),
    )
    return Verdict(Code.INCONCLUSIVE, 8, text, advice, None, turn_off)


def _is_within(interval: Interval, mde: float) -> bool:
    return -mde < interval.low and interval.high < mde


def _loss(situation: Situation, seen: _Seen) -> sentences.Loss:
    estimate = seen.judgement.estimate * situation.plan.direction.sign
    worse = Interval(-seen.interval.high, -seen.interval.low) if seen.is_worse else None
    return sentences.Loss(seen.name, situation.measure, -estimate, worse, seen.candidate.harmed)


def _objections(situation: Situation, seen: _Seen) -> list[str]:
    """Objections to shipping a better variant."""
    found = [sentences.harms(name) for name in seen.candidate.harmed]
    found += [
        sentences.unclear_guardrail(guardrail.metric)
        for guardrail in seen.candidate.guardrails
        if guardrail.blocks and guardrail.state is GuardrailState.UNCLEAR
    ]
    if seen.candidate.reports_differ:
        found.append(sentences.REPORTS_DIFFER)
    if situation.plan.full_week and situation.full_days < FULL_DAYS:
        found.append(sentences.no_full_week(situation.full_days, FULL_DAYS))
    return found

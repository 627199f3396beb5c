"""The sentences of the decision table, and how numbers are written in them.

Shares are written as "12.3 %", their differences in percentage points; every number has its unit
and the digits that its interval supports (the method, section 6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.statistics.intervals import Interval
from chalicelib.domain.statistics.plan import Mode
from chalicelib.domain.statistics.sequences import p_text
from chalicelib.domain.statistics.split_check import SplitCheck
from chalicelib.domain.statistics.sufficiency import Lack, Needed

NO_WINDOW = "An effect on when people act counts as an effect."
REPORTS_DIFFER = "who reports differs by variant"
POINTS = "percentage points"

SINGULAR = {
    "users": "user",
    "groups": "group",
    "conversions": "conversion",
    "users under both conditions": "user under both conditions",
    "users without a conversion": "user without a conversion",
    "days": "day",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """How a metric is spoken of: its name, whether it is a share, its unit else ("s", "")."""

    name: str
    is_share: bool = False
    unit: str = ""
    units: str = "users"


def number(value: float, decimals: int = 0) -> str:
    """A number with a comma for thousands; beyond 15 digits by its power of ten.

    >>> number(12345.678, 1), number(-0.0001, 2), number(2.5e30)
    ('12,345.7', '0.00', '2.5e+30')
    """
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if not any(digit in "123456789" for digit in text) else text


def count(amount: int, unit: str) -> str:
    """A number of units, singular or plural.

    >>> count(1, "users"), count(1200, "groups")
    ('1 user', '1,200 groups')
    """
    return f"{number(amount)} {SINGULAR.get(unit, unit) if amount == 1 else unit}"


def decimals_for(width: float) -> int:
    """Decimals that show two digits of an interval of that width; 12 at most.

    >>> decimals_for(4.6), decimals_for(0.031), decimals_for(250)
    (1, 3, 0)
    """
    if not 0 < width < math.inf:
        return 0
    return min(12, max(0, 1 - math.floor(math.log10(width))))


def value(measure: Measure, of: float, width: float) -> str:
    """A value of the metric with its unit: "12.3 %", "4.71 s"; `width` is its interval's."""
    scale = 100 if measure.is_share else 1
    digits = decimals_for(width * scale)
    unit = "%" if measure.is_share else measure.unit
    return f"{number(of * scale, max(1, digits) if measure.is_share else digits)} {unit}".rstrip()


def difference(measure: Measure, of: float, width: float) -> str:
    """A difference of the metric with its unit, of shares in percentage points."""
    return f"{_bare(measure, of, width)} {POINTS if measure.is_share else measure.unit}".rstrip()


def between(measure: Measure, interval: Interval) -> str:
    """An interval of differences: "0.7 to 4.1"; the unit stands beside the estimate."""
    width = interval.high - interval.low
    return f"{_bare(measure, interval.low, width)} to {_bare(measure, interval.high, width)}"


def _bare(measure: Measure, of: float, width: float) -> str:
    scale = 100 if measure.is_share else 1
    digits = decimals_for(width * scale)
    return number(of * scale, max(1, digits) if measure.is_share else digits)


def _unit(measure: Measure) -> str:
    unit = POINTS if measure.is_share else measure.unit
    return f" {unit}" if unit else ""


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def split_broken(split: SplitCheck, units: str) -> str:
    """The text of row 1."""
    got = _listed([number(n) for n in split.observed])
    due = _listed([number(n) for n in split.expected])
    return (
        f"Stop. Variants got {got} {units} where {due} were due (p {p_text(split.log_p)}). "
        "Whatever is shown below may be an artefact; find the cause, then start anew."
    )


def no_comparison(reason: str) -> str:
    """The text of row 2."""
    return f"There is nothing to compare: {reason}."


def too_early(lacking_texts: Sequence[str], ended: bool) -> str:
    """The text of row 3, from what each variant lacks."""
    start = "Ended without enough data: " if ended else "Too early: "
    return start + " ".join(lacking_texts)


def lacking(variant: str, control: str, lacks: Sequence[Lack]) -> str:
    """What a variant lacks to be judged: "B has 99 of 100 users"."""
    if not lacks:
        return f"{variant} has no interval yet."
    return f"{_listed([_lack(variant, control, lack) for lack in lacks])}."


def _lack(variant: str, control: str, lack: Lack) -> str:
    name = control if lack.of_control else variant
    if lack.unit is Needed.VARIANCE:
        return f"all values of {control} and {variant} are equal"
    if lack.unit is Needed.EVENNESS:
        return (
            f"the values are too skewed for how uneven {control} and {variant} are "
            f"({lack.has:.2f}, at most {lack.needed:.1f} is sound): even the split or cap the "
            "metric"
        )
    if lack.unit is Needed.SIZE_RATIO:
        return (
            f"{control} and {variant} are too uneven ({lack.has:.1f} to 1, at most "
            f"{lack.needed:.0f} to 1 is sound where the skew of values is not known)"
        )
    # Rounded down, so that what is not enough never reads as if it were.
    return f"{name} has {number(math.floor(lack.has))} of {count(int(lack.needed), lack.unit)}"


@dataclass(frozen=True, slots=True)
class Loss:
    """By how much a variant is worse (+ is worse), and the guardrails that it harms."""

    variant: str
    measure: Measure
    by: float
    interval: Interval | None
    harmed: tuple[str, ...]


def _loss(loss: Loss) -> str:
    found = []
    if loss.interval is not None:
        width = loss.interval.high - loss.interval.low
        found.append(
            f"makes {loss.measure.name} worse by {difference(loss.measure, loss.by, width)} "
            f"({between(loss.measure, loss.interval)})"
        )
    found += [harms(name) for name in loss.harmed]
    return f"{loss.variant} {_listed(found)}."


def keep_control(control: str, losses: Sequence[Loss]) -> str:
    """The text of row 4."""
    return " ".join([f"Keep {control}.", *(_loss(loss) for loss in losses)])


def turn_off(loss: Loss, variant: str) -> str:
    """The advice on a worse or harmed variant among several."""
    return f"Turn {variant} off. {_loss(loss)}"


def harms(guardrail: str) -> str:
    """The sentence about a harmed guardrail."""
    return f"harms {guardrail}"


def unclear_guardrail(guardrail: str) -> str:
    """The sentence about a guardrail whose margin is not shown to hold."""
    return f"{guardrail} is not shown to stay within its margin"


def no_full_week(days: int, needed: int) -> str:
    """The sentence before a full week is over."""
    return f"{number(days)} of {count(needed, 'days')} are over, and weekdays differ"


def ship(
    variant: str,
    measure: Measure,
    means: tuple[float | None, float | None],
    estimate: float,
    interval: Interval,
) -> str:
    """The text of row 5; differences are written as the metric rises or falls, without a sign."""
    width = interval.high - interval.low
    verb = "rises" if estimate > 0 else "falls"
    size = interval if estimate > 0 else Interval(-interval.high, -interval.low)
    before, after = means
    path = ""
    if before is not None and after is not None:
        path = f" from {value(measure, before, width)} to {value(measure, after, width)},"
    return (
        f"Ship {variant}. {measure.name} {verb}{path} by "
        f"{difference(measure, abs(estimate), width)} ({between(measure, size)}). "
        "This holds however often you looked."
    )


def untested_lead(other: str) -> str:
    """The sentence about another better variant."""
    return f"Its lead over {other} is not tested."


def improves_but(variant: str, metric: str, objections: Sequence[str]) -> str:
    """The text of row 6."""
    return f"{variant} improves {metric}, but {_listed(objections)}."


def no_difference(measure: Measure, interval: Interval, mde: float) -> str:
    """The text of row 7."""
    width = interval.high - interval.low
    low, high = _bare(measure, interval.low, width), _bare(measure, interval.high, width)
    return (
        f"No difference that matters: it lies between {low} and {high}{_unit(measure)}, "
        f"less than {difference(measure, mde, mde)}."
    )


def inconclusive(measure: Measure, effect: float | None, control: str, new_run: int | None) -> str:
    """The text of row 8."""
    found = "Not shown to be better or worse. "
    if effect is not None:
        found += (
            f"With the {measure.units} who came it could find "
            f"{difference(measure, effect, effect)}; by default keep {control}. "
        )
    else:
        found += f"By default keep {control}. "
    if new_run is None:
        return found + "Do not extend: plan a new run from the smallest effect that matters."
    return found + f"Do not extend: plan a new run of {count(new_run, measure.units)}."


def undecided(
    measure: Measure,
    found: Sequence[tuple[str, Interval]],
    days: int | None,
    mode: Mode,
    variants: int,
) -> str:
    """The text of row 9, with the interval of each variant."""
    parts = [
        f"{f'{name} ' if variants > 1 else ''}{between(measure, interval)}{_unit(measure)}"
        for name, interval in found
    ]
    start = f"Undecided: {'; '.join(parts)}. " if parts else "Undecided. "
    if days is None:
        return start + "When it will be decided is not known."
    if mode is not Mode.OPEN:
        return start + f"The plan ends in about {count(days, 'days')}."
    return start + f"A decision is about {count(days, 'days')} away."


def decided_at_the_end(days: int | None) -> str:
    """The sentence while changed weights allow no early look."""
    text = "Undecided: since the weights were changed, only the planned end decides."
    return text if days is None else f"{text} The plan ends in about {count(days, 'days')}."


def sound(ended: bool) -> str:
    """The text of an A/A experiment without an alarm."""
    return f"{'Sound' if ended else 'Sound so far'}: variants that are the same do not differ."


def unsound(control: str, variants: Sequence[str]) -> str:
    """The text of an A/A experiment with an alarm."""
    verb = "differs" if len(variants) == 1 else "differ"
    return (
        f"Stop. {_listed(variants)} {verb} from {control}, though all are the same: find the cause "
        "before you trust another experiment."
    )

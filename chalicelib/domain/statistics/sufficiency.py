"""What must be there before a comparison is judged: enough data, and users who report alike.

Rules 2 and 6 of the checks that come before any verdict (the method, section 5).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from chalicelib.domain.errors import Invalid
from chalicelib.domain.statistics.estimates import (
    ArmSums,
    Contrast,
    Kind,
    pairs,
    proportion,
    two_arms,
)
from chalicelib.domain.statistics.plan import EARLY_ALPHA, judge_by
from chalicelib.domain.statistics.sequences import Anytime
from chalicelib.domain.statistics.sums import Sums

UNITS_NEEDED = 100
GROUPS_NEEDED = 10
PAIRS_NEEDED = 20
OUTCOMES_NEEDED = 5
GREATEST_SKEW = 0.2
GREATEST_UNEVENNESS = 2
"""The larger arm's units for one of the smaller's, where nothing is known of the skew."""


class Needed(enum.StrEnum):
    """What a comparison lacks, as the unit that it is counted in."""

    USERS = "users"
    GROUPS = "groups"
    PAIRS = "users under both conditions"
    CONVERSIONS = "conversions"
    NO_CONVERSIONS = "users without a conversion"
    VARIANCE = "different values"
    EVENNESS = "evenness"
    """The values are too skewed for arms as uneven as these: `has` and `needed` are the guard's."""
    SIZE_RATIO = "size ratio"
    """The skew is not known, and an arm has more than twice the units of the other."""


@dataclass(frozen=True, slots=True)
class Lack:
    """What the comparison lacks: how much it `has` of what is `needed`, in that unit.

    `of_control`: the control lacks it, not the variant.
    """

    unit: Needed
    has: float
    needed: float
    of_control: bool = False


def lacks(
    kind: Kind, contrast: Contrast | None, control: ArmSums, variant: ArmSums
) -> tuple[Lack, ...]:
    """What a comparison of two arms lacks; nothing: it has enough data.

    The sums are those of both arms as a whole (of a factorial: of all cells of a level), the
    contrast is that which is to be judged.

    Raises:
        DamagedSums: if the sums of both arms together cannot be.
    """
    needed, unit = (
        (GROUPS_NEEDED, Needed.GROUPS) if kind is Kind.GROUPS else (UNITS_NEEDED, Needed.USERS)
    )
    found = [
        Lack(unit, sums.n, needed, is_control)
        for sums, is_control in ((variant, False), (control, True))
        if sums.n < needed
    ]
    if found:
        return tuple(found)
    if kind is Kind.PROPORTION and isinstance(control, Sums) and isinstance(variant, Sums):
        found = _missing_outcomes(control, variant)
    if not found and (contrast is None or contrast.variance <= 0):
        found = [Lack(Needed.VARIANCE, 1, 2)]
    if found or contrast is None:
        return tuple(found)
    return tuple(_unevenness(kind, contrast, control, variant))


def lacks_of_pairs(differences: Sums) -> tuple[Lack, ...]:
    """What a comparison of users with themselves lacks; nothing: it has enough data.

    Raises:
        DamagedSums: if the cubes of the differences cannot be.
    """
    if differences.n < PAIRS_NEEDED:
        return (Lack(Needed.PAIRS, differences.n, PAIRS_NEEDED),)
    contrast = pairs(differences)
    if contrast is None or contrast.variance <= 0:
        return (Lack(Needed.VARIANCE, 1, 2),)
    guard = skew_guard(differences, contrast)
    if guard is None or guard <= GREATEST_SKEW:
        return ()
    return (Lack(Needed.EVENNESS, guard, GREATEST_SKEW),)


def skew_guard(together: Sums, contrast: Contrast) -> float | None:
    """How far the skew of the values reaches the contrast: |γ|·|Σ c³/n²|/(Σ c²/n)^1.5.

    The first term of the Edgeworth expansion of its distribution (Hall 1992, section 2.3); γ is
    the population skewness of all values `together` (the method, section 5). At most 0.2 is sound.
    None without cubes.

    Raises:
        DamagedSums: if the cubes cannot be.
    """
    skewness = together.skewness
    return None if skewness is None else abs(skewness) * contrast.imbalance


def _missing_outcomes(control: Sums, variant: Sums) -> list[Lack]:
    """Fewer than 5 conversions, or users without one, to be expected by the pooled rate.

    Pooled, since a rule for each arm would for ever hide a variant that breaks conversion.
    """
    together = control + variant
    return [
        Lack(unit, float(sums.n * outcomes) / together.n, OUTCOMES_NEEDED, is_control)
        for unit, outcomes in (
            (Needed.CONVERSIONS, together.total),
            (Needed.NO_CONVERSIONS, together.n - together.total),
        )
        for sums, is_control in ((variant, False), (control, True))
        if sums.n * outcomes < OUTCOMES_NEEDED * together.n
    ]


def _unevenness(kind: Kind, contrast: Contrast, control: ArmSums, variant: ArmSums) -> list[Lack]:
    guard = None
    if isinstance(control, Sums) and isinstance(variant, Sums):
        guard = skew_guard(control + variant, contrast)
    if guard is not None:
        return [Lack(Needed.EVENNESS, guard, GREATEST_SKEW)] if guard > GREATEST_SKEW else []
    larger, smaller = max(control.n, variant.n), min(control.n, variant.n)
    if kind is Kind.PROPORTION or larger <= GREATEST_UNEVENNESS * smaller:
        return []
    return [Lack(Needed.SIZE_RATIO, larger / smaller, GREATEST_UNEVENNESS)]


def reports_differ(control: tuple[int, int], variant: tuple[int, int], n_star: float) -> bool:
    """Whether the share of units with a value differs between arms, by anytime(0.01).

    Each arm is (units with a value, enrolled units). Then the means are of different users, and
    nothing ships (the method, section 5, rule 2).

    Raises:
        Invalid: if more units have a value than are enrolled.
    """
    for with_value, enrolled in (control, variant):
        if not 0 <= with_value <= enrolled:
            raise Invalid(f"{with_value} units with a value, of {enrolled}")
    of_control, of_variant = (
        proportion(Sums.of_converters(enrolled, with_value))
        for with_value, enrolled in (control, variant)
    )
    contrast = two_arms(of_control, of_variant, Kind.PROPORTION)
    if contrast is None:
        return False
    found = judge_by(contrast, Anytime.planned(EARLY_ALPHA, n_star)).interval
    return found is not None and not found.low <= 0 <= found.high

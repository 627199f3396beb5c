"""Each case of vectors.json, made by other tools, is met to 1e-8; or of the file of --vectors."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import pytest

from chalicelib.domain.statistics.decision import Candidate, Situation, Verdict, decide
from chalicelib.domain.statistics.distributions import (
    beta_cdf,
    chi2_quantile,
    chi2_sf,
    normal_quantile,
    t_quantile,
    t_two_sided_p,
)
from chalicelib.domain.statistics.estimates import (
    ArmEstimate,
    Contrast,
    Kind,
    Stratum,
    arm,
    linear,
    mean,
    pairs,
    post_stratified,
    proportion,
    ratio,
    two_arms,
)
from chalicelib.domain.statistics.intervals import Interval, Lift, fieller, lift, non_inferiority
from chalicelib.domain.statistics.intervals import welch as welch_test
from chalicelib.domain.statistics.intervals import wilson as wilson_interval
from chalicelib.domain.statistics.plan import Mode, Plan, judge, judge_by
from chalicelib.domain.statistics.power import Demand, units_for_means, units_for_proportions
from chalicelib.domain.statistics.sentences import Measure
from chalicelib.domain.statistics.sequences import Anytime
from chalicelib.domain.statistics.split_check import (
    Stretch,
    check_split,
    chi_square_p,
    evidence,
)
from chalicelib.domain.statistics.sufficiency import lacks, skew_guard
from chalicelib.domain.statistics.sums import RatioSums, Sums
from tests.unit.statistics.samples import main_effect

OWN = Path(__file__).with_name("vectors.json")
MAIN_EFFECT = re.compile(r"main effect of level (\d) of factor ([A-H]) against level (\d)")
RELATIVE, NEAR_ZERO = 1e-8, 1e-12

Values = Mapping[str, Any]
T = TypeVar("T")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    path = Path(metafunc.config.getoption("--vectors") or OWN)
    if "case" in metafunc.fixturenames:
        cases = json.loads(path.read_text())["cases"]
        metafunc.parametrize("case", cases, ids=[f"{c['kind']}-{c['id']}" for c in cases])


def decimal(number: float | str) -> Decimal:
    """The number with the digits that it is written with."""
    return Decimal(str(number))


def of_values(sums: Sequence[float]) -> Sums:
    n, total, squares = sums
    return Sums.of(int(n), decimal(total), decimal(squares))


def of_ratio(sums: Sequence[float]) -> RatioSums:
    n, y, yy, x, xx, xy = sums
    return RatioSums.of(int(n), *(decimal(each) for each in (y, yy, x, xx, xy)))


def there(found: T | None) -> T:
    assert found is not None
    return found


def means(given: Values) -> Contrast:
    return there(two_arms(mean(of_values(given["a"])), mean(of_values(given["b"]))))


def bounds(interval: Interval | None) -> dict[str, float]:
    found = there(interval)
    return {"low": found.low, "high": found.high}


def one_look(contrast: Contrast, alpha: float) -> dict[str, float]:
    look = there(welch_test(contrast, alpha))
    return {
        "difference": contrast.estimate,
        "estimate": contrast.estimate,
        "se": contrast.error,
        "df": contrast.df,
        "t": look.t,
        "p": look.p,
        **bounds(look.interval),
    }


def mean_difference(given: Values) -> Values:
    return one_look(means(given), given["alpha"])


def shifted(given: Values) -> Values:
    test = there(non_inferiority(means(given), given["margin"]))
    return {"t": test.t, "p": test.p}


def wilson(given: Values) -> Values:
    return bounds(wilson_interval(given["x"], given["n"], given["alpha"]))


def rates(given: Values) -> Contrast:
    return there(
        two_arms(
            proportion(Sums.of_converters(given["n_a"], given["x_a"])),
            proportion(Sums.of_converters(given["n_b"], given["x_b"])),
        )
    )


def proportion_variance(given: Values) -> Values:
    contrast = rates(given)
    smoothed = [(given[f"x_{side}"] + 1) / (given[f"n_{side}"] + 2) for side in "ab"]
    center, half = smoothed[1] - smoothed[0], -normal_quantile(0.025) * contrast.error
    return {
        "se": contrast.error,
        "adjusted_low": center - half,
        "adjusted_high": center + half,
    }


def set_of_lifts(given: Values) -> Values:
    control, variant = (
        ArmEstimate(100, given[f"mean_{side}"], given[f"var_mean_{side}"], 99.0) for side in "ab"
    )
    found = fieller(control, variant, given["multiple"])
    return {"bounded": False} if found is None else {"bounded": True, **bounds(found)}


def sequential(given: Values) -> Values:
    if given["kind"] == "mean":
        contrast = means(given)
    else:
        # The tool takes p(1 - p)/n; its sums of zeros and ones have that variance but for n/(n-1).
        a, b = (
            ArmEstimate(n, x / n, x / n * (1 - x / n) / n, n - 1.0)
            for n, x in (given["a"], given["b"])
        )
        contrast = there(two_arms(a, b))
    found = judge_by(contrast, Anytime.planned(given["alpha"], given["n_star"]))
    return {
        **bounds(found.interval),
        "multiple": found.multiple,
        "log_p": found.log_p,
        "p": found.p,
    }


def ratio_difference(given: Values) -> Values:
    a, b = there(ratio(of_ratio(given["a"]))), there(ratio(of_ratio(given["b"])))
    found = one_look(there(two_arms(a, b)), given["alpha"])
    return {**found, "ratio_a": a.mean, "ratio_b": b.mean}


def groups(given: Values) -> Values:
    a, b = (
        mean(Sums.of_groups([(users, decimal(total)) for users, total in given[side]]))
        for side in "ab"
    )
    return one_look(there(two_arms(a, b, Kind.GROUPS)), given["alpha"])


def paired(given: Values) -> Values:
    both = zip(given["a"], given["b"], strict=True)
    differences = Sums.of_values(decimal(b) - decimal(a) for a, b in both)
    return one_look(there(pairs(differences)), given["alpha"])


def factorial(given: Values) -> Values:
    cells = [mean(of_values(cell)) for cell in given["cells"]]
    contrast = there(linear(cells, given["contrast"]))
    if effect := MAIN_EFFECT.match(given["effect"]):
        level, factor, baseline = effect.groups()
        names = product(*(range(levels) for levels in given["levels"]))
        by_name = dict(zip(names, cells, strict=True))
        place = "ABCDEFGH".index(factor)
        contrast = there(main_effect(by_name, place, int(level), int(baseline)))
    return one_look(contrast, 0.05)


def stratified(given: Values) -> Values:
    strata = [Stratum((of_values(a), of_values(b))) for a, b in given["strata"]]
    contrast = there(post_stratified(Kind.MEAN, strata))
    return {"estimate": contrast.estimate, "se": contrast.error}


def split_by_chi_square(given: Values) -> Values:
    return {"p": chi_square_p([Stretch(given["observed"], given["weights"])])}


def split_by_sequence(given: Values) -> Values:
    stretch = Stretch(given["observed"], given["weights"])
    found = evidence(stretch)
    return {
        "log_e_100": found.log_e_100,
        "log_e_10000": found.log_e_10000,
        "log_e": found.log_e,
        "log_p": check_split([stretch]).log_p,
    }


def demand(given: Values) -> Demand:
    return Demand(given["alpha"], given["power"], given["ratio"])


def power_of_rates(given: Values) -> Values:
    n = units_for_proportions(given["p_control"], given["p_variant"], demand(given))
    return {"n_control": n}


def power_of_means(given: Values) -> Values:
    return {"n_control": units_for_means(given["sd"], given["difference"], demand(given))}


def exact_variance(given: Values) -> Values:
    sums = Sums.of(given["n"], decimal(given["sum"]), decimal(given["squares"]))
    return {"variance": sums.variance}


def guard_against_skew(given: Values) -> Values:
    n_a, n_b = given["n_a"], given["n_b"]
    together = Sums.of(n_a + n_b, *(decimal(given[name]) for name in ("sum", "squares", "cubes")))
    a, b = (ArmEstimate(n, 0.0, 1.0, n - 1.0) for n in (n_a, n_b))
    guard = skew_guard(together, there(two_arms(a, b)))
    return {"skewness": together.skewness, "guard": guard}


def planned(given: Values, comparisons: int) -> Plan:
    return Plan(Mode(given["mode"]), given["n_star"], comparisons, mde=given.get("mde"))


def decided(given: Values, arms: Sequence[Sequence[int]], control: int) -> tuple[Verdict, Values]:
    """The verdict on proportions, and the figures of the last variant that is judged."""
    ended = given["at_planned_end"]
    plan = planned(given, len(arms) - 1)
    sums = [Sums.of_converters(users, converters) for users, converters in arms]
    figures: dict[str, Any] = {}
    candidates = []
    for i, each in enumerate(sums):
        if i == control:
            continue
        of_control, of_variant = (arm(Kind.PROPORTION, s) for s in (sums[control], each))
        contrast = two_arms(of_control, of_variant, Kind.PROPORTION)
        lacking = lacks(Kind.PROPORTION, contrast, sums[control], each)
        judgement = None if contrast is None else judge(contrast, plan, ended=ended)
        candidates.append(Candidate(str(i), judgement, lacks=lacking))
        if contrast is not None:
            figures["guard"] = skew_guard(sums[control] + each, contrast)
        if contrast is not None and judgement is not None and not lacking:
            relative = lift(there(of_control), there(of_variant), judgement.multiple)
            figures |= {
                "difference": contrast.estimate,
                **bounds(judgement.interval),
                "log_p": judgement.log_p,
                "relative": isinstance(relative, Lift),
            }
            if isinstance(relative, Lift):
                interval = there(relative.interval)
                figures |= {"lift_low": interval.low, "lift_high": interval.high}
    split = check_split([Stretch([users for users, _ in arms], given["weights"])])
    situation = Situation(
        plan,
        Measure("Conversion", is_share=True),
        str(control),
        split,
        tuple(candidates),
        units=sum(users for users, _ in arms),
        full_days=given["full_days"],
        ended=ended,
    )
    verdict = decide(situation)
    return verdict, {**figures, "srm_log_p": split.log_p, "verdict": verdict.code}


def verdict_on_one(given: Values) -> Values:
    return decided(given, [given["control"], given["variant"]], 0)[1]


def verdict_on_many(given: Values) -> Values:
    verdict, figures = decided(given, given["arms"], given["control"])
    ships = verdict.variant is not None
    return {**figures, **({"variant": int(verdict.variant or 0)} if ships else {})}


KINDS: Mapping[str, Callable[[Values], Values]] = {
    "wilson": wilson,
    "proportion_variance": proportion_variance,
    "mean_difference": mean_difference,
    "fieller": set_of_lifts,
    "non_inferiority": shifted,
    "sequential": sequential,
    "ratio": ratio_difference,
    "srm_chi2": split_by_chi_square,
    "srm_sequential": split_by_sequence,
    "t_quantile": lambda given: {"x": t_quantile(given["p"], given["df"])},
    "t_two_sided_p": lambda given: {"p": t_two_sided_p(given["t"], given["df"])},
    "normal_quantile": lambda given: {"x": normal_quantile(given["p"])},
    "chi2_p": lambda given: {"p": chi2_sf(given["x"], given["df"])},
    "chi2_quantile": lambda given: {"x": chi2_quantile(given["p"], given["df"])},
    "beta_cdf": lambda given: {"p": beta_cdf(given["x"], given["a"], given["b"])},
    "groups": groups,
    "paired": paired,
    "factorial": factorial,
    "post_stratified": stratified,
    "power_proportions": power_of_rates,
    "power_means": power_of_means,
    "exact_variance": exact_variance,
    "skew_guard": guard_against_skew,
    "verdict": verdict_on_one,
    "verdict_many": verdict_on_many,
}
"""What a case of a kind asks, from its input to all that may be expected of it."""


def test_a_vector_is_met(case: Values) -> None:
    assert case["kind"] in KINDS, "nothing computes that kind"
    found = KINDS[case["kind"]](case["input"])
    assert case["expect"], "a case expects something"
    for name, expected in case["expect"].items():
        assert name in found, name
        if isinstance(expected, bool | str):
            assert found[name] == expected, name
        else:
            assert math.isclose(found[name], expected, rel_tol=RELATIVE, abs_tol=NEAR_ZERO), (
                f"{name}: {found[name]!r}, not {expected!r}"
            )


def test_each_kind_has_a_case_of_its_own() -> None:
    cases = json.loads(OWN.read_text())["cases"]
    assert {case["kind"] for case in cases} == set(KINDS)
    assert len(cases) == 337

"""Distribution functions and quantiles that stay accurate in their tails.

Beta and gamma are evaluated on their smaller tail, by the continued fractions of Didonato &
Morris (1992, ACM TOMS 18, algorithm 708) and of Legendre; the factor before them is written with
the rest of Stirling's series, so that large parameters cost no digits. Quantiles are found by
Newton's method on the logarithm of the tail, within a bracket.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

_NORMAL = NormalDist()
_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
_LOG_2 = math.log(2)
_EPSILON = 1e-16
_TINY = 1e-300
_ROUNDS = 200_000
NEARLY_NORMAL_DF = 1e15
"""Degrees of freedom from which a t distribution is the normal one, to all digits of a float."""


def stirling_rest(z: float) -> float:
    """The rest of Stirling's formula: ln Γ(z) - (z - ½) ln z + z - ½ ln 2π, for z > 0.

    The series 1/(12z) - 1/(360z³) + … from z = 30 on, ln Γ itself below, where the series is
    wrong (Abramowitz & Stegun 6.1.41; the method, section 5).
    """
    if z < 30:
        return math.lgamma(z) - (z - 0.5) * math.log(z) + z - _HALF_LOG_TAU
    w = 1 / (z * z)
    return (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w / 1680))) / z


def log1p_minus(u: float) -> float:
    """ln(1 + u) - u without cancellation, for u > -1; its series in u / (2 + u) near 0."""
    if not -0.4 <= u < 0.6:
        return math.log1p(u) - u
    # ln(1+u) = 2 artanh(r) with r = u / (2 + u), and u = 2r + u·r.
    r = u / (2 + u)
    term, total, n = 2 * r, 0.0, 1
    while abs(term) > _EPSILON * abs(total) or n == 1:
        term *= r * r
        n += 2
        total += term / n
        if term == 0:
            break
    return total - u * r


def _log_ratio_minus(ratio: float, u: float) -> float:
    """ln(ratio) - u with u = ratio - 1, by whichever of the two has the digits."""
    return math.log(ratio) - u if ratio < 0.6 else log1p_minus(u)


def normal_cdf(z: float) -> float:
    """The standard normal's P(Z ≤ z), by erfc."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def normal_sf(z: float) -> float:
    """The standard normal's upper tail P(Z > z), by erfc."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def normal_quantile(p: float) -> float:
    """The z with P(Z ≤ z) = p, for 0 < p < 1 (Wichura 1988, AS 241).

    For upper tails ask for the quantile of the tail and change its sign.
    """
    return _NORMAL.inv_cdf(p)


def t_sf(t: float, df: float) -> float:
    """Student's upper tail P(T > t), for df > 0."""
    half = 0.5 * math.exp(t_log_two_sided_p(t, df))
    return half if t >= 0 else 1 - half


def t_cdf(t: float, df: float) -> float:
    """Student's P(T ≤ t), for df > 0."""
    return t_sf(-t, df)


def t_two_sided_p(t: float, df: float) -> float:
    """Student's P(|T| ≥ |t|), for df > 0; 0 only where the true value is below 1e-323."""
    return math.exp(t_log_two_sided_p(t, df))


def t_log_two_sided_p(t: float, df: float) -> float:
    """ln P(|T| ≥ |t|) for df > 0 = ln I_x(df/2, ½) with x = df / (df + t²)."""
    size = abs(t)
    if size == 0:
        return 0.0
    if size > 1e150 or df >= NEARLY_NORMAL_DF:
        # Beyond it t² has no float: T's tail falls as t^-df, the normal's as exp(-t²/2).
        if df >= NEARLY_NORMAL_DF:
            return _log_normal_two_sided(min(size, 1e150))
        size = 1e150
    square = size * size
    return log_beta_cdf(df / (df + square), square / (df + square), df / 2, 0.5)


def _log_normal_two_sided(z: float) -> float:
    if z < 30:
        return math.log(math.erfc(z / math.sqrt(2)))
    w = 1 / (z * z)
    series = 1 - w * (1 - 3 * w * (1 - 5 * w * (1 - 7 * w)))
    return _LOG_2 - 0.5 * z * z - _HALF_LOG_TAU - math.log(z) + math.log(series)


def t_quantile(p: float, df: float) -> float:
    """The t with P(T ≤ t) = p, for 0 < p < 1 and df > 0."""
    return t_upper_quantile(1 - p, df) if p > 0.5 else -t_upper_quantile(p, df)


def t_upper_quantile(q: float, df: float) -> float:
    """The t ≥ 0 with P(T > t) = q, for 0 < q ≤ ½ and df > 0.

    Newton in ln t, in which the logarithm of the tail is concave; it starts at Fisher and
    Cornish's expansion in 1/df (Abramowitz & Stegun 26.7.5).
    """
    if q >= 0.5:
        return 0.0
    z = -_NORMAL.inv_cdf(q)
    if df >= NEARLY_NORMAL_DF:
        return z
    log_pdf_at_0 = math.log(df / 2) * 0.5 - stirling_rest(df / 2)
    log_pdf_at_0 += _stirling_step(df / 2) - _HALF_LOG_TAU - 0.5 * math.log(df / 2)

    def tail(u: float) -> tuple[float, float]:
        t = math.exp(u)
        log_sf = t_log_two_sided_p(t, df) - _LOG_2
        log_pdf = log_pdf_at_0 - 0.5 * (df + 1) * math.log1p(t * t / df)
        return log_sf, -math.exp(min(log_pdf + u - log_sf, 700))

    return math.exp(_newton(tail, math.log(q), math.log(_expansion(z, df))))


def _stirling_step(a: float) -> float:
    """ln Γ(a + ½) - ln Γ(a) - ½ ln a + stirling_rest(a), without cancellation."""
    return a * math.log1p(0.5 / a) - 0.5 + stirling_rest(a + 0.5)


def _expansion(z: float, df: float) -> float:
    s = z * z
    terms = (
        (s + 1) / 4,
        ((5 * s + 16) * s + 3) / 96,
        (((3 * s + 19) * s + 17) * s - 15) / 384,
        ((((79 * s + 776) * s + 1482) * s - 1920) * s - 945) / 92160,
    )
    if df < 3:
        return max(z, 1e-8)
    return max(z * (1 + sum(term / df ** (i + 1) for i, term in enumerate(terms))), 1e-300)


def _newton(tail: Callable[[float], tuple[float, float]], target: float, start: float) -> float:
    """The root u of tail(u) = target, for a decreasing `tail` that answers value and slope."""
    low, high, u = -math.inf, math.inf, start
    for _ in range(200):
        value, slope = tail(u)
        if value > target:
            low = u
        elif value < target:
            high = u
        else:
            return u
        step = (target - value) / slope if slope else math.copysign(1.0, value - target)
        following = u + max(-4.0, min(4.0, step))
        if abs(following - u) <= 2e-16 * max(1.0, abs(u)):
            return following
        if not low < following < high:
            following = (low + high) / 2
        u = following
    return u


def chi2_sf(x: float, df: float) -> float:
    """Chi-square's upper tail P(X > x), for x ≥ 0 and df > 0."""
    return gamma_sf(x / 2, df / 2)


def chi2_quantile(p: float, df: float) -> float:
    """The x with P(X ≤ x) = p for chi-square, 0 < p < 1 and df > 0."""
    return 2 * gamma_quantile(p, df / 2)


def gamma_sf(x: float, a: float) -> float:
    """The regularised upper incomplete gamma function Q(a, x), for x ≥ 0 and a > 0."""
    return math.exp(_log_gamma_tails(x, a)[1])


def gamma_cdf(x: float, a: float) -> float:
    """The regularised lower incomplete gamma function P(a, x), for x ≥ 0 and a > 0."""
    return math.exp(_log_gamma_tails(x, a)[0])


def gamma_quantile(p: float, a: float) -> float:
    """The x with P(a, x) = p, for 0 < p < 1 and a > 0; Newton in ln x on the smaller tail."""
    upper = p > 0.5

    def tail(u: float) -> tuple[float, float]:
        x = math.exp(u)
        lower_log, upper_log = _log_gamma_tails(x, a)
        chosen = upper_log if upper else lower_log
        slope = math.exp(min(_log_gamma_factor(x, a) - chosen, 700))
        return (chosen, -slope) if upper else (-chosen, -slope)

    target = math.log1p(-p) if upper else -math.log(p)
    cube = 1 - 1 / (9 * a) + normal_quantile(p) / (3 * math.sqrt(a))
    small = (math.log(p) + math.lgamma(a + 1)) / a
    start = math.log(a) + 3 * math.log(cube) if cube > 0.3 else small
    return math.exp(_newton(tail, target, max(start, -700.0)))


def _log_gamma_tails(x: float, a: float) -> tuple[float, float]:
    """ln P(a, x) and ln Q(a, x): one by series or continued fraction, the other from it."""
    if x <= 0:
        return -math.inf, 0.0
    factor = _log_gamma_factor(x, a)
    if x < a + 1:
        term = total = 1 / a
        n = a
        while term > _EPSILON * total:
            n += 1
            term *= x / n
            total += term
        lower = min(0.0, factor + math.log(total))
        return lower, _log_of_the_rest(lower)

    def terms(n: int) -> tuple[float, float]:
        return (1.0 if n == 0 else n * (a - n)), x + 2 * n + 1 - a

    upper = min(0.0, factor + math.log(_fraction(terms)))
    return _log_of_the_rest(upper), upper


def _log_gamma_factor(x: float, a: float) -> float:
    """ln(x^a e^-x / Γ(a))."""
    around = a * _log_ratio_minus(x / a, (x - a) / a)
    return around + 0.5 * math.log(a) - _HALF_LOG_TAU - stirling_rest(a)


def _log_of_the_rest(log_p: float) -> float:
    """ln(1 - e^log_p)."""
    if log_p >= 0:
        return -math.inf
    return math.log(-math.expm1(log_p)) if log_p > -_LOG_2 else math.log1p(-math.exp(log_p))


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for 0 ≤ x ≤ 1 and a, b > 0."""
    return math.exp(log_beta_cdf(x, 1 - x, a, b))


def log_beta_cdf(x: float, y: float, a: float, b: float) -> float:
    """ln I_x(a, b) for a, b > 0; y is 1 - x, given apart since it may have more digits."""
    if x <= 0:
        return -math.inf
    if y <= 0:
        return 0.0
    if a * y >= b * x:
        return min(0.0, _log_beta_tail(x, y, a, b))
    return _log_of_the_rest(_log_beta_tail(y, x, b, a))


def _log_beta_tail(x: float, y: float, a: float, b: float) -> float:
    away = a * y - b * x

    def terms(n: int) -> tuple[float, float]:
        divisor = a + 2 * n - 1
        # The first numerator is 1; at n = 0 the middle term of the denominator is 0 for any divisor.
        numerator, middle = 1.0, 0.0
        if n:
            numerator = (a + n - 1) / divisor * ((a + b + n - 1) / divisor) * n * (b - n) * x * x
            middle = n * (b - n) * x / divisor
        return numerator, n + middle + (a + n) / (divisor + 2) * (away + 1 + n * (1 + y))

    log_factor = a * _log_ratio_minus(x * (a + b) / a, -away / a)
    log_factor += b * _log_ratio_minus(y * (a + b) / b, away / b)
    log_factor += 0.5 * (math.log(a) + math.log(b) - math.log(a + b)) - _HALF_LOG_TAU
    log_factor += stirling_rest(a + b) - stirling_rest(a) - stirling_rest(b)
    return log_factor + math.log(_fraction(terms))


def _fraction(terms: Callable[[int], tuple[float, float]]) -> float:
    """The continued fraction α₀/(β₀ + α₁/(β₁ + …)), by Lentz's method (Thompson & Barnett 1986)."""
    numerator, denominator = terms(0)
    c, d = _TINY, 0.0
    value = _TINY
    for n in range(_ROUNDS):
        if n:
            numerator, denominator = terms(n)
        d = denominator + numerator * d or _TINY
        c = denominator + numerator / c or _TINY
        d = 1 / d
        value *= c * d
        if n and abs(c * d - 1) < 4e-16:
            break
    return value

"""What results say: verdict, checks, variants, comparisons, series. All numbers are finite."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import MetricRole
from chalicelib.domain.statistics.decision import Verdict
from chalicelib.domain.statistics.intervals import FixedLook, Interval
from chalicelib.domain.statistics.plan import Direction, GuardrailState, Mode


class CheckState(StrEnum):
    """What a check found."""

    FINE = "fine"
    WARNING = "warning"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """A check that comes before any verdict: its name, what it found, and the sentence."""

    name: str
    state: CheckState
    text: str
    p: float | None = None


@dataclass(frozen=True, slots=True)
class MetricOfVariant:
    """A metric in a variant: units with a value, rate or mean with its 95 % interval.

    `capped` is the share of units beyond the cap, `user_weighted` the mean over users where units
    are groups.
    """

    metric: str
    n: int
    mean: float | None
    interval: Interval | None
    converters: int | None = None
    capped: float | None = None
    left_out: int = 0
    user_weighted: float | None = None


@dataclass(frozen=True, slots=True)
class VariantResult:
    """A variant: its units, those that were due by its weight, and its metrics."""

    key: str
    name: str
    is_control: bool
    weight: float
    units: int
    due: float | None
    metrics: tuple[MetricOfVariant, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant (or level) against control in one metric.

    `interval` is the one that decides, or that is described, as `role` says. `lift` is relative
    (0.05: 5 %), or `no_lift` says why there is none. `p` is adjusted for all comparisons.
    `if_only_look` is Welch's test, as if nobody looked again. `lacks` is what is missing to judge.
    """

    variant: str
    variant_name: str
    against: str
    metric: str
    role: MetricRole
    units: int
    control_mean: float | None
    mean: float | None
    estimate: float | None
    interval: Interval | None
    p: float | None
    p_text: str | None
    lift: float | None
    lift_interval: Interval | None
    no_lift: str | None
    if_only_look: FixedLook | None
    lacks: tuple[str, ...]
    guardrail: GuardrailState | None = None


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric of the results: what it is, its role, and what stands against reading it."""

    name: str
    kind: str
    is_share: bool
    role: MetricRole
    direction: Direction
    margin: float | None
    cap: float | None
    described: str | None
    damaged: str | None


@dataclass(frozen=True, slots=True)
class Point:
    """A difference to control at the end of a day, with the interval that was valid that day."""

    variant: str
    metric: str
    estimate: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Period:
    """A day of enrollment, or the week from `first` on: units by variant so far, and differences.

    `new` are the units that came in it. `is_open` says that its window is not over.
    """

    first: date
    new: dict[str, int]
    so_far: dict[str, int]
    points: tuple[Point, ...]
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Latched:
    """The first terminal verdict, which stays, whatever comes later."""

    code: str
    text: str
    at: datetime
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The line of an experiment in the list of results, as of a moment.

    `started_at` says which run it is of. `split` is the state of the split check. `recent` are the
    units that came on each of the last days.
    """

    feature_id: int
    code: str
    text: str
    units: int
    unit: str
    split: str
    days_left: int | None
    at: datetime
    started_at: datetime | None
    latched: Latched | None = None
    recent: tuple[int, ...] = ()


def of_run(feature: Feature, summary: Summary | None) -> Summary | None:
    """The line of an experiment, if it is of the run that is on: with new variants a new one began.

    What was stored last may be of a run that is over, until somebody looks at the results anew.
    """
    started = None if feature.run is None else feature.run.started_at
    return summary if summary is not None and summary.started_at == started else None


@dataclass(frozen=True, slots=True)
class Results:
    """All that is said of an experiment.

    `days_left` are those to the planned end, or to a decision; None if that cannot be known.
    """

    kind: str
    key: str
    name: str
    verdict: Verdict
    mode: Mode
    n_star: float
    comparisons_planned: int
    alpha: float
    ends_on: date | None
    window_days: int
    is_over: bool
    full_days: int
    unit: str
    checks: tuple[Check, ...]
    metrics: tuple[MetricSummary, ...]
    variants: tuple[VariantResult, ...]
    comparisons: tuple[Comparison, ...]
    days: tuple[Period, ...]
    weeks: tuple[Period, ...]
    days_left: int | None
    data_at: datetime
    started_at: datetime | None
    notes: tuple[str, ...] = ()
    latched: Latched | None = None

"""The words and numbers of the pages: everything is called one thing, and has its unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from chalicelib.api.dashboard.charts import numbers
from chalicelib.domain.catalogue.overview import Kind, OverviewRow, Phase
from chalicelib.domain.features.result_plans import MetricRole
from chalicelib.domain.statistics.decision import Code
from chalicelib.domain.statistics.plan import Direction, GuardrailState, Mode
from chalicelib.domain.statistics.sentences import number

KINDS: Mapping[Kind, str] = {
    Kind.EXPERIMENT: "experiment",
    Kind.ROLLOUT: "rollout",
    Kind.TOGGLE: "toggle",
    Kind.DESIGN: "UpGrade design",
    Kind.FLAG: "flag",
}

PHASES: Mapping[Phase, str] = {
    Phase.DRAFT: "draft",
    Phase.SCHEDULED: "scheduled",
    Phase.PREVIEW: "preview",
    Phase.RUNNING: "running",
    Phase.PAUSED: "paused",
    Phase.ENDED: "ended",
    Phase.ARCHIVED: "archived",
}

TONES: Mapping[str, str] = {
    Code.SHIP.value: "good",
    Code.SOUND.value: "good",
    Code.KEEP_CONTROL.value: "bad",
    Code.SPLIT_BROKEN.value: "bad",
    Code.UNSOUND.value: "bad",
}
"""How a verdict is coloured; the others are neutral. The word always stands beside it."""

NEXT: Mapping[str, str] = {
    Code.SHIP.value: "Ship the winner: it is better, and all checks are met.",
    Code.KEEP_CONTROL.value: "End the experiment and keep what you have.",
    Code.KEEP_RUNNING.value: "Wait: the plan says how long. You may look as often as you like.",
    Code.NEEDS_DATA.value: "Wait for more users.",
    Code.INCONCLUSIVE.value: "Keep the control. Plan a new, larger run; do not extend this one.",
    Code.NO_DIFFERENCE.value: "Choose by other reasons: the effect is smaller than what matters.",
    Code.SPLIT_BROKEN.value: "Stop, find out why users were not split by the weights, start anew.",
    Code.NO_COMPARISON.value: "Read the reason, and mend it or start a new run.",
    Code.ENDED_WITHOUT_DATA.value: "Plan anew, with more users or more time.",
    Code.SOUND.value: "Trust the setup: variants that are the same do not differ.",
    Code.UNSOUND.value: "Find the cause before you trust another experiment.",
}
"""What to do, by the code of the verdict."""

NAVIGATION = (
    ("", "Overview"),
    ("/new", "New"),
    ("/segments", "Segments"),
    ("/metrics", "Metrics"),
    ("/users", "User"),
    ("/calculator", "Calculator"),
    ("/system", "System"),
)
"""The pages that every page leads to."""

DONE: Mapping[str, str] = {}
"""What a form did, by the word that is in the address of the page after it."""

CHECKS = {
    "fine": "as planned",
    "warning": "look at this",
    "broken": "broken",
    "unknown": "not known",
}


MODES: Mapping[Mode, str] = {
    Mode.PLANNED: "An end is planned. Before it you may look as often as you like: the interval"
    " holds at all looks together. The one look at the end decides with a narrower one.",
    Mode.OPEN: "No end is planned. You may look as often as you like: the interval holds at all"
    " looks together, and decides at any of them.",
    Mode.MOVED: "The planned end was moved after the start. The interval that holds at all looks"
    " together goes on deciding; there is no look at the end any more.",
}
"""How looks share the risk of a false alarm."""

ROLES: Mapping[MetricRole, str] = {
    MetricRole.PRIMARY: "decides",
    MetricRole.GUARDRAIL: "guardrail: must not get worse",
    MetricRole.SECONDARY: "beside: worth a look, decides nothing",
}

DIRECTIONS: Mapping[Direction, str] = {
    Direction.INCREASE: "more is better",
    Direction.DECREASE: "less is better",
}

GUARDED: Mapping[GuardrailState, str] = {
    GuardrailState.HARMED: "harmed: it got worse",
    GuardrailState.SAFE: "safe: it stays within its margin",
    GuardrailState.UNCLEAR: "unclear: not shown to stay within its margin",
}

READINGS: Mapping[str, str] = {
    "better": "good",
    "safe": "good",
    "worse": "bad",
    "harmed": "bad",
}
"""How what an interval says is coloured; the words always stand beside it."""

CHECK_NAMES: Mapping[str, str] = {
    "split": "Split by weights",
    "enough data": "Enough data",
    "full week": "A full week",
    "who reports": "Who reports",
    "foreign events": "Foreign events",
    "weights": "Variants of weight 0",
    "plan": "Changes after the start",
    "A/A": "A/A test",
    "complete": "Counted completely",
    "exact": "Exact counts",
    "data": "Sound sums",
}


def count(value: int) -> str:
    """A whole number with its thousands apart.

    >>> count(1234567)
    '1,234,567'
    """
    return f"{value:,}"


def share(value: Decimal | float | None) -> str:
    """A share as a percentage.

    >>> share(Decimal("0.125")), share(None)
    ('12.5 %', 'no share of its own')
    """
    if value is None:
        return "no share of its own"
    return f"{float(value) * 100:.4g} %"


def measure(value: float | None, is_share: bool = False) -> str:
    """A rate or a mean, "none" without."""
    if value is None:
        return "none"
    return share(value) if is_share else number(value)


def difference(value: float | None, is_share: bool = False) -> str:
    """A difference with its sign: of shares in percentage points."""
    if value is None:
        return "none"
    sign = "+" if value > 0 else ""
    return f"{sign}{value * 100:.3g} pp" if is_share else f"{sign}{number(value)}"


def moment(at: datetime | None) -> Markup | str:
    """A moment in UTC, which a script repeats in the reader's zone."""
    if at is None:
        return "never"
    text = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}">{}</time>').format(at.astimezone(UTC).isoformat(), text)


def day(at: date | None) -> Markup | str:
    """A day (UTC)."""
    if at is None:
        return "no day"
    return Markup('<time datetime="{0}">{0}</time>').format(at.isoformat())


def bars(values: Sequence[int], height: int = 24) -> list[tuple[int, int]]:
    """Tops and heights of the bars of a small chart.

    >>> bars([1, 2, 0], 10)
    [(5, 5), (0, 10), (10, 0)]
    """
    most = max(values, default=0) or 1
    tall = [round(height * max(0, value) / most) for value in values]
    return [(height - each, each) for each in tall]


def link_of(row: OverviewRow) -> str:
    """Where a row of the overview leads, below the dashboard."""
    places = {Kind.DESIGN: "experiment", Kind.FLAG: "flag"}
    return f"{places.get(row.kind, 'feature')}/{row.key}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "count": count,
    "share": share,
    "measure": measure,
    "difference": difference,
    "moment": moment,
    "day": day,
    "bars": bars,
    "link_of": link_of,
    "kind_word": lambda kind: KINDS[kind],
    "phase_word": lambda phase: PHASES[phase],
    "tone": lambda code: TONES.get(code, "neutral"),
    "next_step": lambda code: NEXT.get(code, ""),
    "check_word": lambda state: CHECKS.get(state, state),
    "mode_word": lambda mode: MODES[mode],
    "role_word": lambda role: ROLES[role],
    "direction_word": lambda direction: DIRECTIONS[direction],
    "guarded_word": lambda state: GUARDED[state],
    "reading_tone": lambda reading: READINGS.get(reading, "neutral"),
    "check_name": lambda name: CHECK_NAMES.get(name, name),
    "size": numbers.size,
    "escaped": escape,
}

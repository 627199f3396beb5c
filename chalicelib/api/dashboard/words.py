"""The words and numbers of the pages: everything is called one thing, and has its unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

from markupsafe import Markup, escape

from chalicelib.domain.catalogue.overview import Kind, OverviewRow, Phase
from chalicelib.domain.features.result_plans import Measure, PlannedMetric
from chalicelib.domain.statistics.decision import Code
from chalicelib.domain.statistics.plan import Mode
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

DONE: Mapping[str, str] = {
    "feature-saved": "Saved. Clients see it with their next poll.",
    "feature-started": "It runs: clients see it with their next poll, from its first day on.",
    "feature-paused": "Paused: from their next poll on, clients give it to nobody. All data stay.",
    "feature-ended": "Ended: from their next poll on, clients give it to nobody. All data stay.",
    "feature-ends": "It ends at the next midnight (UTC). Until then all goes on.",
    "feature-deleted": "Deleted. {users} users and {events} events were removed.",
    "feature-variants": "The variants are new. {users} users and {events} events were removed.",
    "feature-planned": "The plan of results is saved.",
    "feature-shipped": "Shipped: the experiment has ended, and this rollout is on for everybody"
    " whose client asks for its name.",
    "feature-cloned": "This is the copy. It is paused: nobody meets it until you start it.",
    "feature-created": "Created, with all its parts.",
}
"""What a form did, by the word that is in the address of the page after it."""

CHECKS = {
    "fine": "as planned",
    "warning": "look at this",
    "broken": "broken",
    "unknown": "not known",
}


def done(query: Mapping[str, str]) -> str:
    """What a form did, with the numbers that are in the address beside the word."""
    numbers = {
        name: count(int(query[name])) if query.get(name, "").isdecimal() else "0"
        for name in ("users", "events")
    }
    return DONE.get(query.get("done", ""), "").format_map(numbers)


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


MEASURES = (
    ("conversion", "share of users with an event"),
    ("mean", "mean per user"),
)
DIRECTIONS = (("increase", "more is good"), ("decrease", "less is good"))
ROLES = (
    ("", "not used"),
    ("primary", "primary: it decides"),
    ("secondary", "secondary: it is described"),
    ("guardrail", "guardrail: it must not get worse"),
)
MISSING = (("left_out", "they do not count"), ("zero", "they count as 0"))
RUNS = (("true", "it runs"), ("false", "it is paused"))
"""Choices of forms: what is sent, and what it means."""

MODES: Mapping[Mode, str] = {
    Mode.PLANNED: "one final look at the planned end, and earlier looks that may decide too",
    Mode.OPEN: "no planned end: an interval that holds at every look",
    Mode.MOVED: "the planned end was moved: an interval that holds at every look",
}


def metric(planned: PlannedMetric) -> str:
    """What a planned metric measures, in words.

    >>> metric(PlannedMetric("revenue")), metric(PlannedMetric(None, Measure.CONVERSION))
    ('mean of “revenue” per user', 'share of users with any event')
    """
    if planned.measure is Measure.CONVERSION:
        named = "any event" if planned.name is None else f"an event “{planned.name}”"
        return f"share of users with {named}"
    return "events per user" if planned.name is None else f"mean of “{planned.name}” per user"


def percent(value: Decimal | None) -> str:
    """A share as the number of per cent that a field holds, with all its digits.

    >>> percent(Decimal("0.125")), percent(Decimal(1)), percent(None)
    ('12.5', '100', '')
    """
    if value is None:
        return ""
    with localcontext(prec=60):
        return format((value * 100).normalize(), "f")


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
    "metric": metric,
    "percent": percent,
    "mode_word": lambda mode: MODES[mode],
    "kind_word": lambda kind: KINDS[kind],
    "phase_word": lambda phase: PHASES[phase],
    "tone": lambda code: TONES.get(code, "neutral"),
    "next_step": lambda code: NEXT.get(code, ""),
    "check_word": lambda state: CHECKS.get(state, state),
    "escaped": escape,
}

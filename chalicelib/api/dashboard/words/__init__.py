"""The words and numbers of the pages: everything is called one thing, and has its unit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.api.dashboard.charts import numbers as chart_numbers
from chalicelib.api.dashboard.designs import words as designs
from chalicelib.api.dashboard.words.numbers import (
    age,
    bars,
    count,
    day,
    moment,
    percent,
    share,
)
from chalicelib.api.dashboard.words.results import (
    CHECK_NAMES,
    CHECKS,
    DIRECTIONS,
    GUARDED,
    METHODS,
    METRIC_ROLES,
    NEXT,
    READINGS,
    TONES,
)
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.overview import (
    PHASE_OF_FLAG,
    PHASE_OF_STATE,
    Kind,
    OverviewRow,
    Phase,
)
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.experiments.metrics import JOINER, MetricType
from chalicelib.domain.features.result_plans import Measure, PlannedMetric
from chalicelib.domain.features.result_plans import MetricRole as MetricRole
from chalicelib.domain.flags.flags import Flag
from chalicelib.domain.statistics.decision import Code as Code
from chalicelib.domain.statistics.plan import Direction as Direction
from chalicelib.domain.statistics.plan import GuardrailState as GuardrailState
from chalicelib.domain.statistics.plan import Mode
from chalicelib.domain.statistics.sentences import number as number

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

SEGMENT_KINDS: Mapping[SegmentType, str] = {
    SegmentType.PUBLIC: "segment",
    SegmentType.PRIVATE: "list",
    SegmentType.GLOBAL_EXCLUDE: "global exclusion",
}

MODES: Mapping[FilterMode, str] = {
    FilterMode.INCLUDE_ALL: "everybody, but for whom a list excludes",
    FilterMode.EXCLUDE_ALL: "nobody, but for whom a list includes",
}
"""Who is in if no list says otherwise."""

METRIC_TYPES: Mapping[MetricType, str] = {
    MetricType.CONTINUOUS: "number",
    MetricType.CATEGORICAL: "category",
}


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
    **designs.DONE,
    "flag-created": "The flag is stored. Who is told of it follows from its state and its lists.",
    "flag-imported": "The flag is imported, with its lists. It is off until you turn it on.",
    "flag-saved": "The flag is saved. Clients see the change with their next request.",
    "flag-on": "The flag is on. Clients that ask from now on are told of it.",
    "flag-off": "The flag is off. Clients that ask from now on are no longer told of it.",
    "flag-archived": "The flag is archived: it is off for everybody, and kept.",
    "flag-deleted": "The flag and its own lists are deleted.",
    "list-added": "The list is added, and counts from the next request of a client.",
    "list-on": "The list is switched on, and counts from the next request of a client.",
    "list-off": "The list is switched off: its members are kept, and it does not count.",
    "list-removed": "The list is taken off. It counts no more.",
    "segment-created": "The segment is stored. It counts where a design, a flag or another "
    "segment uses it.",
    "segment-imported": "The segment is imported, with its members and lists.",
    "segment-saved": "The segment is saved.",
    "segment-deleted": "The segment is deleted.",
    "members-changed": "The members are changed, and count from the next request of a client.",
    "part-added": "The segment inside is added: its members count here too.",
    "part-removed": "The segment inside is taken out.",
    "metrics-saved": "The metrics are stored: what clients log of them from now on is kept where "
    "a design asks for it.",
    "metrics-deleted": "The metrics are deleted. What was logged of them before is kept.",
    "key-revoked": "The key is revoked: within a second or so nobody is let in with it.",
    "feature-saved": "Saved. Clients see it with their next poll.",
    "feature-started": "It runs: clients see it with their next poll, from its first day on.",
    "feature-paused": "Paused: from their next poll on, clients give it to nobody. All data stay.",
    "feature-ended": "Ended: from their next poll on, clients give it to nobody. All data stay.",
    "feature-ends": "It ends at the next midnight (UTC). Until then all goes on.",
    "feature-deleted": "Deleted. {users} users and {events} events were removed.",
    "feature-variants": "The variants are new. {users} users and {events} events were removed.",
    "feature-planned": "The plan of results is saved.",
    "feature-shipped": "Shipped: nobody meets a variant of the experiment any more, and this"
    " rollout is on for everybody whose client asks for its name.",
    "feature-cloned": "This is the copy. It is paused: nobody meets it until you start it.",
    "feature-created": "Created, with all its parts.",
}
"""What a form did, by the word that is in the address of the page after it."""

CALCULATIONS: Mapping[str, str] = {
    "proportions": "Share of users",
    "means": "Mean of users",
    "pairs": "Users under both conditions",
    "groups": "Whole groups",
    "margin": "Guardrail",
}
"""What the calculator can be asked about, by the kind of the question."""

CALCULATOR_FIELDS: Mapping[str, str] = {
    "rate": "Rate of control",
    "sd": "Standard deviation",
    "group_size": "Users in a group",
    "icc": "Likeness inside groups (ICC)",
    "cv": "Unevenness of group sizes (CV)",
    "difference": "Smallest difference that matters",
    "margin": "Most that may be lost",
    "n": "Users of control",
    "users_per_day": "New users a day",
    "mode": "How it ends",
    "power": "Chance to find it",
    "comparisons": "Variants besides control",
    "ratio": "Users of a variant for one of control",
    "guardrails": "Guardrails of the experiment",
}
"""What the fields of the calculator are called."""

ERASED: Mapping[str, tuple[str, str]] = {
    "rows": ("row in Test Lab", "rows in Test Lab"),
    "events": ("event of Test Lab", "events of Test Lab"),
    "enrollments": ("enrollment", "enrollments"),
    "exclusions": ("exclusion", "exclusions"),
    "points": ("first mark at a decision point", "first marks at decision points"),
    "repeats": ("mark within subjects", "marks within subjects"),
    "logs": ("row of logged values", "rows of logged values"),
    "exposures": ("flag that was on", "flags that were on"),
    "lists": ("place on a list", "places on lists"),
    "strata": ("value of a stratification factor", "values of stratification factors"),
    "previews": ("preview user", "preview users"),
    "answers": (
        "answer kept for a request with an idempotency key",
        "answers kept for requests with an idempotency key",
    ),
    "aliases": ("alias", "aliases"),
}
"""What an erasure removes, of one and of several."""

SIZES: Mapping[str, str] = {
    "features": "experiments, rollouts and toggles of Test Lab",
    "variants": "variants of these",
    "designs": "UpGrade designs",
    "flags": "flags",
    "segments": "segments and lists",
    "metrics": "metrics of UpGrade",
}
"""What the catalogue holds, by the names of its sizes."""

ROLES: Mapping[Role, str] = {
    Role.ADMIN: "administrator: everything, and this dashboard",
    Role.CLIENT: "client: what apps call, and nothing else",
}
"""What a key is for."""


NUMBER = re.compile(r"[0-9]{1,12}")


def done(query: Mapping[str, str]) -> str:
    """What a form did, with the numbers that are in the address beside the word."""
    numbers = {
        name: count(int(query[name])) if NUMBER.fullmatch(query.get(name, "")) else "0"
        for name in ("users", "events")
    }
    return DONE.get(query.get("done", ""), "").format_map(numbers)


MEASURES = (
    ("conversion", "share of users with an event"),
    ("mean", "mean per user"),
)
DIRECTION_CHOICES = (("increase", "more is good"), ("decrease", "less is good"))
ROLE_CHOICES = (
    ("", "not used"),
    ("primary", "primary: it decides"),
    ("secondary", "secondary: it is described"),
    ("guardrail", "guardrail: it must not get worse"),
)
COMPARISONS = (
    ("levels", "the levels of each factor"),
    ("conditions", "the conditions, each with the control"),
)
MISSING = (("left_out", "they do not count"), ("zero", "they count as 0"))
RUNS = (("true", "it runs"), ("false", "it is paused"))
"""Choices of forms: what is sent, and what it means."""

LOOKS: Mapping[Mode, str] = {
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


def link_of(row: OverviewRow) -> str:
    """Where a row of the overview leads, below the dashboard."""
    places = {Kind.DESIGN: "experiment", Kind.FLAG: "flag"}
    return f"{places.get(row.kind, 'feature')}/{row.key}"


def how_many(value: int, one: str) -> str:
    """A count with what is counted.

    >>> how_many(1, "user"), how_many(2000, "user"), how_many(2, "query")
    ('1 user', '2,000 users', '2 queries')
    """
    many = f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"
    return f"{count(value)} {one if value == 1 else many}"


def place_of(user: Experiment | Flag | Segment) -> str:
    """Where the page of what uses a segment is, below the dashboard."""
    if isinstance(user, Segment):
        return f"segment/{user.id}"
    return f"{'flag' if isinstance(user, Flag) else 'experiment'}/{user.id}"


def user_word(user: Experiment | Flag | Segment) -> str:
    """What uses a segment."""
    if isinstance(user, Segment):
        return SEGMENT_KINDS[user.type]
    return KINDS[Kind.FLAG if isinstance(user, Flag) else Kind.DESIGN]


def user_phase(user: Experiment | Flag) -> str:
    """Where what has a list is in its life."""
    if isinstance(user, Flag):
        return PHASES[PHASE_OF_FLAG[user.status]]
    return PHASES[PHASE_OF_STATE[user.state]]


FILTERS: Mapping[str, Callable[..., Any]] = {
    "count": count,
    "share": share,
    "moment": moment,
    "day": day,
    "age": age,
    "bars": bars,
    "link_of": link_of,
    "metric": metric,
    "percent": percent,
    "look_word": lambda mode: LOOKS[mode],
    "kind_word": lambda kind: KINDS[kind],
    "phase_word": lambda phase: PHASES[phase],
    "tone": lambda code: TONES.get(code, "neutral"),
    "next_step": lambda code: NEXT.get(code, ""),
    "check_word": lambda state: CHECKS.get(state, state),
    "worded": designs.worded,
    "counted": designs.counted,
    "method_word": lambda mode: METHODS[mode],
    "metric_role_word": lambda role: METRIC_ROLES[role],
    "direction_word": lambda direction: DIRECTIONS[direction],
    "guarded_word": lambda state: GUARDED[state],
    "reading_tone": lambda reading: READINGS.get(reading, "neutral"),
    "check_name": lambda name: CHECK_NAMES.get(name, name),
    "size": chart_numbers.size,
    "how_many": how_many,
    "place_of": place_of,
    "user_word": user_word,
    "user_phase": user_phase,
    "segment_word": lambda kind: SEGMENT_KINDS[kind],
    "mode_word": lambda mode: MODES[mode],
    "metric_word": lambda kind: METRIC_TYPES[kind],
    "metric_name": lambda key: " / ".join(key.split(JOINER)),
}

"""What the codes of UpGrade's designs are called on pages."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "state": {
        "inactive": "draft (inactive)",
        "draft": "draft",
        "scheduled": "scheduled",
        "preview": "preview",
        "enrolling": "running (enrolling)",
        "enrollmentComplete": "ended (enrollment complete)",
        "cancelled": "ended (cancelled)",
        "archived": "archived",
    },
    "unit": {
        "individual": "individual: each user has one condition",
        "group": "group: all users of a group have one condition",
        "within-subjects": "within subjects: each user gets the conditions in turn",
    },
    "rule": {
        "individual": "individual: a user keeps a condition, also in another group",
        "group": "group: users get what their group got",
        "experiment": "experiment: the unit of assignment decides; nobody is excluded for moving",
    },
    "order": {
        "random": "random",
        "random round robin": "random round robin",
        "ordered round robin": "ordered round robin",
    },
    "type": {
        "Simple": "simple: conditions side by side",
        "Factorial": "factorial: conditions combine the levels of factors",
    },
    "algorithm": {
        "random": "random, by the weights",
        "stratified random sampling": "random, evened out in each stratum",
        "ts_configurable": "adaptive (not enabled here)",
    },
    "post_rule": {
        "continue": "continue: who takes part keeps the condition, nobody else gets one",
        "assign": "assign: who takes part gets one condition",
        "revert": "revert: as continue, in UpGrade's words of before",
    },
    "filter_mode": {
        "includeAll": "everybody but the excluded lists",
        "excludeAll": "nobody but the included lists",
    },
    "operation": {
        "sum": "sum",
        "count": "count",
        "min": "minimum",
        "max": "maximum",
        "avg": "mean",
        "mode": "mode",
        "median": "median",
        "stddev": "standard deviation",
        "percentage": "percentage",
    },
    "measure": {
        "MEAN": "the mean of a user's values",
        "EARLIEST": "a user's first value",
        "MOST RECENT": "a user's last value",
        "COUNT": "how often a user logged it",
        "PERCENTAGE": "the share of a user's values",
    },
    "step": {
        "basics": "Basics",
        "factors": "Factors",
        "conditions": "Conditions",
        "points": "Decision points",
        "payloads": "Payloads",
        "metrics": "Metrics",
        "audience": "Audience",
        "schedule": "Start and end",
        "review": "Review",
    },
    "first_state": {
        "inactive": "keep it as a draft: nobody gets anything yet",
        "scheduled": "schedule it: it starts to enroll at its start",
        "preview": "preview: preview users only",
        "enrolling": "start to enroll at once",
    },
}
"""Words by what they are words of, and by code."""

DONE: Mapping[str, str] = {
    "design-created": "The design was created.",
    "design-imported": "The design was imported, with its lists.",
    "design-saved": "The design was saved. Clients get the change with their next call.",
    "design-copied": "This is the copy: a draft with the same parts and lists, and no users.",
    "design-deleted": "The design was deleted; its users get nothing from it any more.",
    "design-shipped": "Enrollment is complete. All who took part get the winner from now on.",
    "design-inactive": "The design is a draft again: nobody gets anything from it.",
    "design-scheduled": "The design is scheduled, and starts by itself.",
    "design-preview": "The design is in preview: preview users get conditions, nobody else does.",
    "design-enrolling": "The design enrolls: who reaches a decision point gets a condition now.",
    "design-enrollmentComplete": "Enrollment has stopped: nobody new takes part.",
    "design-cancelled": "The design is cancelled: nobody gets anything from it. Its data are kept.",
    "design-archived": "The design is archived; the results of its queries are kept as they are.",
    "design-planned": "The plan of results was saved.",
    "list-added": "The list was added, and decides from now on.",
    "list-removed": "The list was taken off.",
}
"""What the forms of designs did."""

QUERY_ROLES = (
    ("", "by default"),
    ("primary", "primary: it decides"),
    ("secondary", "secondary: it is described"),
    ("guardrail", "guardrail: it must not get worse"),
)
COMPARED = (
    ("levels", "the levels of each factor: main effects"),
    ("conditions", "the conditions, each with the control"),
)
"""Choices of the plan of results: what is sent, and what it means."""


def worded(code: str | None, kind: str) -> str:
    """What a code is called; itself where there is no word for it.

    >>> worded("sum", "operation"), worded(None, "rule"), worded("new", "rule")
    ('sum', 'none', 'new')
    """
    return "none" if code is None else WORDS[kind].get(code, str(code))


def counted(number: int, word: str) -> str:
    """A number of what a word stands for.

    >>> counted(1, "user"), counted(1200, "user")
    ('1 user', '1,200 users')
    """
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"

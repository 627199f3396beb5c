"""The words of results: what verdicts, checks and roles are called."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.features.result_plans import MetricRole
from chalicelib.domain.statistics.decision import Code
from chalicelib.domain.statistics.plan import Direction, GuardrailState, Mode

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


CHECKS = {
    "fine": "as planned",
    "warning": "look at this",
    "broken": "broken",
    "unknown": "not known",
}


METHODS: Mapping[Mode, str] = {
    Mode.PLANNED: "An end is planned. Before it you may look as often as you like: the interval"
    " holds at all looks together. The one look at the end decides with a narrower one.",
    Mode.OPEN: "No end is planned. You may look as often as you like: the interval holds at all"
    " looks together, and decides at any of them.",
    Mode.MOVED: "The planned end was moved after the start. The interval that holds at all looks"
    " together goes on deciding; there is no look at the end any more.",
}
"""How looks share the risk of a false alarm."""


METRIC_ROLES: Mapping[MetricRole, str] = {
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

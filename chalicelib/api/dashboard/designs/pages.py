"""What the pages of designs show: one that is there, and one that is being drafted."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.api.dashboard.designs.bodies import (
    checked,
    combinations,
    conditions_of,
    new_design,
    number,
    payload_rows,
)
from chalicelib.api.dashboard.designs.editing import (
    check_metrics,
    design_json,
    form_of,
    payload_rows_of,
)
from chalicelib.api.dashboard.designs.fields import (
    INDIVIDUALS,
    SEGMENTS,
    ConditionField,
    DesignDraft,
    DesignForm,
    EditForm,
    FactorField,
    ListField,
    PointField,
    QueryField,
    padded,
    typed_form,
)
from chalicelib.api.dashboard.designs.new_plans import duration_of, new_plan
from chalicelib.api.dashboard.planning.plan_form import (
    CHOICES,
    METRIC_FIELDS,
    METRICS,
    metric_rows,
)
from chalicelib.api.dashboard.serving.drafts import LONGEST, OUTGROWN, outgrown
from chalicelib.api.dashboard.serving.field_faults import faults_at_fields
from chalicelib.api.dashboard.serving.page import Page
from chalicelib.api.dashboard.serving.rows import typed_rows
from chalicelib.api.dashboard.words import DIRECTION_CHOICES
from chalicelib.api.upgrade.experiments.designs.experiment_models import ExperimentBody, PayloadType
from chalicelib.api.upgrade.experiments.designs.metric_models import metric_records
from chalicelib.api.upgrade.experiments.experiments import draft_of
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.errors import SwitchyardError
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    ConditionOrder,
    ConsistencyRule,
    DesignType,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.experiments.lifecycle import check_begins
from chalicelib.domain.experiments.metrics import Metric, Operation, RepeatedMeasure
from chalicelib.domain.outcomes.plans import metrics_of
from chalicelib.services.catalogue.designs import Choices, ShownDesign
from chalicelib.services.catalogue.imports import ExperimentDraft

STEPS: Mapping[str, frozenset[str]] = {
    "basics": frozenset(
        {"name", "description", "tags", "context", "unit", "group", "rule", "order"}
        | {"type", "algorithm", "stratification"}
    ),
    "factors": frozenset({"factors"}),
    "conditions": frozenset({"conditions"}),
    "points": frozenset({"points"}),
    "payloads": frozenset({"payloads", "payloads_json"}),
    "metrics": frozenset(
        {"queries", "direction", "smallest_effect", "expected_mean", "expected_spread"}
        | {"users_per_day"}
    ),
    "audience": frozenset({"filter_mode", "lists"}),
    "schedule": frozenset({"state", "start", "end", "users", "groups", "post_rule", "revert_to"}),
    "review": frozenset(),
}
"""The steps of a draft, and the fields that each of them shows."""

NOTHING: Mapping[str, str] = {}

TELLING_HOW_LONG = frozenset({"metrics", "review"})
"""The steps that say how long a design takes."""

PAYLOAD_CELLS = 60
"""Payloads that a step of a draft shows one by one."""

CODES: Mapping[str, Any] = {
    "units": [*Unit],
    "rules": [*ConsistencyRule],
    "orders_of_conditions": [*ConditionOrder],
    "types": [*DesignType],
    "algorithms": [Algorithm.RANDOM, Algorithm.STRATIFIED],
    "post_rules": [*PostRule],
    "filter_modes": [*FilterMode],
    "operations": [*Operation],
    "measures": [*RepeatedMeasure],
    "payload_types": [*PayloadType],
    "first_states": [State.INACTIVE, State.SCHEDULED, State.PREVIEW, State.ENROLLING],
    "individuals": INDIVIDUALS,
    "segments_kind": SEGMENTS,
}
"""What can be chosen, for the fields of forms."""


FORM_WORDS: Mapping[str, str] = {
    "conditionCode": "code",
    "assignmentWeight": "weight",
    "partitions": "points",
    "conditionPayloads": "payloads",
    "repeatedMeasure": "measure",
    "filterMode": "filter_mode",
    "assignmentUnit": "unit",
    "consistencyRule": "rule",
    "conditionOrder": "order",
    "stratificationFactor": "stratification",
    "postExperimentRule": "post_rule",
    "startOn": "start",
    "endOn": "end",
    "revertTo": "revert_to",
    "userIds": "members",
    "enrollmentCompleteCondition": "",
    "userCount": "users",
    "groupCount": "groups",
    "experimentSegmentInclusion": "lists",
    "experimentSegmentExclusion": "lists",
}
"""What the form calls fields of the API's body."""


def draft_from(
    form: DesignForm, contexts: Collection[str], metrics: Sequence[Metric]
) -> ExperimentDraft:
    """The design that a form describes, as the API would create it.

    Raises:
        Invalid: with the API's own words, if it would not.
    """
    body = checked(ExperimentBody, new_design(form))
    check_metrics(metrics, body)
    made = draft_of(body, contexts, metric_records(metrics))
    check_begins(made.design)
    return replace(made, plan=new_plan(form, made.design))


def draft_page(
    choices: Choices, draft: DesignDraft, wrong: str = "", imported: Mapping[str, str] = NOTHING
) -> Page:
    """A step of a draft; if the API would refuse that, the one with the fault before the review."""
    steps = [
        step for step in STEPS if step != "factors" or draft.type == DesignType.FACTORIAL.value
    ]
    step = draft.step if draft.step in steps else steps[0]
    if step == "conditions" and "factors" in steps and not draft.factors:
        # The page before did not know yet that the design is factorial.
        step = "factors"
    problem = outgrown(dict(draft.typed_fields()))
    faults: Mapping[str, str] = {}
    if step == "review" and not problem:
        problem, faults = _problem(choices, draft)
        named = {name.partition(".")[0] for name in faults}
        step = next((each for each in steps if named & STEPS[each]), step)
    wrong = problem or wrong
    place = steps.index(step)
    conditions = conditions_of(draft)
    payloads = payload_rows(draft)
    shown = {
        "draft": draft,
        "step": step,
        "steps": steps,
        "before": steps[place - 1] if place else None,
        "after": steps[place + 1] if place + 1 < len(steps) else None,
        "hidden": [
            (name, value)
            for name, value in draft.typed_fields()
            if name.partition(".")[0] not in {*STEPS[step], "step"}
        ],
        "factors": padded(draft.factors, FactorField(), 2),
        "combinations": combinations(draft.factors),
        "conditions": conditions,
        "condition_rows": conditions
        if draft.type == DesignType.FACTORIAL
        else padded(draft.conditions, ConditionField(), 2),
        "weights": _total(conditions),
        "point_rows": padded(draft.points, PointField(), 2),
        "payload_rows": payloads if len(payloads) <= PAYLOAD_CELLS else [],
        "query_rows": padded(draft.queries, QueryField(), 1),
        "list_rows": padded(draft.lists, ListField(), 1),
        "choices": choices,
        "duration": duration_of(draft, conditions, choices.traffic.get(draft.context)),
        "directions": DIRECTION_CHOICES,
        "kinds_of_lists": kinds_of_lists(choices, draft.context),
        "code_of": lambda row: row.condition,
        "place_of": lambda row: row.point,
        "wrong": wrong,
        "longest": LONGEST,
        "outgrown": OUTGROWN,
        "imported": imported,
        **CODES,
    }
    return Page("design_new.html", shown, faults=faults)


def kinds_of_lists(choices: Choices, context: str) -> list[str]:
    """What lists of a context can be lists of."""
    types = next(
        (types for name, types in choices.group_types.items() if name.lower() == context.lower()),
        (),
    )
    return [INDIVIDUALS, SEGMENTS, *types]


def _problem(choices: Choices, draft: DesignDraft) -> tuple[str, Mapping[str, str]]:
    """What the API would refuse of a draft, and at which fields."""
    try:
        draft_from(draft, choices.contexts, choices.metrics)
    except SwitchyardError as error:
        return str(error), faults_at_fields(error, {}, FORM_WORDS)
    return "", {}


def _total(conditions: list[ConditionField]) -> str:
    """The sum of some weights, as far as they are numbers."""
    try:
        return f"{sum(number(row.weight or '0') for row in conditions):f} of 100"
    except TypeError:
        return "not all are numbers"


def design_page(
    shown: ShownDesign, typed: Mapping[str, str] | None = None, wrong: str = ""
) -> Page:
    """A design, with the forms that change it; what was `typed` is kept."""
    typed = typed or {}
    design = shown.design
    form = form_of(design)
    edits = "version" in typed and "json_text" not in typed
    if edits:
        form = typed_form(EditForm, {**typed, "version": str(design.version)})
    values = {
        "shown": shown,
        "design": design,
        "form": form,
        "edits": edits,
        "typed": typed,
        "condition_rows": form.conditions
        if design.type is DesignType.FACTORIAL
        else padded(form.conditions, ConditionField(), 0),
        "weights": _total(list(form.conditions)),
        "point_rows": padded(form.points, PointField(), 0),
        "payload_rows": payload_rows_of(form, design),
        "query_rows": padded(form.queries, QueryField(), 0),
        "design_json": typed.get("json_text") or _indented(design_json(design)),
        "choices": shown.choices,
        "kinds_of_lists": kinds_of_lists(shown.choices, design.context),
        "queries": form_of(design).queries,
        "code_of": lambda row: shown.code(row.condition),
        "place_of": lambda row: shown.place(row.point),
        "wrong": wrong,
        **_plan(shown, typed),
        **CODES,
    }
    words = None if values["plans"] else FORM_WORDS
    return Page("experiment_design.html", values, words=words)


def _plan(shown: ShownDesign, typed: Mapping[str, str]) -> dict[str, Any]:
    """The form of the plan of results, with a row for each query."""
    plans = any(name.startswith("plan.") for name in typed)
    planned = metric_rows(metrics_of(shown.plan, shown.design))

    def was(name: str, default: object = "") -> str:
        return typed.get(name, "") if plans else str(default)

    return {
        "plans": plans,
        "was_planned": was,
        "metric_rows": typed_rows(typed, METRICS, METRIC_FIELDS) if plans else planned,
        **CHOICES,
    }


def _indented(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, indent=2)

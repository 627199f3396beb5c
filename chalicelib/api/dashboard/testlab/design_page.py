"""What the page of a feature's design shows: the feature, and forms with what was typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from chalicelib.api.dashboard import words
from chalicelib.api.dashboard.planning.plan_form import CHOICES, METRIC_FIELDS, METRICS, metric_rows
from chalicelib.api.dashboard.serving.page import Elsewhere, Page
from chalicelib.api.dashboard.serving.rows import Row, typed_rows, with_room
from chalicelib.api.dashboard.testlab.forms import TAG
from chalicelib.api.dashboard.words import numbers
from chalicelib.domain.catalogue.testlab.designs import FeatureDesign
from chalicelib.domain.catalogue.testlab.steps import Taken
from chalicelib.domain.errors import NotFound
from chalicelib.domain.features.features import VARIANTS_PER_FEATURE
from chalicelib.domain.features.result_plans import METRICS_PER_FEATURE, ResultPlan

VARIANT_FIELDS = ("value", "weight")
NO_FORM: Mapping[str, str] = {}


def number_of(feature_id: str) -> int:
    """The id of a feature as it came in a path.

    Raises:
        NotFound: if it is none.
    """
    if not re.fullmatch(r"[0-9]{1,10}", feature_id):
        raise NotFound("there is no such feature")
    return int(feature_id)


def page_of(
    design: FeatureDesign, typed: Mapping[str, str] = NO_FORM, wrong: str | None = None
) -> Page:
    """The page; of a form that was refused with what was typed, and what is wrong with it."""
    refused = typed.get("do", "") if wrong else ""
    plan = design.feature.plan or ResultPlan()
    rows = typed_rows(typed, "variants", VARIANT_FIELDS) if refused == "variants" else None
    metrics = typed_rows(typed, METRICS, METRIC_FIELDS) if refused == "plan" else None
    was = _was(refused, typed)
    shown: dict[str, Any] = {
        "design": design,
        "feature": design.feature,
        "plan": plan,
        "refused": refused,
        "was": was,
        "was_planned": partial(was, "plan"),
        "wrong": None if wrong is None else wrong.replace(f"{TAG}{refused}.", ""),
        "variant_rows": with_room(
            _variants(design) if rows is None else rows, VARIANT_FIELDS, 2, VARIANTS_PER_FEATURE
        ),
        "metric_rows": with_room(
            metric_rows(plan.metrics) if metrics is None else metrics,
            METRIC_FIELDS,
            2,
            2 * METRICS_PER_FEATURE,
        ),
        "control": typed.get("control", "") if refused == "variants" else _control(design),
        "runs": words.RUNS,
        **CHOICES,
    }
    return Page("feature_design.html", shown)


def after(taken: Taken) -> Elsewhere:
    """Where a step leads: the page of the feature that there is then, with what was done."""
    told = {"done": f"feature-{taken.word}"}
    if taken.word in ("deleted", "variants"):
        told |= {"users": str(taken.users), "events": str(taken.events)}
    place = "" if taken.feature_id is None else f"/feature/{taken.feature_id}/design"
    return Elsewhere(f"{place}?{urlencode(told)}")


def _was(refused: str, typed: Mapping[str, str]) -> Callable[..., str]:
    """Tells what a field of a form holds: what was typed into it if that was refused."""

    def was(form: str, name: str, default: object = "") -> str:
        return typed.get(name, "") if form == refused else str(default)

    return was


def _variants(design: FeatureDesign) -> list[Row]:
    return [
        {"value": each.value, "weight": numbers.percent(each.weight), "place": str(place)}
        for place, each in enumerate(design.feature.variants)
    ]


def _control(design: FeatureDesign) -> str:
    places = [place for place, each in enumerate(design.feature.variants) if each.is_control]
    return str(places[0]) if places else "0"

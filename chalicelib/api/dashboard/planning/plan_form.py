"""The form of a plan of results, of the experiments of either API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import model_validator

from chalicelib.api.dashboard import words
from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.serving.rows import Row
from chalicelib.api.results.plan_models import PlanBody
from chalicelib.api.testlab.fields import Boolean, Text
from chalicelib.domain.features.result_plans import PlannedMetric

METRICS = "plan.metrics"
METRIC_FIELDS = ("name", "measure", "direction", "role", "cap", "margin")
CHOICES: Mapping[str, Any] = {
    "measures": words.MEASURES,
    "directions": words.DIRECTION_CHOICES,
    "roles": words.ROLE_CHOICES,
    "missing": words.MISSING,
    "comparisons": words.COMPARISONS,
}
"""What can be chosen in the form."""


class TypedPlan(PlanBody):
    """A plan as it is typed: metrics without a role are not used."""

    is_aa: Boolean = False

    @model_validator(mode="before")
    @classmethod
    def _with_roles(cls, fields: Any) -> Any:
        rows = fields.get("metrics", []) if isinstance(fields, dict) else None
        if not isinstance(rows, list):
            return fields
        used = [row for row in rows if not isinstance(row, dict) or "role" in row]
        return {**fields, "metrics": used}


class PlanForm(Form):
    """A plan of results; `plan_seen` is the tag of the one that the form showed."""

    plan: TypedPlan = TypedPlan()
    plan_seen: Text = ""


def metric_rows(metrics: Iterable[PlannedMetric]) -> list[Row]:
    """The metrics of a plan as the form holds them."""
    return [
        {
            "name": each.name or "",
            "measure": each.measure.value,
            "direction": each.direction.value,
            "role": each.role.value,
            "cap": "" if each.cap is None else f"{each.cap:f}",
            "margin": "" if each.margin is None else f"{each.margin:f}",
            "place": str(place),
        }
        for place, each in enumerate(metrics)
    ]

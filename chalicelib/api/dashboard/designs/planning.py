"""The plan of a design's results: the form that changes it, and what that shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.api.dashboard import words
from chalicelib.api.dashboard.designs.words import COMPARED, QUERY_ROLES
from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.testlab.fields import Row
from chalicelib.api.dashboard.testlab.forms import TypedPlan
from chalicelib.domain.features.result_plans import ResultPlan
from chalicelib.services.catalogue.designs import ShownDesign

PLAN = "plan."
"""What the names of the form's fields begin with."""


class PlanForm(Form):
    """The plan as it is typed; queries without a role are left to the defaults."""

    plan: TypedPlan = TypedPlan()


def plan_values(shown: ShownDesign, typed: Mapping[str, str]) -> dict[str, Any]:
    """What the form shows: the plan that is stored, or what was typed into a refused one."""
    is_typed = any(name.startswith(PLAN) for name in typed)
    return {
        "planned": shown.feature.plan or ResultPlan(),
        "plans": is_typed,
        "was": _was(typed if is_typed else None),
        "metric_rows": list(_rows(shown, typed if is_typed else {})),
        "directions": words.DIRECTION_CHOICES,
        "roles": QUERY_ROLES,
        "missing": words.MISSING,
        "compared": COMPARED if shown.design.factors else (),
    }


def _was(typed: Mapping[str, str] | None) -> Callable[..., str]:
    """Tells what a field holds: what was typed into it, or else what is stored."""

    def was(_: str, name: str, stored: object = "") -> str:
        return str(stored) if typed is None else typed.get(name, "")

    return was


def _rows(shown: ShownDesign, typed: Mapping[str, str]) -> Iterator[Row]:
    """A row for each query."""
    names = {str(each.get("id")): str(each.get("name")) for each in shown.design.queries}
    planned = {each.name: each for each in (shown.feature.plan or ResultPlan()).metrics}
    for place, query in enumerate(shown.design.metric_queries()):
        own = planned.get(query.id)
        row = {"direction": "", "role": "", "cap": "", "margin": ""}
        if own is not None:
            row |= {"direction": own.direction.value, "role": own.role.value}
            row |= {
                name: f"{value:f}"
                for name, value in (("cap", own.cap), ("margin", own.margin))
                if value is not None
            }
        row |= {
            name: typed[field] for name in row if (field := f"plan.metrics.{place}.{name}") in typed
        }
        yield {**row, "id": query.id, "query": names[query.id], "place": str(place)}

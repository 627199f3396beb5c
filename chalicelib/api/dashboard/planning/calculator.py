"""The calculator before a start: /dashboard/calculator. What is asked stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from chalicelib.api.dashboard.serving.page import Page
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.api.dashboard.words import CALCULATIONS, CALCULATOR_FIELDS
from chalicelib.api.protocol.problems import brief, faults
from chalicelib.api.results.calculator_models import (
    Calculation,
    EffectAnswer,
    GroupsBody,
    MarginBody,
    MeansBody,
    PairsBody,
    ProportionsBody,
    SizeAnswer,
)
from chalicelib.domain.errors import Invalid

BODIES: Mapping[str, type[Calculation]] = {
    "proportions": ProportionsBody,
    "means": MeansBody,
    "pairs": PairsBody,
    "groups": GroupsBody,
    "margin": MarginBody,
}
SETTINGS = frozenset({"mode", "power", "ratio", "comparisons", "cv", "guardrails"})
"""Fields that have a value from the start: they alone ask nothing."""

routes = PageRoutes(__name__)


@routes.page("/dashboard/calculator")
def show_calculator(query: dict[str, str]) -> Page:
    """How many users an effect needs, or which effect some users find."""
    return Page("calculator.html", calculated(query))


def calculated(query: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows: what was typed, and its answer or what is wrong with it."""
    kind = query.get("kind", "")
    if kind not in BODIES:
        kind = "proportions"
    taken = BODIES[kind].model_fields.keys() - {"kind"}
    asked = {name: plain(query[name]) for name in taken if query.get(name, "").strip()}
    answer, wrong = _answered(kind, asked) if asked.keys() - SETTINGS else (None, "")
    return {
        "kind": kind,
        "kinds_of_questions": CALCULATIONS,
        "taken": taken,
        "typed": {name: query.get(name, "") for name in taken},
        "labels": labels(kind),
        "answer": answer,
        "wrong": wrong,
    }


def labels(kind: str) -> dict[str, str]:
    """What the fields are called."""
    return {**CALCULATOR_FIELDS, **({"n": "Groups of control"} if kind == "groups" else {})}


def plain(text: str) -> str:
    """A number as models take it: a percentage as a share.

    >>> plain("2.5 %"), plain(" 0.1 "), plain("many %")
    ('0.025', '0.1', 'many %')
    """
    text = text.strip()
    if not text.endswith("%"):
        return text
    try:
        return str(Decimal(text[:-1].strip()) / 100)
    except ArithmeticError:
        return text


def _answered(kind: str, asked: Mapping[str, str]) -> tuple[SizeAnswer | EffectAnswer | None, str]:
    """The answer, or what is wrong."""
    named, effect = labels(kind), "margin" if kind == "margin" else "difference"
    if (effect in asked) == ("n" in asked):
        return None, f"Fill in either “{named[effect]}” or “{named['n']}”, not both."
    try:
        return BODIES[kind].model_validate({"kind": kind, **asked}).answer(), ""
    except ValidationError as error:
        reason = faults(error, "what is asked")
    except Invalid as error:
        reason = str(error)
    return None, brief("; ".join(_labelled(each, named) for each in reason.split("; ")))


def _labelled(fault: str, named: Mapping[str, str]) -> str:
    """A fault by what its field is called."""
    name, colon, rest = fault.partition(": ")
    return f"{named.get(name, name)}{colon}{rest}"

"""The calculator: /api/results/plan."""

from __future__ import annotations

from chalicelib.api.http.routes import Routes
from chalicelib.api.results.calculator_models import CalculatorBody, EffectAnswer, SizeAnswer
from chalicelib.api.results.dialect import DIALECT

routes = Routes(__name__, DIALECT)


@routes.endpoint("/api/results/plan", "POST")
def calculate(body: CalculatorBody) -> SizeAnswer | EffectAnswer:
    """The units that an effect needs, or the effect that some units find."""
    return body.answer()

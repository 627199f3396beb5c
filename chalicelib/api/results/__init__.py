"""Results and plans of experiments of both APIs: routes of our own, which refuse unknown fields."""

from __future__ import annotations

from chalicelib.api.http.routes import Routes
from chalicelib.api.results import calculator, plans, result_rows, results

ROUTES: tuple[Routes, ...] = (
    results.routes,
    result_rows.routes,
    plans.routes,
    calculator.routes,
)

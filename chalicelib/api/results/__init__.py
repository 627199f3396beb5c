"""Plans and results of experiments of both APIs: routes of our own, which refuse unknown fields."""

from __future__ import annotations

from chalicelib.api.http.routes import Routes
from chalicelib.api.results import calculator, plans

ROUTES: tuple[Routes, ...] = (plans.routes, calculator.routes)

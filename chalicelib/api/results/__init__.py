"""Results of experiments of both kinds, and their plans."""

from __future__ import annotations

from chalicelib.api.http.routes import Routes
from chalicelib.api.results import results

ROUTES: tuple[Routes, ...] = (results.routes,)
"""All resources of results."""

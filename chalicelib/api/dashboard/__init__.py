"""Pages for people who run experiments, over the same services as the APIs: /dashboard."""

from __future__ import annotations

import functools

from chalicelib.api.http.routes import Route


@functools.cache
def pages() -> tuple[Route, ...]:
    """The routes of all pages and forms, loaded with the first call."""
    from chalicelib.api.dashboard import (
        experiments,
        features,
        flags,
        metrics,
        overview,
        results,
        segments,
        sign_in,
        system,
        users,
    )
    from chalicelib.api.dashboard.planning import calculator
    from chalicelib.api.dashboard.serving import assets

    modules = (
        assets,
        sign_in,
        overview,
        experiments,
        flags,
        segments,
        metrics,
        calculator,
        users,
        system,
        features,
        results,
    )
    return tuple(route for module in modules for route in module.routes.declared)

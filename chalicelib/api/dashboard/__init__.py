"""Pages for people who run experiments, over the same services as the APIs: /dashboard."""

from __future__ import annotations

from chalicelib.api.dashboard import (
    calculator,
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
from chalicelib.api.dashboard.serving import assets
from chalicelib.api.http.routes import Routes

PAGES: tuple[Routes, ...] = (
    assets.routes,
    sign_in.routes,
    overview.routes,
    experiments.routes,
    flags.routes,
    segments.routes,
    metrics.routes,
    calculator.routes,
    users.routes,
    system.routes,
    features.routes,
    results.routes,
)

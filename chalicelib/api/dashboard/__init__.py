"""Pages for people who run experiments, over the same services as the APIs: /dashboard."""

from __future__ import annotations

from chalicelib.api.dashboard import overview, results, sign_in
from chalicelib.api.dashboard.serving import assets
from chalicelib.api.http.routes import Routes

PAGES: tuple[Routes, ...] = (
    assets.routes,
    sign_in.routes,
    overview.routes,
    results.routes,
)

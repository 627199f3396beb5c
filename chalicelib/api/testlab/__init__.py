"""The Test Lab API."""

from __future__ import annotations

from chalicelib.api.http.routes import Routes
from chalicelib.api.testlab import analysis, events, features, user_blocks, users, variants

ROUTES: tuple[Routes, ...] = (
    features.routes,
    variants.routes,
    events.routes,
    analysis.routes,
    users.routes,
    user_blocks.routes,
)

"""The Test Lab API."""

from __future__ import annotations

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.testlab import analysis, events, features, user_blocks, users, variants

BLUEPRINTS: tuple[ApiBlueprint, ...] = (
    features.blueprint,
    variants.blueprint,
    events.blueprint,
    analysis.blueprint,
    users.blueprint,
    user_blocks.blueprint,
)

"""The UpGrade API."""

from __future__ import annotations

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.upgrade import demo

BLUEPRINTS: tuple[ApiBlueprint, ...] = (demo.blueprint,)

"""The UpGrade API."""

from __future__ import annotations

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.upgrade import demo, experiments, participation, segments, study_setup, users

BLUEPRINTS: tuple[ApiBlueprint, ...] = (
    users.blueprint,
    participation.blueprint,
    experiments.blueprint,
    segments.blueprint,
    study_setup.blueprint,
    demo.blueprint,
)

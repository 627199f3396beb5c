"""The UpGrade API."""

from __future__ import annotations

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.upgrade import (
    batch_assignment,
    check,
    demo,
    experiments,
    feature_flags,
    flags,
    logs,
    metrics,
    participation,
    rewards,
    segments,
    statistics,
    study_setup,
    users,
)

BLUEPRINTS: tuple[ApiBlueprint, ...] = (
    users.blueprint,
    participation.blueprint,
    feature_flags.blueprint,
    logs.blueprint,
    rewards.blueprint,
    experiments.blueprint,
    flags.blueprint,
    segments.blueprint,
    metrics.blueprint,
    statistics.blueprint,
    check.blueprint,
    batch_assignment.blueprint,
    study_setup.blueprint,
    demo.blueprint,
)

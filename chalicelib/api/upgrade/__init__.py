"""The UpGrade API."""

from __future__ import annotations

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.upgrade import (
    batch_assignment,
    demo,
    experiment_status,
    experiments,
    feature_flags,
    flags,
    logs,
    metrics,
    participation,
    rewards,
    segments,
    service_info,
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
    experiment_status.blueprint,
    flags.blueprint,
    segments.blueprint,
    metrics.blueprint,
    batch_assignment.blueprint,
    study_setup.blueprint,
    service_info.blueprint,
    demo.blueprint,
)

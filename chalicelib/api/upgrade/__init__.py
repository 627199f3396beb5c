"""The UpGrade API."""

from __future__ import annotations

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.upgrade import (
    batch_assignment,
    demo,
    experiment_files,
    experiments,
    feature_flags,
    flag_files,
    flags,
    logs,
    metrics,
    participation,
    rewards,
    segment_files,
    segments,
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
    experiment_files.blueprint,
    flags.blueprint,
    flag_files.blueprint,
    segments.blueprint,
    segment_files.blueprint,
    metrics.blueprint,
    batch_assignment.blueprint,
    study_setup.blueprint,
    demo.blueprint,
)

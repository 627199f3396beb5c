"""The UpGrade API."""

from __future__ import annotations

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.upgrade import (
    batch_assignment,
    check,
    demo,
    experiment_files,
    experiment_lists,
    experiments,
    feature_flags,
    flag_files,
    flags,
    logs,
    metrics,
    participation,
    preview_users,
    rewards,
    segment_files,
    segments,
    service_info,
    statistics,
    stratification,
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
    experiment_lists.blueprint,
    experiment_files.blueprint,
    flags.blueprint,
    flag_files.blueprint,
    segments.blueprint,
    segment_files.blueprint,
    metrics.blueprint,
    statistics.blueprint,
    check.blueprint,
    batch_assignment.blueprint,
    preview_users.blueprint,
    stratification.blueprint,
    study_setup.blueprint,
    service_info.blueprint,
    demo.blueprint,
)

"""The UpGrade API."""

from __future__ import annotations

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.upgrade.audiences import segment_files, segments
from chalicelib.api.upgrade.catalogue import check, demo, service_info, study_setup
from chalicelib.api.upgrade.experiments import (
    batch_assignment,
    experiment_files,
    experiment_lists,
    experiments,
    participation,
)
from chalicelib.api.upgrade.flags import feature_flags, flag_files, flags
from chalicelib.api.upgrade.outcomes import logs, metrics, rewards, statistics
from chalicelib.api.upgrade.participants import preview_users, stratification, users

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

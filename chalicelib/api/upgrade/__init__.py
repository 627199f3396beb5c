"""The UpGrade API."""

from __future__ import annotations

from chalicelib.api.http.routes import Routes
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

ROUTES: tuple[Routes, ...] = (
    users.routes,
    participation.routes,
    feature_flags.routes,
    logs.routes,
    rewards.routes,
    experiments.routes,
    experiment_lists.routes,
    experiment_files.routes,
    flags.routes,
    flag_files.routes,
    segments.routes,
    segment_files.routes,
    metrics.routes,
    statistics.routes,
    check.routes,
    batch_assignment.routes,
    preview_users.routes,
    stratification.routes,
    study_setup.routes,
    service_info.routes,
    demo.routes,
)

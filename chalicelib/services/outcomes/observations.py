"""What is read of users for the analysis of what they logged: linear in those who logged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.experiments.experiments import Experiment, Unit
from chalicelib.domain.outcomes.metric_results import (
    Logged,
    Met,
    met_by_enrollments,
    met_by_repeats,
)
from chalicelib.domain.outcomes.query_sums import Places, places
from chalicelib.services.outcomes.ports import LogStore, UserEnrollmentStore


@dataclass(frozen=True, slots=True)
class Part:
    """How users take part in an experiment: the conditions by user id, and the strata and groups.

    Within subjects there are no strata and groups.
    """

    met: Mapping[str, Met]
    places: Places = field(default_factory=dict)


def read_logged(logs: LogStore, metric_key: str) -> list[Logged]:
    """All that was logged of a metric."""
    return [
        Logged(log_record.user_id, log_record.key.uniquifier, row, value)
        for log_records in logs.of_metric(metric_key)
        for log_record in log_records
        for row, value in log_record.values(metric_key)
    ]


def read_part(
    store: UserEnrollmentStore,
    feature_id: int,
    experiment: Experiment,
    users: Collection[str],
    reweighted_at: Sequence[datetime] = (),
) -> Part:
    """How those of some users take part who do; strata are told apart by changes of weights."""
    if experiment.unit is Unit.WITHIN_SUBJECTS:
        repeats = store.repeats(feature_id, users)
        return Part({user_id: met_by_repeats(own) for user_id, own in repeats.items()})
    point_keys = {point.point_key for point in experiment.points}
    enrollments = store.enrollments(feature_id, point_keys, users)
    met = {user_id: met_by_enrollments(own) for user_id, own in enrollments.items()}
    by_group = experiment.unit is Unit.GROUP
    return Part(met, places(enrollments, reweighted_at, by_group=by_group))

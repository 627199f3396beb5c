"""What is read of users for the analysis of what they logged: linear in those who logged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.experiments.experiments import Experiment, Unit
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.outcomes.logs import LogRecord
from chalicelib.domain.outcomes.metric_results import (
    Logged,
    Met,
    met_by_enrollments,
    met_by_repeats,
)
from chalicelib.domain.outcomes.query_sums import Places, places
from chalicelib.domain.participants.participants import Enrollment
from chalicelib.services.outcomes.ports import LogStore, UserEnrollmentStore


@dataclass(frozen=True, slots=True)
class Part:
    """How users take part in an experiment: the conditions by user id, and the strata and groups.

    Within subjects there are no strata and groups.
    """

    met: Mapping[str, Met]
    places: Places = field(default_factory=dict)


def kind_of(catalogue: Catalogue, metric_key: str) -> MetricType:
    """The type of a metric; continuous if it is not known any more."""
    metric = catalogue.metrics.get(metric_key)
    return MetricType.CONTINUOUS if metric is None else metric.type


def read_logged(logs: LogStore, metric_key: str) -> list[Logged]:
    """All that was logged of a metric."""
    return [
        each
        for log_records in logs.of_metric(metric_key)
        for each in logged_in(log_records, metric_key)
    ]


def logged_in(log_records: Iterable[LogRecord], metric_key: str) -> Iterator[Logged]:
    """What some log records hold of a metric."""
    return (
        Logged(log_record.user_id, log_record.key.uniquifier, row, value)
        for log_record in log_records
        for row, value in log_record.values(metric_key)
    )


def read_part(
    store: UserEnrollmentStore,
    feature_id: int,
    experiment: Experiment,
    users: Collection[str],
    reweighted_at: Sequence[datetime] = (),
) -> Part:
    """How those of some users take part who do; strata are told apart by changes of weights."""
    if experiment.unit is Unit.WITHIN_SUBJECTS:
        return part_by_repeats(store.repeats(feature_id, users))
    point_keys = {point.point_key for point in experiment.points}
    return part_by_enrollments(
        store.enrollments(feature_id, point_keys, users),
        reweighted_at,
        by_group=experiment.unit is Unit.GROUP,
    )


def part_by_repeats(repeats: Mapping[str, Sequence[Repeat]]) -> Part:
    """How users take part in a within-subjects experiment, by their marks."""
    return Part({user_id: met_by_repeats(own) for user_id, own in repeats.items()})


def part_by_enrollments(
    enrollments: Mapping[str, Sequence[Enrollment]],
    reweighted_at: Sequence[datetime] = (),
    *,
    by_group: bool = False,
) -> Part:
    """How users take part in another one, by their enrollments at its points or at none known."""
    met = {user_id: met_by_enrollments(own) for user_id, own in enrollments.items()}
    return Part(met, places(enrollments, reweighted_at, by_group=by_group))

"""Values of users for the analysis of their logs, read in time linear in those who logged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.experiments.experiments import Experiment, Unit
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.features.features import Feature
from chalicelib.domain.outcomes.logs import LogRecord
from chalicelib.domain.outcomes.metric_results import (
    Logged,
    Met,
    met_by_enrollments,
    met_by_repeats,
)
from chalicelib.domain.outcomes.query_sums import Places, places
from chalicelib.domain.participants.participants import Enrollment, GroupKey
from chalicelib.services.outcomes.ports import LogStore, UserEnrollmentStore
from chalicelib.services.participants.ports import ParticipantStore


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
    """The values of a metric in some log records."""
    return (
        Logged(log_record.user_id, log_record.key.uniquifier, row, value)
        for log_record in log_records
        for row, value in log_record.values(metric_key)
    )


def read_part(
    store: UserEnrollmentStore, feature_id: int, experiment: Experiment, users: Collection[str]
) -> Part:
    """How those of some users take part who do."""
    if experiment.unit is Unit.WITHIN_SUBJECTS:
        return part_by_repeats(store.repeats(feature_id, users))
    return part_by_enrollments(_enrollments(store, feature_id, experiment, users))


def read_part_by_stretch(
    store: UserEnrollmentStore,
    groups: ParticipantStore,
    feature: Feature,
    experiment: Experiment,
    users: Collection[str],
) -> Part:
    """The same, with strata for those who came between two changes of weights."""
    changes = () if feature.run is None else feature.run.reweighted_at
    if not changes or experiment.unit is Unit.WITHIN_SUBJECTS:
        return read_part(store, feature.id, experiment, users)
    enrollments = _enrollments(store, feature.id, experiment, users)
    if experiment.unit is not Unit.GROUP:
        return part_by_enrollments(enrollments, changes)
    ids = {e.group_id for own in enrollments.values() for e in own if e.group_id is not None}
    records = groups.groups([GroupKey(experiment.group or "", group_id) for group_id in ids])
    times = {
        key.id: record.enrollments[feature.id].at
        for key, record in records.items()
        if feature.id in record.enrollments
    }
    return part_by_enrollments(enrollments, changes, times)


def _enrollments(
    store: UserEnrollmentStore, feature_id: int, experiment: Experiment, users: Collection[str]
) -> Mapping[str, Sequence[Enrollment]]:
    point_keys = {point.point_key for point in experiment.points}
    return store.enrollments(feature_id, point_keys, users)


def part_by_repeats(repeats: Mapping[str, Sequence[Repeat]]) -> Part:
    """How users take part in a within-subjects experiment, by their marks."""
    return Part({user_id: met_by_repeats(own) for user_id, own in repeats.items()})


def part_by_enrollments(
    enrollments: Mapping[str, Sequence[Enrollment]],
    reweighted_at: Sequence[datetime] = (),
    group_times: Mapping[str, datetime] | None = None,
) -> Part:
    """How users take part in another one, by their enrollments at its points or at none known."""
    met = {user_id: met_by_enrollments(own) for user_id, own in enrollments.items()}
    return Part(met, places(enrollments, reweighted_at, group_times))

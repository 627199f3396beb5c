"""Flags, metrics and logs to try things with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.experiments.metrics import Metric, MetricType
from chalicelib.domain.flags.flags import Flag, FlagStatus
from chalicelib.domain.outcomes.logs import LogPart, LogRecordKey, Value
from tests.fakes.memory import START

CONTEXT = "home"
SIMPLE = LogRecordKey()
AREAS = LogRecordKey(("workspace", "areas"), "first try")
"""A log record of grouped metrics."""


def flag(
    flag_id: str = "f",
    key: str | None = None,
    *,
    feature_id: int = 0,
    status: FlagStatus = FlagStatus.ENABLED,
    context: str = CONTEXT,
    mode: FilterMode = FilterMode.INCLUDE_ALL,
    include: Iterable[ListEntry] = (),
    exclude: Iterable[ListEntry] = (),
) -> Flag:
    """A flag that is on for everybody, keyed `key of <id>`."""
    return Flag(
        id=flag_id,
        feature_id=feature_id,
        name=f"flag {flag_id}",
        key=f"key of {flag_id}" if key is None else key,
        description=None,
        status=status,
        context=context,
        tags=(),
        filter_mode=mode,
        include=tuple(include),
        exclude=tuple(exclude),
        created_at=START,
        updated_at=START,
        version=1,
    )


def metric(
    key: str, kind: MetricType = MetricType.CONTINUOUS, contexts: Sequence[str] = (CONTEXT,)
) -> Metric:
    return Metric(key, kind, None, tuple(contexts), START, START, 1)


def query(metric_key: str, operation: str = "sum", **more: object) -> Mapping[str, object]:
    """What an experiment asks, in the form in which it keeps it."""
    return {
        "id": f"query of {metric_key}",
        "name": metric_key,
        "query": {"operationType": operation, **more},
        "metric": {"key": metric_key},
        "repeatedMeasure": "MOST RECENT",
    }


def asking(experiment: Experiment, *metric_keys: str) -> Experiment:
    """The experiment with a query about each metric."""
    return replace(experiment, queries=tuple(query(key) for key in metric_keys))


def part(
    minute: float = 0,
    item: int = 0,
    key: LogRecordKey = SIMPLE,
    values: Mapping[str, Value] | None = None,
    **attributes: Value,
) -> LogPart:
    """Values that a client logs for a log record, some minutes after the start."""
    time = START + timedelta(minutes=minute)
    return LogPart(item, time, key, {**(values or {}), **attributes})

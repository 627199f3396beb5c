"""Metrics: what clients may log, and what is asked of it (UpGrade, sections 6 and 15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.stored_words import Newer

JOINER = "@__@"
"""Between the class, the key and the attribute of a grouped metric."""


class MetricType(StrEnum):
    CONTINUOUS = "continuous"
    CATEGORICAL = "categorical"


class RepeatedMeasure(StrEnum):
    """Which of a user's values counts."""

    MEAN = "MEAN"
    EARLIEST = "EARLIEST"
    MOST_RECENT = "MOST RECENT"
    COUNT = "COUNT"
    PERCENTAGE = "PERCENTAGE"


class Operation(StrEnum):
    """The statistic that a query computes over the values of all users."""

    SUM = "sum"
    COUNT = "count"
    MIN = "min"
    MAX = "max"
    AVERAGE = "avg"
    MODE = "mode"
    MEDIAN = "median"
    DEVIATION = "stddev"
    PERCENTAGE = "percentage"


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that clients may log a value of.

    A grouped metric's key joins its class, the key within it and the attribute. Values outside
    `allowed_values` are stored all the same.
    """

    key: str
    type: MetricType
    allowed_values: tuple[str, ...] | None
    contexts: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    version: int
    newer: tuple[Newer, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """A question about a metric that an experiment asks of its participants.

    `compare_fn` and `compare_value` are those of categorical metrics; None for others.
    """

    id: str
    metric_key: str
    operation: Operation
    repeated_measure: RepeatedMeasure
    compare_fn: str | None = None
    compare_value: str | float | None = None

    @classmethod
    def of(cls, values: Mapping[str, object]) -> MetricQuery | None:
        """The query that an experiment holds as it was given (`Experiment.queries`).

        None where a newer version took it, that knows further operations or asks otherwise.
        """
        detail, metric = values.get("query"), values.get("metric")
        if not isinstance(detail, Mapping) or not isinstance(metric, Mapping):
            return None
        try:
            operation = Operation(str(detail.get("operationType")))
            measure = RepeatedMeasure(str(values.get("repeatedMeasure")))
        except ValueError:
            return None
        if "id" not in values or "key" not in metric:
            return None
        compared = detail.get("compareFn"), detail.get("compareValue")
        return cls(str(values["id"]), metric["key"], operation, measure, *compared)


def grouped_key(group_class: str, group_key: str, attribute: str) -> str:
    """The key of a grouped metric.

    >>> grouped_key("masteryWorkspace", "areas", "timeSeconds")
    'masteryWorkspace@__@areas@__@timeSeconds'
    """
    return JOINER.join((group_class, group_key, attribute))


def may_be_grouped(metric_key: str) -> bool:
    """Whether a metric may have values outside of the simple ones of a user.

    >>> may_be_grouped("timeSeconds"), may_be_grouped("masteryWorkspace@__@areas@__@timeSeconds")
    (False, True)
    """
    return JOINER in metric_key

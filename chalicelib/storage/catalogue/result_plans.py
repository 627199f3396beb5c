"""Plans of results, and what was fixed at the start of an experiment, as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chalicelib.domain.features.result_plans import (
    ComparisonOf,
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
)
from chalicelib.domain.features.runs import (
    PlanChange,
    Run,
    WeightsSince,
)
from chalicelib.domain.statistics.plan import Direction
from chalicelib.storage.dynamodb.stored_forms import read_as, word
from chalicelib.storage.dynamodb.times import from_ms, to_ms


def plan_values(plan: ResultPlan) -> dict[str, Any]:
    """A plan as it is stored; what is left to defaults is left out."""
    values = {
        "metrics": [_metric_values(each) for each in plan.metrics],
        "smallest_effect": _text(plan.smallest_effect),
        "ends_on": plan.ends_on and plan.ends_on.isoformat(),
        "units": plan.units,
        "expected_mean": _text(plan.expected_mean),
        "expected_spread": _text(plan.expected_spread),
        "window": plan.window,
        "is_aa": plan.is_aa or None,
        "missing_as_zero": plan.missing_as_zero or None,
        "compares": plan.compares.value,
        "metric_ids": dict(plan.metric_ids),
        "metric_caps": {name: str(cap) for name, cap in plan.metric_caps.items()},
    }
    return {name: value for name, value in values.items() if value not in (None, [], {})}


def plan_of(values: Mapping[str, Any]) -> ResultPlan:
    """The plan that is stored."""
    ends_on = values.get("ends_on")
    return read_as(
        ResultPlan,
        values,
        metrics=tuple(map(_metric_of, values.get("metrics", ()))),
        smallest_effect=_number(values.get("smallest_effect")),
        ends_on=None if ends_on is None else date.fromisoformat(ends_on),
        expected_mean=_number(values.get("expected_mean")),
        expected_spread=_number(values.get("expected_spread")),
        compares=word(values.get("compares"), ComparisonOf.LEVELS),
        metric_ids=values.get("metric_ids", {}),
        metric_caps={name: Decimal(cap) for name, cap in values.get("metric_caps", {}).items()},
        is_aa=bool(values.get("is_aa")),
        missing_as_zero=bool(values.get("missing_as_zero")),
    )


def run_values(run: Run) -> dict[str, Any]:
    """What was fixed at the start, as it is stored."""
    return {
        "started_at": to_ms(run.started_at),
        "plan": plan_values(run.plan),
        "weights": [
            [to_ms(each.since), [[key, str(weight)] for key, weight in each.weights.items()]]
            for each in run.weights
        ],
        "changes": [[to_ms(each.at), each.what, each.forbids] for each in run.changes],
        "moved": run.moved,
        "control_id": run.control_id,
    }


def run_of(values: Mapping[str, Any]) -> Run:
    """What was fixed at the start."""
    return read_as(
        Run,
        values,
        started_at=from_ms(values["started_at"]),
        plan=plan_of(values["plan"]),
        weights=tuple(_weights_of(*each) for each in values["weights"]),
        changes=tuple(
            PlanChange(from_ms(at), what, forbids)
            for at, what, forbids in values.get("changes", ())
        ),
    )


def _weights_of(since: int, weights: list[list[Any]]) -> WeightsSince:
    moment: datetime = from_ms(since)
    return WeightsSince(moment, {key: Decimal(weight) for key, weight in weights})


def _metric_values(metric: PlannedMetric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "measure": metric.measure.value,
        "direction": metric.direction.value,
        "role": metric.role.value,
        "cap": _text(metric.cap),
        "margin": _text(metric.margin),
    }


def _metric_of(values: Mapping[str, Any]) -> PlannedMetric:
    return read_as(
        PlannedMetric,
        values,
        measure=word(values.get("measure"), Measure.MEAN),
        direction=word(values.get("direction"), Direction.INCREASE),
        role=word(values.get("role"), MetricRole.SECONDARY),
        cap=_number(values.get("cap")),
        margin=_number(values.get("margin")),
    )


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)

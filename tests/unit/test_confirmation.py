"""What people saw, told from what there is now."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.confirmation import Changed, require_unchanged, tag_of
from chalicelib.domain.features.result_plans import PlannedMetric, ResultPlan

PLAN = ResultPlan((PlannedMetric("revenue"),), Decimal("0.10"), metric_ids={"revenue": 1, "b": 2})


def test_what_is_equal_has_one_tag_whatever_its_notation() -> None:
    same = replace(PLAN, smallest_effect=Decimal("1E-1"), metric_ids={"b": 2, "revenue": 1})
    assert tag_of(same) == tag_of(PLAN)
    require_unchanged(tag_of(PLAN), same)


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, smallest_effect=Decimal("0.2")),
        replace(PLAN, metrics=(PlannedMetric("b"),)),
        replace(PLAN, metric_ids={"revenue": 1}),
        None,
    ],
)
def test_what_differs_has_another_tag(other: ResultPlan | None) -> None:
    with pytest.raises(Changed):
        require_unchanged(tag_of(PLAN), other)
    require_unchanged("", other)

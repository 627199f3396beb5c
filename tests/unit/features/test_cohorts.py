"""Cohorts in columns: the same as one by one, however they come together."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.features.cohorts import Cohort, CohortColumns, Cohorts, MetricSums
from tests.fakes.memory import tidy

FIRST = date(2026, 1, 30)

days = st.integers(0, 3).map(lambda n: FIRST + timedelta(days=n))
figures = st.integers(-5, 5)
sums = st.builds(MetricSums, figures, figures, figures, figures, figures)
cohorts = st.builds(Cohort, figures, st.dictionaries(st.integers(0, 2), sums), st.integers(0, 2))
additions = st.lists(st.tuples(st.none() | days, cohorts), max_size=12)


def together(parts: list[tuple[date | None, Cohort]]) -> dict[date | None, Cohort]:
    """The cohorts added up one by one; foreign events are of no day."""
    found: defaultdict[date | None, Cohort] = defaultdict(Cohort)
    for day, cohort in parts:
        found[None] += Cohort(foreign_events=cohort.foreign_events)
        if day is not None:
            found[day] += Cohort(cohort.users, cohort.metrics)
    return {day: tidy(each) for day, each in found.items()}


@given(additions)
def test_columns_add_up_to_what_single_cohorts_do(parts: list[tuple[date | None, Cohort]]) -> None:
    columns, expected = CohortColumns(), together(parts)
    for day, cohort in parts:
        columns.add(day, cohort)
    found = Cohorts({7: columns})
    assert {key: tidy(each) for key, each in found.items() if key[1] is not None} == {
        (7, day): each for day, each in expected.items() if day is not None
    }
    assert columns.foreign_events == expected.get(None, Cohort()).foreign_events
    assert len(found) == len(list(found))
    for last in (None, FIRST, FIRST + timedelta(days=1)):
        count = columns.until(last)
        some = [e for d, e in expected.items() if d is not None and (last is None or d <= last)]
        assert sum(columns.users[:count]) == sum(each.users for each in some)
        for metric_id in range(3):
            total = sum((e.metrics.get(metric_id, MetricSums()) for e in some), MetricSums())
            assert columns.total(metric_id, count) == total
            assert sum(columns.of_days(metric_id, count), MetricSums()) == total


@given(additions, additions)
def test_months_follow_each_other(
    first: list[tuple[date | None, Cohort]], second: list[tuple[date | None, Cohort]]
) -> None:
    month = timedelta(days=31)
    later = [(day + month, each) for day, each in second if day is not None]
    both, own, following = CohortColumns(), CohortColumns(), CohortColumns()
    for day, cohort in first:
        both.add(day, cohort)
        own.add(day, cohort)
    for day, cohort in later:
        both.add(day, Cohort(cohort.users, cohort.metrics))
        following.add(day, Cohort(cohort.users, cohort.metrics))
    own.extend(following)
    assert Cohorts({7: own}) == Cohorts({7: both})


def test_a_cohort_that_is_not_there_is_none() -> None:
    found = Cohorts.of({(7, FIRST): Cohort(2, {1: MetricSums(1)}), (7, None): Cohort(0, {}, 3)})
    assert found[7, FIRST] == Cohort(2, {1: MetricSums(1)})
    assert found[7, None] == Cohort(foreign_events=3)
    for key in ((7, FIRST + timedelta(days=1)), (8, FIRST), (8, None)):
        with pytest.raises(KeyError):
            _ = found[key]

"""Whatever other processes do between two calls of one, rows and totals are exact in the end."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.catalogue.purge import HANDOVER, SECOND_PASS
from chalicelib.domain.errors import SwitchyardError
from chalicelib.domain.features.result_plans import (
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
    named,
)
from chalicelib.domain.features.users import Measurement
from chalicelib.services import Services
from chalicelib.services.features.purge import PurgeService
from tests.fakes.memory import FixedClock, Memory, recounted
from tests.unit.samples import add_user, draft, drafts, process, record

FEATURES = (1, 2)
PLAN = named(ResultPlan((PlannedMetric("revenue", Measure.MEAN, role=MetricRole.PRIMARY),)), None)


@dataclass(frozen=True)
class Action:
    """What one process does; shown by its name."""

    name: str
    do: Callable[[Services], object] = field(repr=False)
    takes: timedelta = timedelta(milliseconds=1)


def add(user_id: str, choice: int) -> Action:
    return Action(f"add {user_id} {choice}", lambda s: add_user(s, user_id, chosen(s, choice)))


def post(user_id: str, choice: int, times: int) -> Action:
    return Action(
        f"post {user_id} {choice} x {times}",
        lambda s: record(s, user_id, chosen(s, choice), times),
    )


def earn(user_id: str, choice: int, value: str) -> Action:
    measured = Measurement("revenue", Decimal(value))
    return Action(
        f"earn {user_id} {choice} {value}",
        lambda s: s.events.record(user_id, chosen(s, choice), measurement=measured),
    )


def delete(user_id: str) -> Action:
    return Action(f"delete {user_id}", lambda s: s.users.delete(user_id))


def replace_variants(feature_id: int) -> Action:
    return Action(
        f"replace the variants of {feature_id}",
        lambda s: s.features.replace_variants(feature_id, drafts(feature_id, None, None)),
    )


def chosen(services: Services, choice: int) -> int:
    """One of the four variants that are alive."""
    return [variant.id for variant in services.catalogue.fresh().variants()][choice]


PURGE = Action("purge", lambda s: s.purge.run_due())
WAIT = Action("wait", lambda _: None, HANDOVER)
DAY = Action("a day goes by", lambda s: s.cohorts.fold_due(), timedelta(days=1))
WINDOW = timedelta(days=7)

users = st.sampled_from(["u", "v"])
choices = st.integers(0, 3)
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(add, users, choices),
    st.builds(post, users, choices, st.integers(1, 4)),
    st.builds(earn, users, choices, st.sampled_from(["1", "-2.5", "0.0001", "700"])),
    st.builds(delete, users),
    st.builds(replace_variants, st.sampled_from(FEATURES)),
    st.sampled_from([PURGE, WAIT, DAY]),
)
scripts = st.lists(
    st.tuples(actions, st.dictionaries(st.integers(1, 12), actions, max_size=1)),
    min_size=1,
    max_size=7,
)
"""Actions, each with what another process does before its n-th call."""


def act(memory: Memory, clock: FixedClock, action: Action, between: Mapping[int, Action]) -> None:
    calls = itertools.count(1)

    def step(_: str) -> None:
        if (other := between.get(next(calls))) is not None:
            act(memory, clock, other, {})

    clock.advance(action.takes)
    with contextlib.suppress(SwitchyardError):
        action.do(process(memory, clock, before=step))


@given(scripts)
def test_rows_and_totals_are_exact_in_the_end(
    script: Sequence[tuple[Action, Mapping[int, Action]]],
) -> None:
    memory, clock = Memory(), FixedClock()
    services = process(memory, clock)
    for feature_id in FEATURES:
        services.features.create(draft(f"feature {feature_id}"))
        services.features.replace_variants(feature_id, drafts(feature_id, None, None))
        memory.features[feature_id] = replace(memory.features[feature_id], plan=PLAN)
    with pytest.MonkeyPatch.context() as patch:
        # Small enough for batches and budgets to end in the middle.
        patch.setattr("chalicelib.services.features.purge.BATCH", 2)
        patch.setattr("chalicelib.services.features.purge.ROWS_IN_REQUEST", 3)
        patch.setattr(PurgeService.erase, "__defaults__", (3,))
        for action, between in script:
            act(memory, clock, action, between)
        for _ in range(4):
            clock.advance(SECOND_PASS)
            services.purge.run_due()

    alive = {variant.id for variant in services.catalogue.fresh().variants()}
    assert memory.queue == {}
    assert {user.variant_id for user in memory.users.values() if not user.erased} <= alive
    assert not any(user.erased for user in memory.users.values())
    assert memory.counted() == memory.recount()
    rows = memory.users.values(), memory.events.values()
    assert memory.counted_cohorts() == recounted(*rows, PLAN.metric_ids, WINDOW)
    posted = {(event.user_id, event.variant_id) for event in memory.events.values()}
    assert {variant_id for _, variant_id in posted} <= alive
    assert posted == {
        (user.id, variant_id)
        for user in memory.users.values()
        for variant_id in user.variants_with_events & alive
    }

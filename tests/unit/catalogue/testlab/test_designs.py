"""A feature of Test Lab as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.catalogue.overview import Kind, Phase, Wanted
from chalicelib.domain.errors import NotFound
from chalicelib.domain.features.features import FeatureType
from chalicelib.domain.features.result_plans import ResultPlan
from chalicelib.domain.outcomes.results.results import Latched, Summary
from chalicelib.services import Services
from tests.fakes.memory import START, FixedClock, Memory
from tests.unit.samples import TODAY, add_user, draft, drafts, experiment, record

DAY = timedelta(days=1)


def test_a_design_counts_users_events_and_blocks(services: Services) -> None:
    made, [a, b] = experiment(services, "button")
    add_user(services, "u", a)
    record(services, "u", a, 2)
    seen = services.pages.feature_designs.of(made)
    assert (seen.kind, seen.phase, seen.is_experiment) == (Kind.EXPERIMENT, Phase.RUNNING, True)
    assert (seen.users, seen.events) == (1, 2)
    assert [(v.id, t.total_users) for v, t in seen.totals] == [(a, 1), (b, 0)]
    assert (len(seen.blocks), seen.blocks_wanted, seen.shortage) == (20, 20, None)
    assert (seen.room.free, seen.room.wanted) == (20, 20)


def test_an_experiment_that_got_fewer_blocks_says_so(services: Services) -> None:
    services.features.create(draft("first", share="0.9"))
    made, _ = experiment(services, "button")
    seen = services.pages.feature_designs.of(made)
    assert seen.shortage is not None
    assert (len(seen.blocks), seen.shortage.wanted, seen.room.free) == (2, 20, 2)


def test_what_is_not_there_or_not_of_test_lab_is_refused(services: Services) -> None:
    with pytest.raises(NotFound, match="there is no feature 7"):
        services.pages.feature_designs.of(7)


def test_what_may_be_done_follows_from_the_phase(services: Services) -> None:
    def may(feature_id: int) -> set[str]:
        seen = services.pages.feature_designs.of(feature_id)
        names = ("may_start", "may_resume", "may_pause", "may_end", "may_ship")
        return {name for name in names if getattr(seen, name)}

    made, _ = experiment(services, "running")
    assert may(made) == {"may_pause", "may_end", "may_ship"}
    services.features.update(made, draft("running", is_running=False))
    assert may(made) == {"may_start", "may_resume", "may_end", "may_ship"}
    services.features.update(made, draft("running", end=TODAY - DAY))
    assert may(made) == {"may_ship"}
    assert services.pages.feature_designs.of(made).room.free == 20
    later = services.features.create(draft("later", start=TODAY + DAY))
    assert may(later.id) == {"may_pause"}
    resting = services.features.create(draft("resting", start=TODAY + DAY, is_running=False))
    assert may(resting.id) == {"may_start"}
    toggle = services.features.create(draft("toggle", kind=FeatureType.TOGGLE))
    assert may(toggle.id) == {"may_pause", "may_end"}


def test_an_end_before_the_planned_one_is_told(services: Services) -> None:
    made, _ = experiment(services, "button")
    seen = services.pages.feature_designs.of(made)
    assert seen.moves_end
    assert not seen.ends_by_a_pause
    services.features.update(made, draft("button", end=date(2026, 2, 1)))
    assert not services.pages.feature_designs.of(made).moves_end
    services.features.update(made, draft("button", start=TODAY + DAY))
    assert not services.pages.feature_designs.of(made).moves_end


def test_the_plan_that_was_fixed_is_shown_with_what_changed(services: Services) -> None:
    made, [a, _] = experiment(services, "button")
    add_user(services, "u", a)
    services.plans.put(made, ResultPlan(smallest_effect=Decimal("0.1")))
    seen = services.pages.feature_designs.of(made)
    assert seen.fixed is not None
    assert seen.fixed.smallest_effect is None
    assert seen.planned.smallest_effect == Decimal("0.1")
    assert [change.what for change in seen.changes] == ["the smallest effect that matters"]
    assert len(seen.metrics) == 2
    later = services.features.create(draft("later", start=TODAY + DAY))
    waiting = services.pages.feature_designs.of(later.id)
    assert (waiting.fixed, list(waiting.changes)) == (None, [])
    assert len(waiting.metrics) == 2


def test_the_winner_is_the_variant_that_the_verdict_names(
    services: Services, memory: Memory
) -> None:
    made, [_, b] = experiment(services, "button")
    assert services.pages.feature_designs.of(made).winner is None
    line = Summary(made, "ship", "", 0, "users", "fine", None, START, START)
    memory.summaries[made] = line
    assert services.pages.feature_designs.of(made).winner is None
    memory.summaries[made] = replace(line, latched=Latched("ship", "", START, "value 1"))
    assert services.pages.feature_designs.of(made).winner == b
    for value in (str(b), "value 2"):
        memory.summaries[made] = replace(line, latched=Latched("ship", "", START, value))
        assert services.pages.feature_designs.of(made).winner is None, "no variant is called so"


def test_the_verdict_of_a_run_goes_with_its_variants(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    """It is there until somebody looks at the results of the new run."""
    made, [_, b] = experiment(services, "button")
    latched = Latched("ship", "", START, "value 1")
    memory.summaries[made] = Summary(
        made, "ship", "", 9, "users", "fine", None, START, START, latched, (9,)
    )
    assert services.pages.feature_designs.of(made).winner == b
    assert services.pages.overview.of(Wanted()).rows[0].summary is not None
    assert services.pages.feature_creation.preview(None).traffic == 9
    clock.advance(timedelta(hours=1))
    services.features.replace_variants(made, drafts(made, "0.5", "0.5"))
    seen = services.pages.feature_designs.of(made)
    assert (seen.summary, seen.winner) == (None, None)
    assert services.pages.overview.of(Wanted()).rows[0].summary is None
    assert services.pages.feature_creation.preview(None).traffic is None

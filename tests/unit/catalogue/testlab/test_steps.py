"""The steps in the life of a feature of Test Lab."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.catalogue.testlab.steps import (
    Clone,
    Delete,
    Edit,
    End,
    Moment,
    Pause,
    Replan,
    Reweigh,
    Ship,
    Start,
    Taken,
    cloned,
    draft_of,
    ended,
)
from chalicelib.domain.confirmation import Changed
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.features.features import FAR_END, FeatureType, Variant
from chalicelib.domain.features.result_plans import Measure, MetricRole, PlannedMetric, ResultPlan
from chalicelib.services import Services
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import (
    TODAY,
    add_user,
    draft,
    drafts,
    experiment,
    feature,
    process,
    record,
)

DAY = timedelta(days=1)
REVENUE = PlannedMetric("revenue", Measure.MEAN, role=MetricRole.PRIMARY, cap=Decimal(5))


def edit(name: str = "renamed", share: str | None = "0.5") -> Edit:
    amount = None if share is None else Decimal(share)
    return Edit(name, "why", date(2026, 1, 2), date(2026, 2, 2), False, amount)


def test_an_edit_replaces_what_a_draft_holds_and_keeps_the_type(services: Services) -> None:
    made, _ = experiment(services, "button")
    assert services.pages.feature_steps.take(made, edit()) == Taken("saved", made)
    after = services.catalogue.fresh().feature(made)
    assert after is not None
    assert (after.name, after.description, after.is_running) == ("renamed", "why", False)
    assert (after.user_percentage, after.type) == (Decimal("0.5"), FeatureType.EXPERIMENT)
    assert len(after.variants) == 2
    services.pages.feature_steps.take(made, edit(share=None))
    assert services.catalogue.fresh().features[0].user_percentage == Decimal("0.5")


def test_an_edit_of_what_somebody_changed_meanwhile_is_refused(services: Services) -> None:
    made, _ = experiment(services, "button")
    seen = services.pages.feature_designs.of(made).seen
    services.pages.feature_steps.take(made, Pause())
    with pytest.raises(Changed):
        services.pages.feature_steps.take(made, replace(edit(), seen=seen))
    seen = services.pages.feature_designs.of(made).seen
    assert services.pages.feature_steps.take(made, replace(edit(), seen=seen)).word == "saved"


def test_a_plan_that_somebody_changed_meanwhile_is_not_replaced(services: Services) -> None:
    made, _ = experiment(services, "button")
    seen = services.pages.feature_designs.of(made).plan_seen
    services.pages.feature_steps.take(made, Replan(ResultPlan((REVENUE,)), seen))
    with pytest.raises(Changed):
        services.pages.feature_steps.take(made, Replan(ResultPlan(), seen))
    seen = services.pages.feature_designs.of(made).plan_seen
    assert services.pages.feature_steps.take(made, Replan(ResultPlan(), seen)).word == "planned"


def test_pause_and_start_are_each_other_s_way_back(services: Services, memory: Memory) -> None:
    made, _ = experiment(services, "button")
    assert services.pages.feature_steps.take(made, Pause()).word == "paused"
    assert not memory.features[made].is_running
    assert services.pages.feature_steps.take(made, Start()).word == "started"
    assert memory.features[made].is_running


def test_what_is_over_does_not_start(services: Services) -> None:
    made = services.features.create(draft(end=TODAY - DAY, is_running=False))
    with pytest.raises(Invalid, match="is past; set a later one first"):
        services.pages.feature_steps.take(made.id, Start())


def test_what_ends_now_ended_yesterday_or_is_paused_if_it_began_today() -> None:
    old = feature(1)
    assert ended(old, Moment.NOW, TODAY).end_date == TODAY - DAY
    assert ended(old, Moment.TONIGHT, TODAY).end_date == TODAY
    new = feature(1, start=TODAY)
    now = ended(new, Moment.NOW, TODAY)
    assert (now.end_date, now.is_running) == (TODAY, False)
    over = feature(1, end=TODAY - DAY)
    assert ended(over, Moment.NOW, TODAY) == draft_of(over)
    with pytest.raises(Invalid, match="is to come"):
        ended(feature(1, start=TODAY + DAY), Moment.NOW, TODAY)


def test_an_end_frees_the_user_blocks(services: Services) -> None:
    made, _ = experiment(services, "button")
    assert services.pages.feature_steps.take(made, End(Moment.TONIGHT)).word == "ends"
    assert services.pages.feature_designs.of(made).blocks
    assert services.pages.feature_steps.take(made, End(Moment.NOW)).word == "ended"
    assert not services.pages.feature_designs.of(made).blocks


def test_deletion_counts_what_it_removes_and_needs_the_name(
    services: Services, memory: Memory
) -> None:
    made, [a, b] = experiment(services, "my  button")
    add_user(services, "u", a)
    add_user(services, "v", b)
    record(services, "u", a, 3)
    with pytest.raises(Invalid, match="type its name"):
        services.pages.feature_steps.take(made, Delete("My button"))
    assert made in memory.features
    taken = services.pages.feature_steps.take(made, Delete("my button"))
    assert taken == Taken("deleted", None, 2, 3)
    assert memory.features == {}
    with pytest.raises(NotFound, match=f"there is no feature {made}"):
        services.pages.feature_steps.take(made, Delete("my button"))


def test_other_variants_need_the_name_only_where_they_remove_some(
    services: Services, memory: Memory
) -> None:
    made = services.features.create(draft()).id
    two = Reweigh("", tuple(drafts(0, "0.5", "0.5")))
    assert services.pages.feature_steps.take(made, two) == Taken("variants", made, 0, 0)
    a = memory.features[made].variants[0].id
    add_user(services, "u", a)
    with pytest.raises(Invalid, match="type its name"):
        services.pages.feature_steps.take(made, two)
    with pytest.raises(Invalid, match="the sum must be 1"):
        services.pages.feature_steps.take(made, Reweigh("button", tuple(drafts(0, "0.5"))))
    assert services.pages.feature_steps.take(made, replace(two, confirmed="button")).users == 1
    assert memory.features[made].variants[0].id != a


def test_what_came_meanwhile_is_not_removed_without_the_name(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    """Users who came under variants that were not there when the step was begun."""
    made = services.features.create(draft()).id
    two = drafts(made, "0.5", "0.5")

    def meanwhile() -> None:
        services.features.replace_variants(made, two)

    slow = process(memory, clock, before=once("catalogue.new_variant_ids", meanwhile))
    with pytest.raises(Invalid, match="type its name"):
        slow.pages.feature_steps.take(made, Reweigh("", tuple(drafts(0, "1"))))
    assert len(memory.features[made].variants) == 2


def test_the_plan_is_replaced(services: Services, memory: Memory) -> None:
    made, _ = experiment(services, "button")
    taken = services.pages.feature_steps.take(made, Replan(ResultPlan((REVENUE,))))
    assert taken == Taken("planned", made)
    plan = memory.features[made].plan
    assert plan is not None
    assert plan.metric_ids == {"revenue": 1}


# Shipping


def test_shipping_ends_the_experiment_and_makes_a_rollout_to_everybody(
    services: Services, memory: Memory
) -> None:
    made, [_, winner] = experiment(services, "button")
    version = memory.revision.version
    taken = services.pages.feature_steps.take(made, Ship(winner, "green button"))
    assert memory.revision.version == version + 1
    assert taken.word == "shipped"
    assert taken.feature_id is not None
    rollout = memory.features[taken.feature_id]
    assert (rollout.type, rollout.name) == (FeatureType.ROLLOUT, "green button")
    assert (rollout.user_percentage, rollout.is_running) == (Decimal(1), True)
    assert rollout.is_current(TODAY)
    assert "'value 1'" in str(rollout.description)
    assert memory.features[made].end_date == TODAY - DAY


def test_shipping_once_more_makes_no_second_rollout(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    made, [_, winner] = experiment(services, "button")
    first = services.pages.feature_steps.take(made, Ship(winner, "green button"))
    clock.advance(DAY)
    assert services.pages.feature_steps.take(made, Ship(winner, "green button")) == first
    assert len(memory.features) == 2


def test_a_name_that_another_has_is_not_shipped_under(services: Services, memory: Memory) -> None:
    made, [loser, winner] = experiment(services, "button")
    services.features.create(draft("green button", kind=FeatureType.ROLLOUT))
    with pytest.raises(Conflict, match="has the name already"):
        services.pages.feature_steps.take(made, Ship(winner, "green button"))
    assert memory.features[made].end_date > TODAY
    services.pages.feature_steps.take(made, Ship(winner, "a green button"))
    with pytest.raises(Conflict, match="has the name already"):
        services.pages.feature_steps.take(made, Ship(loser, "a green button"))


def test_of_two_that_ship_at_once_one_is_refused(memory: Memory, clock: FixedClock) -> None:
    calm = process(memory, clock)
    made, [_, winner] = experiment(calm, "button")

    def win(call: str) -> None:
        if call == "catalogue.commit" and len(memory.features) == 1:
            calm.pages.feature_steps.take(made, Ship(winner, "green button"))

    with pytest.raises(Conflict):
        process(memory, clock, before=win).pages.feature_steps.take(
            made, Ship(winner, "green button")
        )
    assert len(memory.features) == 2


def test_what_has_no_winner_is_not_shipped(services: Services) -> None:
    made, variants = experiment(services, "button")
    with pytest.raises(Invalid, match="has no variant 99"):
        services.pages.feature_steps.take(made, Ship(99, "green button"))
    with pytest.raises(Invalid, match="another one than the experiment's"):
        services.pages.feature_steps.take(made, Ship(variants[0], "button"))
    rollout = services.features.create(draft("search", kind=FeatureType.ROLLOUT))
    with pytest.raises(Invalid, match="only an experiment has a winner"):
        services.pages.feature_steps.take(rollout.id, Ship(1, "x"))
    paused = services.features.create(draft("later", is_running=False))
    with pytest.raises(Invalid, match="has never started"):
        services.pages.feature_steps.take(paused.id, Ship(1, "x"))


# Cloning


def test_a_clone_has_variants_and_plan_but_neither_users_nor_a_run(
    services: Services, memory: Memory
) -> None:
    made, [a, _] = experiment(services, "button")
    ends_on = date(2026, 12, 1)
    services.plans.put(made, ResultPlan((REVENUE,), ends_on=ends_on))
    add_user(services, "u", a)
    taken = services.pages.feature_steps.take(made, Clone("again", None))
    assert taken.feature_id is not None
    copy, before = memory.features[taken.feature_id], memory.features[made]
    moved = START.date() - before.start_date
    assert (copy.name, copy.is_running, copy.run) == ("again", False, None)
    assert copy.start_date == TODAY
    assert copy.end_date == before.end_date + moved
    assert [(v.value, v.weight) for v in copy.variants] == [
        (v.value, v.weight) for v in before.variants
    ]
    assert copy.plan is not None
    assert (copy.plan.ends_on, copy.plan.metric_ids) == (ends_on + moved, {"revenue": 1})


def test_a_clone_without_an_end_has_none_and_one_beyond_all_days_ends_with_them() -> None:
    endless = cloned(feature(1, end=FAR_END), Clone("x", TODAY), TODAY)
    assert endless.draft.end_date == FAR_END
    assert endless.plan is None
    far = cloned(feature(1), Clone("x", date.max - DAY), TODAY)
    assert far.draft.end_date == date.max


def test_a_clone_keeps_the_control() -> None:
    control = Variant(7, 1, "blue", True, Decimal("0.5"))
    (copy,) = cloned(replace(feature(1), variants=(control,)), Clone("x", TODAY), TODAY).variants
    assert (copy.value, copy.is_control, copy.weight) == ("blue", True, Decimal("0.5"))

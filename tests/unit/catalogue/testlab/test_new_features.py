"""New features of Test Lab: what there is room for, how long it takes, and all of it at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.catalogue.overview import OwnedBlock
from chalicelib.domain.catalogue.testlab.new_features import (
    Duration,
    NewFeature,
    Room,
    duration,
)
from chalicelib.domain.errors import Conflict, Invalid, Unavailable
from chalicelib.domain.features.blocks import FREE_BLOCKS
from chalicelib.domain.features.features import FAR_END, FeatureType, VariantDraft
from chalicelib.domain.features.result_plans import Measure, MetricRole, PlannedMetric, ResultPlan
from chalicelib.domain.outcomes.results.results import Summary
from chalicelib.services import Services
from tests.fakes.memory import START, FixedClock, Memory
from tests.unit.samples import TODAY, draft, experiment, feature, process


def room(free: int, wanted: int = 20) -> Room:
    """Twenty user blocks, of which the last ones are free."""
    owner = feature(99)
    owned = (OwnedBlock(each, owner if each.id <= 20 - free else None) for each in FREE_BLOCKS)
    return Room(tuple(owned), wanted)


ALL = room(20)
RATE = ResultPlan(smallest_effect=Decimal("0.05"), expected_mean=Decimal("0.2"), window=3)
REVENUE = PlannedMetric("revenue", Measure.MEAN, role=MetricRole.PRIMARY)
VARIANTS = (
    VariantDraft(0, "a", is_control=True, weight=Decimal("0.5")),
    VariantDraft(0, "b", weight=Decimal("0.5")),
)


def new(
    plan: ResultPlan | None = RATE,
    variants: tuple[VariantDraft, ...] = VARIANTS,
    kind: FeatureType = FeatureType.EXPERIMENT,
    share: str = "1",
    **more: float,
) -> NewFeature:
    return NewFeature(draft(kind=kind, share=share, start=TODAY), variants, plan, **more)


def took(of: NewFeature, per_day: float | None = 100.0, blocks: Room = ALL) -> Duration:
    found = duration(of, blocks, per_day)
    assert found is not None
    return found


def summary(feature_id: int, *recent: int) -> Summary:
    return Summary(
        feature_id, "keep_running", "", 0, "users", "fine", None, START, None, recent=recent
    )


# Duration


def test_users_come_from_the_calculator_and_days_from_the_traffic_of_the_share() -> None:
    whole = took(new())
    assert whole.users == whole.size.total
    assert whole.days == -(-whole.users // 100)
    assert whole.complete_on == TODAY + timedelta(days=whole.days + 3)
    quarter = took(new(share="0.25"))
    assert quarter.per_day == 25
    assert took(new(), blocks=room(5)).per_day == 25


def test_the_smallest_arm_decides_how_many_users_are_needed() -> None:
    uneven = (
        replace(VARIANTS[0], weight=Decimal("0.9")),
        replace(VARIANTS[1], weight=Decimal("0.1")),
    )
    assert took(new(variants=uneven)).users > 2 * took(new()).users
    three = (replace(VARIANTS[0], weight=None), VariantDraft(0, "b"), VariantDraft(0, "c"))
    assert took(new(variants=three)).users > took(new()).users
    switched_off = (*VARIANTS, VariantDraft(0, "c", weight=Decimal(0)))
    assert took(new(variants=switched_off)) == took(new())


def test_without_traffic_the_days_are_not_known() -> None:
    unknown = took(new(), per_day=None)
    assert (unknown.per_day, unknown.days, unknown.complete_on) == (None, None, None)
    never = took(new(share="0"))
    assert (never.per_day, never.days, never.complete_on) == (0, None, None)
    assert took(new(), per_day=1e-6).complete_on is None


def test_a_mean_goes_by_its_standard_deviation() -> None:
    mean = replace(RATE, metrics=(REVENUE,), expected_spread=Decimal(1))
    assert took(new(mean)).users > 0
    assert duration(new(replace(mean, expected_spread=None)), ALL, 1) is None


def test_what_is_not_told_gives_no_duration() -> None:
    assert duration(new(None), ALL, 1) is None
    assert duration(new(replace(RATE, smallest_effect=None)), ALL, 1) is None
    assert duration(new(replace(RATE, expected_mean=None)), ALL, 1) is None
    assert duration(new(variants=()), ALL, 1) is None


def test_an_arm_that_gets_nobody_is_refused() -> None:
    for weights in (("0", "1"), ("1", "0")):
        variants = tuple(
            replace(each, weight=Decimal(weight))
            for each, weight in zip(VARIANTS, weights, strict=True)
        )
        with pytest.raises(Invalid, match="control and at least one other variant"):
            duration(new(variants=variants), ALL, 1)


def test_without_a_window_it_follows_from_the_dates() -> None:
    assert took(new(replace(RATE, window=None))).window == 7


# Preview


def test_a_preview_knows_the_namesake_and_the_room(services: Services) -> None:
    other = services.features.create(draft("button", share="0.85"))
    services.user_blocks.catch_up()
    seen = services.pages.feature_creation.preview(lambda _: new(share="0.25"))
    assert (seen.namesake, seen.today) == (other.id, TODAY)
    assert seen.room is not None
    assert (seen.room.free, seen.room.wanted, seen.room.lacking) == (3, 5, 2)
    assert [each.owner and each.owner.id for each in seen.room.blocks[15:18]] == [1, 1, None]
    assert room(5, 3).lacking == 0
    assert seen.duration is not None
    toggle = services.pages.feature_creation.preview(
        lambda _: NewFeature(draft("x", kind=FeatureType.TOGGLE))
    )
    assert (toggle.room, toggle.duration, toggle.namesake) == (None, None, None)


def test_a_preview_of_nothing_knows_the_day(services: Services) -> None:
    assert services.pages.feature_creation.preview(None).new is None


def test_a_preview_says_why_there_is_no_duration(services: Services) -> None:
    odd = replace(RATE, expected_mean=Decimal(2))
    assert "rate" in str(services.pages.feature_creation.preview(lambda _: new(odd)).wrong)


def test_traffic_is_what_experiments_met_by_their_share(services: Services, memory: Memory) -> None:
    assert services.pages.feature_creation.preview(None).traffic is None
    ids = [services.features.create(draft(name, share="0.25")).id for name in ("a", "b", "c")]
    resting = services.features.create(draft("d", share="0.1", is_running=False))
    services.user_blocks.catch_up()
    assert services.pages.feature_creation.preview(None).traffic is None
    memory.summaries = {
        ids[0]: summary(ids[0], 500, *[20] * 14),
        ids[1]: summary(ids[1], 10, 50),
        ids[2]: summary(ids[2]),
        resting.id: summary(resting.id, 9),
    }
    assert services.pages.feature_creation.preview(None).traffic == pytest.approx(100)
    own = services.pages.feature_creation.preview(lambda _: new(users_per_day=8.0))
    assert own.duration is not None
    assert own.duration.per_day == pytest.approx(8 * 3 / 20)


# Creation


def test_all_of_a_feature_is_made_in_one_write(services: Services, memory: Memory) -> None:
    plan = replace(RATE, metrics=(REVENUE,))
    version = memory.revision.version
    made = services.pages.feature_creation.create(lambda _: new(plan))
    assert memory.revision.version == version + 1
    assert memory.features == {made.id: made}
    assert [(v.feature_id, v.value) for v in made.variants] == [(made.id, "a"), (made.id, "b")]
    assert made.plan is not None
    assert made.plan.metric_ids == {"revenue": 1}
    assert made.run is not None
    assert made.run.plan.smallest_effect == Decimal("0.05")


def test_without_a_plan_the_defaults_are_fixed(services: Services) -> None:
    made = services.pages.feature_creation.create(lambda _: new(None))
    assert made.plan is None
    assert made.run is not None
    rollout = services.pages.feature_creation.create(
        lambda today: NewFeature(
            draft("search", kind=FeatureType.ROLLOUT, start=today, end=FAR_END), plan=RATE
        )
    )
    assert (rollout.plan, rollout.run, rollout.variants) == (None, None, ())


@pytest.mark.parametrize(
    ("wished", "says"),
    [
        (new(variants=(VARIANTS[0],)), "the sum must be 1"),
        (new(replace(RATE, smallest_effect=Decimal(2))), "below 1"),
        (NewFeature(draft(start=TODAY, end=date(2026, 1, 1))), "not before the first day"),
    ],
)
def test_what_breaks_a_rule_leaves_nothing_behind(
    services: Services, memory: Memory, wished: NewFeature, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        services.pages.feature_creation.create(lambda _: wished)
    assert memory.features == {}


def test_a_name_that_another_has_is_refused(services: Services, memory: Memory) -> None:
    experiment(services, "button")
    with pytest.raises(Conflict, match="has the name already"):
        services.pages.feature_creation.create(lambda _: new())
    assert len(memory.features) == 1


def test_of_two_that_use_a_name_at_once_one_is_refused(memory: Memory, clock: FixedClock) -> None:
    def win(call: str) -> None:
        if call == "catalogue.commit" and not memory.features:
            process(memory, clock).features.create(draft("button"))

    with pytest.raises(Conflict):
        process(memory, clock, before=win).pages.feature_creation.create(lambda _: new())
    assert len(memory.features) == 1


def test_killed_half_way_nothing_is_there(memory: Memory, clock: FixedClock) -> None:
    def fail(call: str) -> None:
        if call == "catalogue.commit":
            raise Unavailable("the database does not answer")

    with pytest.raises(Unavailable):
        process(memory, clock, before=fail).pages.feature_creation.create(lambda _: new())
    assert memory.features == {}

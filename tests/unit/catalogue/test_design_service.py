"""Designs as people read them: numbers, lists, the plan; shipped, copied, deleted by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.confirmation import Changed
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments.enrollment_statistics import Head
from chalicelib.domain.experiments.experiments import (
    Experiment,
    Factor,
    Level,
    LevelElement,
    PostRule,
    State,
)
from chalicelib.domain.experiments.metrics import Metric, MetricType
from chalicelib.domain.features.result_plans import ResultPlan
from chalicelib.domain.outcomes.results.results import Summary
from chalicelib.services import Services
from chalicelib.services.catalogue.designs import Enrolled
from chalicelib.services.catalogue.imports import ListDraft
from chalicelib.services.outcomes.metrics import MetricDraft
from tests.fakes.memory import START, FixedClock, Memory
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import design, join, mark, segment

QUERY = {
    "id": "q",
    "name": "Time",
    "query": {"operationType": "avg"},
    "metric": {"key": "time"},
    "repeatedMeasure": "MEAN",
}


@pytest.fixture
def services(memory: Memory, clock: FixedClock) -> Services:
    return process(memory, clock)


def listing(segment_id: str, *users: str) -> ListDraft:
    return ListDraft(segment(segment_id, kind=SegmentType.PRIVATE), users)


def test_a_design_is_shown_with_its_numbers_and_lists(services: Services) -> None:
    services.segments.put(segment("part"), ["carl"])
    parted = ListDraft(
        replace(segment("out", kind=SegmentType.PRIVATE), sub_segments=("part", "gone")), ()
    )
    made = replace(design(weights={"a": 100, "b": 0}), queries=(QUERY,))
    services.imports.experiment(made, [listing("in", "anna", "ben")], [parted])
    join(services, "anna")
    mark(services, "anna")
    shown = services.pages.designs.shown("e")
    a, b = shown.design.conditions
    assert shown.enrolled_in(a.id) == Head(1, 0)
    assert shown.enrolled_in("unknown") == Head()
    assert [(each.segment.id, each.users, each.exclude, each.parts) for each in shown.lists] == [
        ("in", 2, False, ()),
        ("out", 0, True, ("segment part",)),
    ]
    assert (shown.code(b.id), shown.code(None)) == ("b", "")
    assert (shown.place("point 1"), shown.place("gone")) == ("lesson / hint", "")
    assert shown.planned_metrics() == [("Time", "primary")]
    assert shown.plan_changes() == []
    assert "home" in shown.choices.contexts
    assert [each.id for each in shown.choices.segments] == ["part"]


def test_a_list_that_is_gone_is_not_shown(services: Services) -> None:
    services.experiments.create(design(state=State.INACTIVE, include=["gone"]))
    shown = services.pages.designs.shown("e")
    assert shown.lists == ()
    assert shown.plan_changes() == []


def test_the_levels_of_a_condition_are_named_with_their_factors(services: Services) -> None:
    factor = Factor("f", "Color", 1, None, (Level("l", "red"), Level("m", "blue")))
    bare = design(weights={"a": 100})
    condition = replace(bare.conditions[0], levels=(LevelElement("x", "l"),))
    services.experiments.create(replace(bare, factors=(factor,), conditions=(condition,)))
    shown = services.pages.designs.shown("e")
    assert shown.levels_of(shown.design.conditions[0]) == "Color=red"


def test_an_unknown_design_is_not_found(services: Services) -> None:
    with pytest.raises(NotFound):
        services.pages.designs.shown("unknown")


def test_a_new_design_can_refer_to_what_there_is(services: Services) -> None:
    assert "home" in services.pages.designs.choices().contexts
    assert services.pages.designs.choices().metrics == ()


def test_a_shipped_winner_is_what_all_get(services: Services) -> None:
    services.experiments.create(design())
    winner = services.experiments.get("e").conditions[1].id
    after = services.pages.designs.ship("e", winner)
    assert (after.state, after.post_rule, after.revert_to) == (
        State.ENROLLMENT_COMPLETE,
        PostRule.ASSIGN,
        winner,
    )
    assert after.state_changes[-1].after is State.ENROLLMENT_COMPLETE


def test_a_copy_has_copies_of_its_own_lists_and_shares_the_public_ones(services: Services) -> None:
    services.segments.put(segment("shared"), ["carl"])
    shared = (ListEntry("shared"), ListEntry("gone"))
    made = replace(design(), include=shared, exclude=shared[1:])
    services.imports.experiment(made, [listing("own", "anna")], [listing("other", "ben")])
    copy = services.pages.designs.copy("e", "again")
    assert (copy.name, copy.state) == ("again", State.INACTIVE)
    ids = [entry.segment_id for entry in copy.include]
    assert ids[:2] == ["shared", "gone"]
    assert ids[2] not in ("own", "shared")
    stored = services.segments.stored()
    assert services.segments.members(stored[ids[2]]) == ["anna"]
    assert services.segments.members(stored[copy.exclude[1].segment_id]) == ["ben"]


def test_a_design_goes_for_who_says_its_name(services: Services) -> None:
    services.experiments.create(design())
    with pytest.raises(Invalid):
        services.experiments.delete("e", "other")
    assert services.experiments.delete("e", " experiment e ").id == "e"
    assert services.experiments.all() == []


def test_a_list_must_name_somebody(services: Services) -> None:
    services.experiments.create(design())
    with pytest.raises(Invalid):
        services.pages.designs.add_list("e", lambda _: listing("s"), exclude=True)
    after = services.pages.designs.add_list("e", lambda _: listing("s", "anna"), exclude=True)
    assert [each.segment_id for each in after.exclude] == ["s"]


def test_a_list_is_taken_off_the_design_that_has_it(services: Services) -> None:
    for experiment_id in ("e", "f"):
        services.experiments.create(design(experiment_id))
    services.pages.designs.add_list("e", lambda _: listing("s", "anna"), exclude=True)
    for experiment_id, exclude in (("f", True), ("e", False)):
        with pytest.raises(NotFound):
            services.pages.designs.remove_list(experiment_id, "s", exclude=exclude)
    services.pages.designs.remove_list("e", "s", exclude=True)
    assert services.experiments.get("e").exclude == ()


def test_who_edits_a_design_is_told_the_metrics_and_who_has_each_condition(
    services: Services,
) -> None:
    services.metrics.save([MetricDraft("time", MetricType.CONTINUOUS, None, ("home",))])
    made = services.experiments.create(design(state=State.ENROLLING))
    join(services, "ann")
    mark(services, "ann")

    def edit(before: Experiment, metrics: Sequence[Metric], enrolled: Enrolled) -> Experiment:
        assert [metric.key for metric in metrics] == ["time"]
        assert sum(head.users for head in enrolled().values()) == 1
        return replace(before, name="other")

    assert services.pages.designs.edit(made.id, edit).name == "other"
    with pytest.raises(NotFound):
        services.pages.designs.edit("unknown", edit)


def test_the_traffic_of_a_context_is_among_what_a_new_design_can_refer_to(
    services: Services, memory: Memory
) -> None:
    services.experiments.create(design(state=State.ENROLLING))
    (feature,) = services.catalogue.fresh().features
    assert services.pages.designs.choices(with_traffic=True).traffic == {}
    started = None if feature.run is None else feature.run.started_at
    line = Summary(feature.id, "", "", 3, "users", "fine", None, START, started, None, (1, 5))
    memory.summaries = {feature.id: line}
    assert services.pages.designs.choices().traffic == {}
    assert services.pages.designs.choices(with_traffic=True).traffic == {"home": 3}


def test_the_plan_of_a_design_is_told_from_what_it_becomes(services: Services) -> None:
    made = services.experiments.create(replace(design(), queries=(QUERY,)))
    shown = services.pages.designs.shown(made.id)
    assert (shown.plan, shown.query_names()) == (ResultPlan(), {"q": "Time"})
    services.plans.put(made.id, ResultPlan(units=90), shown.plan_seen)
    again = services.pages.designs.shown(made.id)
    assert again.plan.units == 90
    assert again.plan_seen != shown.plan_seen
    with pytest.raises(Changed):
        services.plans.put(made.id, ResultPlan(units=80), shown.plan_seen)

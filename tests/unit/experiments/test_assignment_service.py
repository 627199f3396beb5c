from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.catalogue import ClientSettings
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.experiments.experiments import Algorithm, ConsistencyRule, Experiment, State
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.services import Services
from chalicelib.services.participants.preview_users import RequestedAssignment
from chalicelib.services.running.compilation import UnknownContext
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import draft, drafts, process
from tests.unit.upgrade_service_samples import (
    CONTEXT,
    HERE,
    THERE,
    assign,
    class_key,
    counting,
    design,
    feature_id_of,
    group_design,
    in_class,
    join,
    known,
    mark,
    segment,
)


def stratified(experiment_id: str = "e", rule: ConsistencyRule | None = None) -> Experiment:
    return design(
        experiment_id,
        rule=rule or ConsistencyRule.EXPERIMENT,
        algorithm=Algorithm.STRATIFIED,
        stratification_factor="school",
    )


def fill_stratum(services: Services, experiment_id: str = "e", users: int = 40) -> None:
    """Enroll users of the stratum north until all are in one condition."""
    code = next(iter(services.experiments.get(experiment_id).conditions)).code
    services.experiments.edit(experiment_id, lambda before: _all_in(before, code))
    ids = [f"north {i}" for i in range(users)]
    services.stratification.put({"school": dict.fromkeys(ids, "north")})
    for user_id in ids:
        mark(services, user_id)
    services.experiments.edit(experiment_id, _equal)


def _all_in(before: Experiment, code: str) -> Experiment:
    return replace(
        before,
        conditions=tuple(
            replace(c, weight=100.0 if c.code == code else 0.0) for c in before.conditions
        ),
    )


def _equal(before: Experiment) -> Experiment:
    return replace(before, conditions=tuple(replace(c, weight=50.0) for c in before.conditions))


@pytest.mark.parametrize("context", ["HOME", "nothing", ""])
def test_an_unknown_context_is_refused_though_nothing_is_offered(
    context: str, services: Services
) -> None:
    join(services, "u")
    with pytest.raises(UnknownContext, match=f"Invalid app context: {context}"):
        assign(services, context=context)
    assert issubclass(UnknownContext, Invalid)


def test_without_experiments_nothing_is_assigned(services: Services) -> None:
    join(services, "u")
    assigned = services.assignment.assign(known(services, "u"), CONTEXT)
    assert (assigned.assignments, assigned.testlab) == ((), None)


def test_a_user_gets_one_condition_at_all_points_of_an_experiment(services: Services) -> None:
    services.experiments.create(design(point_keys=(HERE, THERE)))
    join(services, "u")
    got = assign(services)
    assert got.keys() == {HERE, THERE}
    assert len(set(got.values())) == 1
    assert assign(services, context="add") == {}


def test_assign_stores_nothing(services: Services, memory: Memory, clock: FixedClock) -> None:
    services.experiments.create(group_design())
    join(services, "u", update=in_class("1a"))
    calls: Counter[str] = Counter()
    before = known(services, "u")
    assign(process(memory, clock, before=counting(calls)))
    assert known(services, "u") == before
    assert set(calls) == {
        "participants.get",
        "participants.groups",
        "catalogue.revision",
        "catalogue.load",
    }


def test_groups_are_read_only_where_they_matter(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    join(services, "u", update=in_class("1a"))
    calls: Counter[str] = Counter()
    assign(process(memory, clock, before=counting(calls)))
    assert calls["participants.groups"] == 0


def test_a_classmate_gets_the_condition_of_the_class(services: Services) -> None:
    services.experiments.create(group_design(weights={"a": 100.0, "b": 0.0}))
    join(services, "u", "v", update=in_class("1a"))
    join(services, "w", update=in_class("1b"))
    mark(services, "u")
    services.experiments.edit("e", lambda before: _all_in(before, "b"))
    assert [assign(services, user_id)[HERE] for user_id in "uvw"] == ["a", "a", "b"]


def test_whoever_is_shut_out_gets_nothing_of_test_lab_either(services: Services) -> None:
    services.experiments.create(design())
    made = services.features.create(draft())
    services.features.replace_variants(made.id, drafts(made.id, None))
    services.user_blocks.catch_up()
    services.segments.put(segment(kind=SegmentType.GLOBAL_EXCLUDE, groups=[class_key("1a")]), [])
    join(services, "u", update=in_class("1a"))
    join(services, "v", update=in_class("1b"))
    assert [
        bool(services.assignment.assign(known(services, user_id), CONTEXT).testlab)
        for user_id in "uv"
    ] == [False, True]
    assert (assign(services, "u"), set(assign(services, "v"))) == ({}, {HERE})


def test_preview_users_see_what_is_in_preview_with_the_condition_set_for_them(
    services: Services,
) -> None:
    services.experiments.create(design(state=State.PREVIEW))
    join(services, "u", "v")
    for code in ("a", "b"):
        services.preview_users.put("u", [RequestedAssignment("e", f"id of {code}")])
        assert assign(services, "u") == {HERE: code}
    services.preview_users.put("u", [])
    assert set(assign(services, "u")) == {HERE}
    assert assign(services, "v") == {}
    services.preview_users.remove("u")
    assert assign(services, "u") == {}


# Strata


def test_what_a_stratum_lacks_is_evened_out(services: Services) -> None:
    """With 50 and 50 per cent and all of a stratum in one condition the next get the other."""
    services.experiments.create(stratified())
    fill_stratum(services)
    new = [f"new {i}" for i in range(12)]
    services.stratification.put({"school": dict.fromkeys(new, "north")})
    assert {assign(services, user_id)[HERE] for user_id in new} == {"b"}


@pytest.mark.parametrize("value", ["south", None])
def test_other_strata_are_not_corrected(value: str | None, services: Services) -> None:
    services.experiments.create(stratified())
    fill_stratum(services)
    new = [f"new {i}" for i in range(12)]
    join(services, *new)
    if value is not None:
        services.stratification.put({"school": dict.fromkeys(new, value)})
    assert {assign(services, user_id)[HERE] for user_id in new} == {"a", "b"}


def test_weights_are_corrected_under_the_experiment_rule_only(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(stratified(rule=ConsistencyRule.INDIVIDUAL))
    fill_stratum(services)
    services.stratification.put({"school": {"u": "north"}})
    calls: Counter[str] = Counter()
    assign(process(memory, clock, before=counting(calls)))
    assert calls["enrollment_counts.in_stratum"] == 0


def test_each_experiment_goes_by_its_own_strata(services: Services) -> None:
    services.experiments.create(stratified("e"))
    other = stratified("f")
    services.experiments.create(replace(other, points=design(point_keys=[THERE]).points))
    fill_stratum(services, "e")
    assert feature_id_of(services, "e") != feature_id_of(services, "f")
    new = [f"new {i}" for i in range(12)]
    services.stratification.put({"school": dict.fromkeys(new, "north")})
    got = [assign(services, user_id) for user_id in new]
    assert {each[HERE] for each in got} == {"b"}
    assert {each[THERE] for each in got} == {"a", "b"}


# At one point


def assign_at(
    services: Services, point_key: DecisionPointKey = HERE, user_id: str = "u"
) -> list[str]:
    """The codes that a user gets at a decision point."""
    assigned = services.assignment.assign_at(known(services, user_id), CONTEXT, point_key)
    return [each.conditions[0].code for each in assigned.assignments]


def test_of_the_experiments_at_a_point_a_user_gets_one_there_alone(services: Services) -> None:
    services.experiments.create(design("one", point_keys=(HERE, THERE), weights={"a": 100}))
    services.experiments.create(design("two", point_keys=(THERE,), weights={"b": 100}))
    join(services, "u")
    assert assign_at(services) == ["a"]
    assert assign_at(services, THERE) in (["a"], ["b"])
    assert assign_at(services, DecisionPointKey("lesson", "other")) == []


def test_who_is_globally_excluded_gets_nothing_at_a_point_either(services: Services) -> None:
    services.experiments.create(design())
    services.segments.put(segment(kind=SegmentType.GLOBAL_EXCLUDE), ["u"])
    join(services, "u", "v")
    assert assign_at(services) == []
    assert len(assign_at(services, user_id="v")) == 1


def test_an_unknown_context_is_refused_at_a_point_too(services: Services) -> None:
    join(services, "u")
    with pytest.raises(UnknownContext):
        services.assignment.assign_at(known(services, "u"), "nothing", HERE)


def test_at_a_point_the_group_and_the_stratum_are_read_if_an_experiment_there_needs_them(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(
        replace(group_design("e"), points=design(point_keys=(THERE,)).points)
    )
    services.experiments.create(stratified("s"))
    fill_stratum(services, "s")
    join(services, "north u", update=in_class("1a"))
    services.stratification.put({"school": {"north u": "north"}})
    calls: Counter[str] = Counter()
    counted = process(memory, clock, before=counting(calls))
    lacked = set(assign_at(counted, HERE, "north u"))
    assert lacked == {"b"}
    assert (calls["participants.groups"], calls["enrollment_counts.in_stratum"]) == (0, 1)
    calls.clear()
    assert len(assign_at(counted, THERE, "north u")) == 1
    assert (calls["participants.groups"], calls["enrollment_counts.in_stratum"]) == (1, 0)


def test_assign_of_one_point_answers_what_assign_of_all_answers_there(services: Services) -> None:
    services.experiments.create(design("one", point_keys=(HERE, THERE), weights={"a": 100}))
    made = services.features.create(draft("button"))
    services.features.replace_variants(made.id, drafts(made.id, "1"))
    services.user_blocks.catch_up()
    join(services, "u")
    user = known(services, "u")
    whole = services.assignment.assign(user, CONTEXT)
    for point_key in (HERE, THERE, DecisionPointKey("button", ""), DecisionPointKey("other", "")):
        at = services.assignment.assign(user, CONTEXT, point_key)
        there = [each for each in whole.assignments if each.point.point_key == point_key]
        assert list(at.assignments) == there
        assert at.testlab == (whole.testlab if point_key.site == "button" else None)


def test_an_experiment_of_test_lab_is_at_its_name(services: Services) -> None:
    made = services.features.create(draft("button"))
    services.features.replace_variants(made.id, drafts(made.id, "1"))
    services.user_blocks.catch_up()
    join(services, "u")
    user = known(services, "u")
    own = services.assignment.assign_at(user, CONTEXT, DecisionPointKey("button", "")).testlab
    assert own is not None
    assert own.feature.name == "button"
    for elsewhere in (DecisionPointKey("button", "x"), DecisionPointKey("other", "")):
        assert services.assignment.assign_at(user, CONTEXT, elsewhere).testlab is None


# What is set up around experiments


def test_a_user_of_a_stratum_need_not_be_known_before(services: Services) -> None:
    services.stratification.put({"school": {"u": "north", "v": "south"}})
    services.stratification.put({"school": {"u": ""}})
    assert [known(services, user_id).strata for user_id in "uv"] == [{}, {"school": "south"}]


def test_a_user_of_a_stratum_who_joins_meanwhile_is_kept(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    rival = once("strata.store", lambda: join(services, "u", update=in_class("1a")))
    slow = process(memory, clock, before=rival)
    slow.stratification.put({"school": {"u": "north"}})
    user = known(services, "u")
    assert (user.strata, user.working_group("class")) == ({"school": "north"}, class_key("1a"))


@pytest.mark.parametrize("user_id", ["x" * 513, "é" * 257])
def test_ids_that_cannot_be_stored_are_refused(
    user_id: str, services: Services, memory: Memory
) -> None:
    with pytest.raises(Invalid, match="512 bytes"):
        services.stratification.put({"school": {user_id: "north"}})
    with pytest.raises(Invalid, match="512 bytes"):
        services.preview_users.put(user_id)
    assert memory.participants == {}


def test_settings_are_changed_one_by_one(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    setup = services.study_setup
    assert setup.settings() == ClientSettings(check_auth=False, filter_metric=True)
    assert setup.change_settings(check_auth=True) == ClientSettings(check_auth=True)
    changed = setup.change_settings(check_auth=True, filter_metric=False)
    assert changed == ClientSettings(check_auth=True, filter_metric=False)
    assert process(memory, clock).study_setup.settings() == changed
    before = memory.revision
    assert setup.change_settings(check_auth=True, filter_metric=False) == changed
    assert memory.revision == before


def test_tokens_cannot_be_asked_for_that_nobody_could_make(
    memory: Memory, clock: FixedClock
) -> None:
    setup = process(memory, clock, credentials=None).study_setup
    with pytest.raises(Invalid, match="configure CLIENT_API_SECRET and CLIENT_API_KEY first"):
        setup.change_settings(check_auth=True)
    assert memory.revision.version == 0
    changed = setup.change_settings(check_auth=False, filter_metric=False)
    assert changed == ClientSettings(check_auth=False, filter_metric=False)


def test_of_two_changes_of_settings_at_once_none_is_lost(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    rival = once(
        "catalogue.commit",
        lambda: services.study_setup.change_settings(check_auth=False, filter_metric=False),
    )
    changed = process(memory, clock, before=rival).study_setup.change_settings(check_auth=True)
    assert changed == services.study_setup.settings() == ClientSettings(True, False)


def test_the_name_of_a_factor_is_bounded(services: Services) -> None:
    services.stratification.put({"\u00e9" * 127: {"u": "x"}})
    with pytest.raises(Invalid):
        services.stratification.put({"\u00e9" * 128: {"u": "x"}})


def test_what_was_made_a_moment_ago_is_looked_up_and_what_is_gone_is_not(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    """A user whose records name what the cached catalogue lacks costs a read for a moment only."""
    ttl = 60
    calls: Counter[str] = Counter()
    server = process(memory, clock, ttl=ttl, before=counting(calls))
    server.catalogue.snapshot()
    services.experiments.create(design("e"))
    join(services, "u")
    mark(services)
    services.experiments.delete("e")

    def revisions_read() -> int:
        calls.clear()
        assign(server)
        return calls["catalogue.revision"]

    assert revisions_read() == 1, "it may be one that this process has not seen"
    clock.advance(timedelta(seconds=2 * ttl))
    assert revisions_read() == 0, "it is gone: the snapshot would know it"


def test_a_stale_catalogue_is_gone_on_with_though_records_name_what_it_lacks(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    down = False

    def fail(call: str) -> None:
        if down and call == "catalogue.revision":
            raise Unavailable("no answer")

    server = process(memory, clock, before=fail)
    server.catalogue.snapshot()
    services.experiments.create(design("e"))
    join(services, "u")
    mark(services)
    down = True
    with server.catalogue.one_view(stale_ok=True):
        assert assign(server) == {}
        assert server.catalogue.stale

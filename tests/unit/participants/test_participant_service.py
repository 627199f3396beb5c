from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.domain.errors import Invalid, LostRace, SwitchyardError
from chalicelib.domain.experiments.experiments import Algorithm, ConsistencyRule, State
from chalicelib.domain.experiments.marks import MarkStatus
from chalicelib.domain.participants.participants import ErasedMeanwhile, ExclusionCode, Profile
from chalicelib.services import Services
from chalicelib.services.participants.participants import (
    ALIASES_AT_ONCE,
    AliasIsUser,
    AliasOfAnother,
    GroupUpdate,
)
from chalicelib.services.running.retries import FEWEST
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import fake_stores, once
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import (
    HERE,
    THERE,
    Killed,
    assign,
    at_once,
    caller,
    class_key,
    counting,
    design,
    dying,
    enrolled_users,
    enrollments,
    feature_id_of,
    group_design,
    group_record,
    in_class,
    join,
    known,
    mark,
    now_in,
    reweighted,
)

PARALLEL = 8


def init(services: Services, user_id: str, update: GroupUpdate | None = None) -> Profile:
    return services.participants.init(user_id, update or GroupUpdate(), follow=True)[0]


def grouped(**group: tuple[str, ...]) -> GroupUpdate:
    return GroupUpdate(group=group, group_sent=True)


# Initialising


def test_a_new_user_is_stored_as_described(services: Services) -> None:
    update = in_class("b", "a")
    profile, is_new = services.participants.init("u", update, follow=True)
    assert is_new
    assert profile == Profile("u", {"class": ("b", "a")}, {"class": "a"})
    assert known(services, "u").profile == profile


def test_an_unknown_user_is_not_found(services: Services) -> None:
    assert services.participants.find("u") is None


@pytest.mark.parametrize("call", [lambda s, user_id: s.participants.find(user_id), init])
def test_ids_that_cannot_be_stored_are_refused(
    call: Callable[[Services, str], object], services: Services
) -> None:
    with pytest.raises(Invalid, match="at most 512 bytes"):
        call(services, "x" * 513)


def test_fields_that_are_not_sent_stay(services: Services) -> None:
    init(services, "u", in_class("1a"))
    profile, is_new = services.participants.init("u", now_in("1b"), follow=True)
    assert not is_new
    assert profile == Profile("u", {"class": ("1a",)}, {"class": "1b"})
    assert known(services, "u").profile == profile


def test_null_replaces_what_is_stored(services: Services) -> None:
    init(services, "u", in_class("1a"))
    nothing = GroupUpdate(group_sent=True, working_group_sent=True)
    assert init(services, "u", nothing) == known(services, "u").profile == Profile("u")


def test_groups_that_replace_others_are_sorted_by_code_units(services: Services) -> None:
    """U+1F600 is written with surrogates, which come before U+FF5E."""
    init(services, "u", grouped(a=("2", "1")))
    assert known(services, "u").profile.group == {"a": ("2", "1")}
    init(services, "u", grouped(a=("\uff5e", "\U0001f600", "b", "B")))
    assert known(services, "u").profile.group == {"a": ("B", "b", "\U0001f600", "\uff5e")}


@pytest.mark.parametrize(
    "update",
    [GroupUpdate(), grouped(a=("2", "1"), b=()), grouped(b=(), a=("1", "2", "1"))],
)
def test_what_is_equal_is_not_written(
    update: GroupUpdate, services: Services, memory: Memory, clock: FixedClock
) -> None:
    init(services, "u", grouped(a=("1", "2"), b=()))
    calls: Counter[str] = Counter()
    init(process(memory, clock, before=counting(calls)), "u", update)
    assert calls["profiles.update"] == calls["profiles.create"] == 0


def test_two_first_inits_at_once_are_one_user(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    slow = process(
        memory,
        clock,
        before=once("profiles.create", lambda: init(services, "u", in_class("1a"))),
    )
    profile, is_new = slow.participants.init("u", now_in("1b"), follow=True)
    assert not is_new
    assert profile == Profile("u", {"class": ("1a",)}, {"class": "1b"})


def test_parallel_inits_are_one_user_and_lose_nothing(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    processes = [process(memory, clock) for _ in range(PARALLEL)]
    results = at_once(
        *(partial(p.participants.init, "u", in_class("1a"), follow=True) for p in processes)
    )
    assert sum(is_new for _, is_new in results) == 1
    assert {profile.id for profile, _ in results} == {"u"}
    assert known(services, "u").revision == 1


def test_an_init_does_not_undo_a_mark_in_between(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    feature_id = feature_id_of(services)
    join(services, "u")
    slow = process(memory, clock, before=once("profiles.update", lambda: mark(services)))
    init(slow, "u", in_class("1a"))
    assert len(enrollments(memory, "u", feature_id)) == 1
    assert known(services, "u").profile.working_group == {"class": "1a"}


# Groups


def test_groups_are_replaced_as_sent(services: Services) -> None:
    init(services, "u", in_class("1a"))
    services.participants.set_groups(caller(services, "u"), grouped(a=("2", "1")))
    assert known(services, "u").profile == Profile("u", {"a": ("2", "1")}, {"class": "1a"})
    services.participants.set_groups(caller(services, "u"), now_in("1b"))
    assert known(services, "u").profile == Profile("u", {"a": ("2", "1")}, {"class": "1b"})


def test_groups_set_at_once_are_all_kept(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    init(services, "u")
    rival = once(
        "profiles.update",
        lambda: services.participants.set_groups(caller(services, "u"), now_in("1b")),
    )
    slow = process(memory, clock, before=rival)
    slow.participants.set_groups(caller(slow, "u"), grouped(a=("1",)))
    assert known(services, "u").profile == Profile("u", {"a": ("1",)}, {"class": "1b"})


def test_groups_of_a_user_who_is_gone_meanwhile_are_not_stored(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    init(services, "u")
    named = caller(services, "u")
    slow = process(memory, clock, before=once("profiles.update", services.demo.clear))
    with pytest.raises(ErasedMeanwhile):
        slow.participants.set_groups(named, now_in("1b"))
    assert memory.participants == {}


@pytest.mark.usefixtures("no_time")
def test_a_user_whom_others_change_again_and_again_is_given_up(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    init(services, "u")
    calls: Counter[str] = Counter()

    def lose(call: str) -> None:
        calls[call] += 1
        if call == "profiles.update":
            raise LostRace("somebody was faster")

    with pytest.raises(SwitchyardError, match="the user: too many writers at once"):
        init(process(memory, clock, before=lose), "u", in_class("1a"))
    assert calls["profiles.update"] == FEWEST


# Aliases


def test_aliases_lead_to_their_owner(services: Services) -> None:
    init(services, "u", in_class("1a"))
    assert services.participants.set_aliases(caller(services, "u"), ["x", "y"]) == ["x", "y"]
    found = caller(services, "x")
    assert found.named.profile == Profile("x", owner="u")
    assert found.user == known(services, "u")
    assert found.user.id == "u"


def test_kept_aliases_come_before_new_ones_each_once(services: Services) -> None:
    init(services, "u")
    set_aliases = services.participants.set_aliases
    set_aliases(caller(services, "u"), ["old"])
    assert set_aliases(caller(services, "u"), ["new", "old", "newer"]) == ["old", "new", "newer"]
    assert set_aliases(caller(services, "u"), ["old", "new", "old"]) == ["old", "new"]
    assert set_aliases(caller(services, "u"), []) == []


def test_an_id_repeated_before_a_new_one_stores_nothing(services: Services, memory: Memory) -> None:
    init(services, "u")
    set_aliases = services.participants.set_aliases
    assert set_aliases(caller(services, "u"), ["x", "x", "y"]) == []
    assert set(memory.participants) == {"u"}
    assert set_aliases(caller(services, "u"), ["x", "y", "x"]) == ["x", "y"]


def test_aliases_of_an_alias_are_the_owner_s(services: Services) -> None:
    init(services, "u")
    services.participants.set_aliases(caller(services, "u"), ["x"])
    services.participants.set_aliases(caller(services, "x"), ["y"])
    assert caller(services, "y").user.id == "u"


@pytest.mark.parametrize("taken", ["of another", "user", "u"])
def test_one_taken_id_refuses_all_aliases(taken: str, services: Services, memory: Memory) -> None:
    join(services, "u", "user", "v")
    services.participants.set_aliases(caller(services, "v"), ["of another"])
    before = dict(memory.participants)
    error = AliasOfAnother if taken == "of another" else AliasIsUser
    with pytest.raises(error, match=f'"{taken}"'):
        services.participants.set_aliases(caller(services, "u"), ["new", taken, "newer"])
    assert memory.participants == before


def test_a_conflict_names_alias_and_owner_as_the_original_does(services: Services) -> None:
    join(services, "u", "v")
    services.participants.set_aliases(caller(services, "v"), ["x"])
    with pytest.raises(AliasOfAnother) as conflict:
        services.participants.set_aliases(caller(services, "u"), ["x", "v"])
    assert str(conflict.value) == (
        "Users already associated with other users [\n  {\n"
        '    "userId": "x",\n    "linkedTo": "v"\n  }\n] and cannot be made alias of u'
    )


def test_an_alias_that_somebody_takes_meanwhile_refuses_all(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    join(services, "u", "v")

    def rival() -> None:
        services.participants.set_aliases(caller(services, "v"), ["y"])

    slow = process(memory, clock, before=once("profiles.create", rival))
    with pytest.raises(AliasOfAnother):
        slow.participants.set_aliases(caller(slow, "u"), ["x", "y"])
    assert set(memory.participants) == {"u", "v", "y"}


def test_the_same_aliases_at_once_are_made_once(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    init(services, "u")
    processes = [process(memory, clock) for _ in range(PARALLEL)]
    results = at_once(
        *(partial(p.participants.set_aliases, caller(p, "u"), ["x", "y"]) for p in processes)
    )
    assert results == [["x", "y"]] * PARALLEL
    assert known(services, "y").id == "u"


def test_too_many_aliases_and_ids_too_long_are_refused(services: Services, memory: Memory) -> None:
    init(services, "u")
    set_aliases = services.participants.set_aliases
    many = [f"alias {i}" for i in range(ALIASES_AT_ONCE + 1)]
    with pytest.raises(Invalid, match="at most 90"):
        set_aliases(caller(services, "u"), many)
    with pytest.raises(Invalid, match="512 bytes"):
        set_aliases(caller(services, "u"), ["x", "y" * 513])
    assert set(memory.participants) == {"u"}
    assert set_aliases(caller(services, "u"), many[1:]) == many[1:]


def test_aliases_killed_at_any_call_are_all_made_or_none(clock: FixedClock) -> None:
    for call in itertools.count():
        memory = Memory()
        services = process(memory, clock)
        init(services, "u")
        doomed = process(memory, clock, after=dying(call))
        try:
            doomed.participants.set_aliases(caller(doomed, "u"), ["x", "y"])
        except Killed:
            assert set(memory.participants) in ({"u"}, {"u", "x", "y"})
            again = services.participants.set_aliases(caller(services, "u"), ["x", "y"])
            assert again == ["x", "y"]
        else:
            break
    assert call > 2


@pytest.mark.parametrize("follow", [True, False])
def test_an_init_through_an_alias_updates_the_owner_or_the_alias_itself(
    follow: bool, services: Services, memory: Memory
) -> None:
    init(services, "u")
    services.participants.set_aliases(caller(services, "u"), ["x"])
    profile, is_new = services.participants.init("x", in_class("1a"), follow=follow)
    changed = "u" if follow else "x"
    assert not is_new
    assert profile.id == changed
    assert profile.owner == (None if follow else "u")
    for user_id in ("u", "x"):
        stored = memory.participants[user_id].profile.working_group
        assert stored == ({"class": "1a"} if user_id == changed else None)


def test_an_alias_whose_owner_is_gone_stands_for_itself(services: Services, memory: Memory) -> None:
    init(services, "u")
    services.participants.set_aliases(caller(services, "u"), ["x"])
    del memory.participants["u"]
    assert known(services, "x").id == "x"


# What a change of the working group takes away


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (ConsistencyRule.GROUP, 0),
        (ConsistencyRule.INDIVIDUAL, 1),
        (ConsistencyRule.EXPERIMENT, 0),
    ],
)
@pytest.mark.parametrize("state", [State.ENROLLING, State.ENROLLMENT_COMPLETE, State.CANCELLED])
def test_enrollments_end_with_the_working_group_by_rule_and_counters_follow(
    rule: ConsistencyRule, kept: int, state: State, services: Services, memory: Memory
) -> None:
    services.experiments.create(group_design(rule=rule))
    feature_id = feature_id_of(services)
    init(services, "u", in_class("1a", "1b"))
    mark(services)
    if state is not State.ENROLLING:
        services.experiments.move("e", state)
    kept = 1 if state is State.CANCELLED else kept
    init(services, "u", now_in("1a"))
    assert len(enrollments(memory, "u", feature_id)) == kept
    assert fake_stores(memory).enrollment_counts.in_all(feature_id)[0] == kept
    assert enrolled_users(memory, feature_id) == kept
    assert set(group_record(memory, "1b").enrollments) == {feature_id}, "the group's own stays"


@pytest.mark.parametrize("rule", [ConsistencyRule.GROUP, ConsistencyRule.EXPERIMENT])
def test_the_users_of_a_group_are_counted_anew_when_one_leaves(
    rule: ConsistencyRule, services: Services, memory: Memory
) -> None:
    services.experiments.create(group_design(rule=rule))
    feature_id = feature_id_of(services)
    join(services, "u", "v", update=in_class("1a", "1b"))
    mark(services, "u")
    mark(services, "v")
    init(services, "u", now_in("1a"))
    assert group_record(memory, "1b").counts.get(feature_id, 0) == 1
    mark(services, "u")
    assert group_record(memory, "1a").counts.get(feature_id, 0) == 1
    assert fake_stores(memory).enrollment_counts.in_all(feature_id)[0] == 2


def test_the_stratum_of_a_user_is_counted_anew_when_enrollments_end(
    services: Services, memory: Memory
) -> None:
    made = group_design(rule=ConsistencyRule.EXPERIMENT, weights={"a": 100.0, "b": 0.0})
    made = replace(made, algorithm=Algorithm.STRATIFIED, stratification_factor="school")
    services.experiments.create(made)
    feature_id = feature_id_of(services)
    [a, _] = services.experiments.get("e").conditions
    init(services, "u", in_class("1a", "1b"))
    services.stratification.put({"school": {"u": "north"}})
    mark(services, code="a")
    stratum = fake_stores(memory).enrollment_counts.in_stratum
    assert stratum(feature_id, "north") == {a.variant_id: 1}
    init(services, "u", now_in("1a"))
    assert sum(stratum(feature_id, "north").values()) == 0
    mark(services, code="a")
    assert stratum(feature_id, "north").get(a.variant_id) == 1


def test_a_user_of_several_places_is_taken_off_once(services: Services, memory: Memory) -> None:
    made = replace(group_design(), points=design(point_keys=(HERE, THERE)).points)
    services.experiments.create(made)
    feature_id = feature_id_of(services)
    join(services, "u", "v", update=in_class("1a", "1b"))
    mark(services, "v")
    mark(services, "u", HERE)
    mark(services, "u", THERE)
    init(services, "u", now_in("1a"))
    assert enrollments(memory, "u", feature_id) == []
    assert fake_stores(memory).enrollment_counts.in_all(feature_id)[0] == 1


def test_in_a_new_class_a_user_gets_the_condition_of_that_class(
    services: Services, memory: Memory
) -> None:
    services.experiments.create(group_design(weights={"a": 100.0, "b": 0.0}))
    feature_id = feature_id_of(services)
    join(services, "u", update=in_class("1a"))
    mark(services, "u")
    services.experiments.edit("e", lambda before: reweighted(before, a=0.0, b=100.0))
    join(services, "v", update=in_class("1a", "1b"))
    mark(services, "v")
    services.participants.set_groups(caller(services, "v"), now_in("1a"))
    assert assign(services, "v") == {HERE: "a"}
    mark(services, "v")
    assert enrollments(memory, "v", feature_id) == [(HERE, "id of a")]


@pytest.mark.parametrize(
    ("rule", "is_lifted"),
    [
        (ConsistencyRule.GROUP, True),
        (ConsistencyRule.INDIVIDUAL, True),
        (ConsistencyRule.EXPERIMENT, False),
    ],
)
def test_exclusions_are_lifted_with_the_working_group_by_rule(
    rule: ConsistencyRule, is_lifted: bool, services: Services
) -> None:
    services.experiments.create(group_design(rule=rule))
    feature_id = feature_id_of(services)
    init(services, "u", in_class("1a", "1b"))
    mark(services, status=MarkStatus.NOT_APPLIED)
    assert known(services, "u").exclusions[feature_id].code is ExclusionCode.BY_CLIENT
    services.participants.set_groups(caller(services, "u"), now_in("1a"))
    assert (feature_id in known(services, "u").exclusions) is not is_lifted
    assert (HERE in assign(services)) is is_lifted


def test_having_reached_a_point_too_early_is_lifted_too(
    services: Services, clock: FixedClock
) -> None:
    made = group_design(rule=ConsistencyRule.INDIVIDUAL)
    flagged = tuple(replace(each, exclude_if_reached=True) for each in made.points)
    services.experiments.create(replace(made, points=flagged, state=State.INACTIVE))
    init(services, "u", in_class("1a", "1b"))
    mark(services)
    clock.advance(timedelta(seconds=1))
    services.experiments.move("e", State.ENROLLING)
    assert assign(services) == {}
    clock.advance(timedelta(seconds=1))
    init(services, "u", now_in("1a"))
    assert set(assign(services)) == {HERE}
    assert known(services, "u").lifted == {feature_id_of(services): clock.now}


@pytest.mark.parametrize("before", [GroupUpdate(), GroupUpdate({}, {}, True, True)])
def test_the_first_working_group_takes_nothing_away(
    before: GroupUpdate, services: Services
) -> None:
    services.experiments.create(group_design(rule=ConsistencyRule.INDIVIDUAL))
    init(services, "u", before)
    mark(services)
    init(services, "u", in_class("1a"))
    assert known(services, "u").exclusions.keys() == {feature_id_of(services)}


def test_taking_the_working_group_away_takes_nothing_else_away(
    services: Services, memory: Memory
) -> None:
    services.experiments.create(group_design())
    init(services, "u", in_class("1a"))
    mark(services)
    init(services, "u", GroupUpdate(working_group_sent=True))
    assert len(enrollments(memory, "u", feature_id_of(services))) == 1


def test_other_groups_of_the_user_take_nothing_away(services: Services, memory: Memory) -> None:
    services.experiments.create(group_design())
    init(services, "u", in_class("1a"))
    mark(services)
    working = {"class": "1a", "school": "s"}
    init(services, "u", GroupUpdate(working_group=working, working_group_sent=True))
    init(services, "u", grouped(**{"class": ("1b",)}))
    assert len(enrollments(memory, "u", feature_id_of(services))) == 1
    assert known(services, "u").working_group("class") == class_key("1a")


def test_a_group_change_beside_a_mark_leaves_counters_that_agree(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(group_design())
    feature_id = feature_id_of(services)
    init(services, "u", in_class("1a", "1b"))
    slow = process(memory, clock, before=once("profiles.update", lambda: mark(services)))
    init(slow, "u", now_in("1a"))
    assert enrollments(memory, "u", feature_id) == []
    assert fake_stores(memory).enrollment_counts.in_all(feature_id)[0] == 0
    slow = process(
        memory,
        clock,
        before=once("enrollments.store_mark", lambda: init(services, "u", now_in("1b"))),
    )
    mark(slow)
    [enrollment] = known(services, "u").enrollments[feature_id]
    assert enrollment.group_id == "1b"
    assert fake_stores(memory).enrollment_counts.in_all(feature_id)[0] == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_group_change_killed_at_any_call_and_repeated_counts_right(
    moment: str, clock: FixedClock
) -> None:
    for call in itertools.count():
        memory = Memory()
        services = process(memory, clock)
        services.experiments.create(group_design())
        feature_id = feature_id_of(services)
        init(services, "u", in_class("1a", "1b"))
        mark(services)
        step = dying(call)
        doomed = process(
            memory,
            clock,
            before=step if moment == "before" else None,
            after=step if moment == "after" else None,
        )
        killed = False
        try:
            init(doomed, "u", now_in("1a"))
        except Killed:
            killed = True
        init(services, "u", now_in("1a"))
        assert enrollments(memory, "u", feature_id) == []
        assert fake_stores(memory).enrollment_counts.in_all(feature_id)[0] == 0
        if not killed:
            break
    assert call > 2

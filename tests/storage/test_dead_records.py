"""What a deleted experiment leaves behind is found by its number, and goes; nothing else does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.catalogue.purge import HANDOVER, SECOND_PASS, DeadVariants
from chalicelib.domain.errors import LostRace
from chalicelib.domain.experiments.experiments import Unit
from chalicelib.domain.experiments.group_change import GroupChange
from chalicelib.domain.experiments.marks import MarkStatus, Records, Repeat
from chalicelib.domain.features.users import Totals, TotalsShard
from chalicelib.domain.outcomes.metric_results import Effect, QueryResult
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Participant
from chalicelib.domain.privacy.erasure import Ending, KeptRepeat
from chalicelib.services import Services
from chalicelib.services.experiments.ports import Counting, Position
from chalicelib.services.stores import Stores
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import shared
from tests.fakes.memory import START
from tests.recount import Tables, all_items, recounted, stored_counts
from tests.storage.test_killed_calls import Killed, World, world
from tests.storage.test_killed_lists import dying_at
from tests.storage.test_participant_store import (
    FEATURE_ID,
    LATER,
    create,
    enroll_in_class,
    enrolled,
    excluded,
    group,
    known,
    point,
    store,
)
from tests.unit.snapshot_samples import snapshot
from tests.unit.upgrade_service_samples import (
    HERE,
    THERE,
    class_key,
    design,
    feature_id_of,
    group_design,
    in_class,
    join,
    mark,
)

__all__ = ["world"]

OTHER = 8
KEY = class_key("1a")
ELSEWHERE = DecisionPointKey("lesson", "test")
STRIDE = 13
"""Calls from one death to the next: threads make their calls in another order each time."""

WITHIN = replace(enrolled(), condition_id=None, met=frozenset({""}))


def records(stores: Stores, feature_id: int = FEATURE_ID) -> Sequence[Position]:
    return stores.dead_records.of_experiment(feature_id, None, 1000)


def drop(stores: Stores, feature_id: int = FEATURE_ID) -> int:
    return sum(stores.dead_records.drop(feature_id, records(stores, feature_id)))


def repeated(seconds: int = 0, feature_id: int = FEATURE_ID) -> Repeat:
    return Repeat(feature_id, HERE, "id of a", None, START + timedelta(seconds=seconds))


def marks(stores: Stores, feature_id: int = FEATURE_ID, user_id: str = "u") -> int:
    return len(stores.user_enrollments.repeats(feature_id, [user_id]).get(user_id, ()))


# The store


def test_records_of_users_and_groups_go_and_those_of_other_experiments_stay(
    stores: Stores,
) -> None:
    create(stores, "u", "v", "w")
    enroll_in_class(stores, "u", first=True)
    user = store(stores, known(stores), Records(enrolled(feature_id=OTHER)))
    user = store(stores, user, Records(exclusion=excluded(OTHER)), at=point(THERE))
    user = known(stores, "v")
    out = Records(exclusion=excluded(), group_exclusions=((KEY, excluded()),))
    store(stores, user, out, groups=[KEY], reached_by=[KEY])
    user = known(stores, "w")
    stores.profiles.update(user, user.profile, GroupChange(lifted=(FEATURE_ID, OTHER)), LATER)
    before = known(stores)
    assert drop(stores) > 0
    assert known(stores) == replace(before, enrollments={OTHER: (enrolled(feature_id=OTHER),)})
    assert known(stores).points.keys() == {HERE, THERE}
    assert known(stores, "v").exclusions == {}
    assert known(stores, "w").lifted.keys() == {OTHER}
    left = group(stores, KEY)
    assert (left.enrollments, left.exclusions, left.counts) == ({}, {}, {})
    assert left.enrolled_at == frozenset()
    assert left.reached.keys() == {HERE}
    assert (records(stores), drop(stores)) == ([], 0)
    assert len(records(stores, OTHER)) == 3


def test_records_are_listed_in_pages(stores: Stores) -> None:
    users = [f"u{number}" for number in range(5)]
    for user_id in users:
        store(stores, create(stores, user_id), Records(enrolled()))
    found: list[Position] = []
    while some := stores.dead_records.of_experiment(FEATURE_ID, found[-1] if found else None, 2):
        assert len(some) <= 2
        found.extend(some)
    assert sorted(found) == sorted(records(stores))
    assert len({pk for pk, _ in found}) == len(users)


@pytest.mark.parametrize("user_id", ["u", "a#b%c/é", "é" * 256, "#" * 512])
def test_marks_within_subjects_go_with_the_enrollment_whatever_the_id(
    stores: Stores, user_id: str
) -> None:
    user = create(stores, user_id)
    for feature_id in (FEATURE_ID, OTHER):
        own = replace(WITHIN, feature_id=feature_id)
        user = store(stores, user, Records(own, repeat=repeated(feature_id=feature_id)))
        for seconds in range(1, 4):
            user = store(stores, user, Records(repeat=repeated(seconds, feature_id)))
    assert drop(stores) > 0
    assert marks(stores, FEATURE_ID, user_id) == 0
    assert marks(stores, OTHER, user_id) == 4
    assert known(stores, user_id).enrollments.keys() == {OTHER}


def test_results_and_counters_go_and_those_of_others_stay(stores: Stores) -> None:
    user = create(stores, "u")
    for feature_id in (FEATURE_ID, OTHER):
        totals = TotalsShard(feature_id, 1, 0)
        counting = Counting(1, stratum=("high", 1), totals=totals)
        user = store(stores, user, Records(enrolled(feature_id=feature_id)), counting=counting)
        user = store(stores, user, Records(exclusion=excluded(feature_id)))
        stores.results.keep(feature_id, [QueryResult("q", Effect((), ()))])
        assert stores.snapshots.put(feature_id, snapshot())
    assert sum(stores.dead_records.drop_rest(FEATURE_ID)) > 4
    assert sum(stores.dead_records.drop_rest(FEATURE_ID)) == 0
    for feature_id, there in ((FEATURE_ID, 0), (OTHER, 1)):
        enrollment_counts, out = stores.enrollment_counts.by_point(feature_id, [HERE])
        assert (sum(each.users for each in enrollment_counts), out.users) == (there, there)
        assert sum(stores.enrollment_counts.in_stratum(feature_id, "high").values()) == there
        assert len(stores.results.kept(feature_id)) == there
        assert len(stores.snapshots.of_experiment(feature_id)) == there
        assert len(stores.snapshots.taken(feature_id)) == there
        assert stores.totals.of_feature(feature_id) == ({1: Totals(total_users=1)} if there else {})
        assert len(stores.enrollment_counts.hourly(feature_id, START.date(), [HERE])) == there


def test_an_entry_comes_back_as_it_was_also_without_variants(stores: Stores) -> None:
    for entry in (
        DeadVariants(1, (), START, START, whole=True),
        DeadVariants(2, (3, 4), START, START, whole=True),
        DeadVariants(5, (6,), START, START),
    ):
        stores.queue.postpone(entry)
        assert list(stores.queue.due(START)) == [entry]
        stores.queue.close(entry)
    assert list(stores.queue.due(START)) == []


def test_what_ended_in_a_dead_experiment_makes_no_counter_anew(stores: Stores) -> None:
    user = create(stores, "u")
    user = store(stores, user, Records(enrolled()))
    user = store(stores, user, Records(exclusion=excluded()))
    list(stores.dead_records.drop_rest(FEATURE_ID))
    ending = Ending((enrolled(),), exclusions=(FEATURE_ID,), dead=frozenset({FEATURE_ID}))
    stores.user_data.end(user, ending, {}, [])
    assert known(stores).enrollments == {}
    enrollment_counts, out = stores.enrollment_counts.by_point(FEATURE_ID, [HERE])
    assert (list(enrollment_counts), out.users) == ([], 0)


# Races


def late_repeat(stores: Stores, user: Participant) -> None:
    store(stores, user, Records(repeat=repeated(5)))


def late_ending(stores: Stores, user: Participant) -> None:
    kept = KeptRepeat(repeated(0), 0)
    stores.user_data.end(user, Ending(repeats=(kept,)), {}, [])


@pytest.mark.parametrize("late", [late_repeat, late_ending])
def test_what_was_decided_on_an_enrollment_that_is_purged_makes_none_of_it_anew(
    dynamo_stores: Stores, late: Callable[[Stores, Participant], None]
) -> None:
    """An update makes an item that is not there: it would be half an enrollment."""
    user = create(dynamo_stores, "u")
    user = store(dynamo_stores, user, Records(WITHIN, repeat=repeated()))
    drop(dynamo_stores)
    with pytest.raises(LostRace):
        late(dynamo_stores, user)
    assert known(dynamo_stores).enrollments == {}
    assert marks(dynamo_stores) == 0


def test_an_enrollment_that_is_marked_in_between_stays_for_the_next_pass(
    dynamo_stores: Stores,
) -> None:
    user = create(dynamo_stores, "u")
    user = store(dynamo_stores, user, Records(WITHIN, repeat=repeated()))
    events, pending = shared().client.meta.events, [user]

    def mark_again(**_: object) -> None:
        if pending:
            late_repeat(dynamo_stores, pending.pop())

    events.register("before-call.dynamodb.TransactWriteItems", mark_again)
    try:
        assert drop(dynamo_stores) > 0
    finally:
        events.unregister("before-call.dynamodb.TransactWriteItems", mark_again)
    assert known(dynamo_stores).enrollments.keys() == {FEATURE_ID}
    assert drop(dynamo_stores) > 0
    assert (known(dynamo_stores).enrollments, marks(dynamo_stores)) == ({}, 0)


# Assign and mark


def test_purged_enrollments_cost_a_user_nothing(dynamo_stores: Stores) -> None:
    def read(user_id: str) -> tuple[int, int]:
        """The items that assign and mark read of a user, and their size: units are made of it."""
        found = [item for item in all_items()["users"] if item["pk"] == keys.user(user_id)]
        return len(found), sum(len(json.dumps(item)) for item in found)

    feature_ids = range(100, 150)
    user = create(dynamo_stores, "none", "many")
    store(dynamo_stores, known(dynamo_stores, "none"))
    user = store(dynamo_stores, user)
    for feature_id in feature_ids:
        user = store(dynamo_stores, user, Records(enrolled(feature_id=feature_id)))
    assert read("many")[0] == read("none")[0] + len(feature_ids)
    for feature_id in feature_ids:
        drop(dynamo_stores, feature_id)
    count, size = read("many")
    assert count == read("none")[0]
    assert size <= read("none")[1] + 2, "but for the digits of the revision"


# Killed


def take_part(services: Services, attempt: int) -> dict[str, int]:
    """A new pupil in three experiments that are to go, and in one that stays; their numbers."""
    for each in (
        design("alone", point_keys=[HERE, THERE]),
        group_design("class"),
        design("within", unit=Unit.WITHIN_SUBJECTS, point_keys=[ELSEWHERE]),
    ):
        services.experiments.create(each)
    user_id, out = f"u {attempt}", f"v {attempt}"
    join(services, user_id, update=in_class(f"1a {attempt}"))
    for point_key, experiment_id in (
        (HERE, "alone"), (THERE, "alone"), (HERE, "class"), (ELSEWHERE, "within"), (HERE, "stays"),
    ):  # fmt: skip
        mark(services, user_id, point_key, experiment_id=experiment_id)
    join(services, out)
    mark(services, out, HERE, experiment_id="alone", status=MarkStatus.NOT_APPLIED)
    return {each: feature_id_of(services, each) for each in ("alone", "class", "within", "stays")}


def naming(tables: Tables, feature_id: int) -> list[tuple[str, str]]:
    """The keys of all items that belong to an experiment."""
    kinds = {
        f"{kind}#{feature_id}" for kind in ("enrollment", "exclusion", "lifted", "count", "at")
    }
    found = [
        (str(item["pk"]), str(item["sk"]))
        for item in (*tables["users"], *tables["events"])
        if "#".join(str(item["sk"]).split("#")[:2]) in kinds
        or str(item["pk"]).startswith((f"repeat#{feature_id}#", f"results#{feature_id}"))
    ]
    return found + [
        (str(feature_id), str(item["sk"]))
        for item in tables["variants"]
        if item["feature_id"] == feature_id
    ]


def points(tables: Tables) -> set[tuple[str, str]]:
    """Who has reached which place."""
    users = (item for item in tables["users"] if str(item["pk"]).startswith("user#"))
    parts = [(str(item["pk"]), str(item["sk"]).split("#"), item) for item in users]
    return {
        (pk, part[-1])
        for pk, part, item in parts
        if part[0] == "point" or (part[0] == "enrollment" and "point" in item)
    }


def test_a_purge_that_dies_at_any_call_leaves_nothing_for_good(world: World) -> None:
    services = world.services()
    services.experiments.create(design("stays", point_keys=[HERE]))
    call, killed = 0, True
    while killed:
        feature_ids = take_part(services, call)
        reached = points(all_items())
        stays = naming(all_items(), feature_ids["stays"])
        for each in ("alone", "class", "within"):
            services.experiments.delete(each)
        world.clock.ahead += HANDOVER + timedelta(seconds=1)
        killed = False
        try:
            with dying_at(call):
                services.purge.run_due()
        except Killed:
            killed = True
        call += STRIDE
        for _ in range(2):
            world.clock.ahead += SECOND_PASS + timedelta(seconds=1)
            services.purge.run_due()
        tables = all_items()
        for each in ("alone", "class", "within"):
            assert naming(tables, feature_ids[each]) == []
        assert points(tables) == reached
        assert naming(tables, feature_ids["stays"]) == stays
        assert stored_counts(tables) == recounted(tables, services.catalogue.fresh())
        assert not [item for item in tables["users"] if item["pk"] == keys.PURGE]
    assert call > 3 * STRIDE

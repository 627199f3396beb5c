"""A user counts once in an experiment of Test Lab: by the row, or by a mark where there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from chalicelib.bootstrap import build
from chalicelib.domain.errors import LostRace
from chalicelib.domain.features.cohorts import Cohort
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.services import Services
from chalicelib.services.privacy.ports import Remains
from chalicelib.services.stores import Stores
from chalicelib.settings import Settings
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import RecordRow
from tests.fakes.features import FakeUserStore
from tests.fakes.memory import FixedClock, tidy
from tests.fakes.stores import Step, once, watched
from tests.unit.samples import add_user, draft, drafts
from tests.unit.upgrade_service_samples import join, known, mark

POINT = DecisionPointKey("button", "")


DAY = timedelta(days=1)


def process(
    stores: Stores, before: Step | None = None, clock: FixedClock | None = None
) -> Services:
    settings = Settings(totals_shards=2)
    return build(settings, watched(stores, before=before), clock or FixedClock())


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def services(stores: Stores, clock: FixedClock) -> Services:
    made = process(stores, clock=clock)
    join(made, "u")
    return made


@pytest.fixture
def feature_id(services: Services) -> int:
    """An experiment for everybody."""
    made, _ = experiment(services, "button")
    services.user_blocks.catch_up()
    return made


def experiment(services: Services, name: str) -> tuple[int, list[int]]:
    made = services.features.create(draft(name))
    variants = services.features.replace_variants(made.id, drafts(made.id, "0.5", "0.5"))
    return made.id, [variant.id for variant in variants]


def marked(services: Services, feature_id: int) -> tuple[int, int]:
    """The variant that a mark gives the user, and the other one."""
    mark(services, point_key=POINT)
    [own] = counted(services, feature_id)
    [other] = {variant.id for variant, _ in services.analysis.of_feature(feature_id)} - {own}
    return own, other


def counted(services: Services, feature_id: int) -> dict[int, int]:
    """The users of each variant that has some."""
    totals = services.analysis.of_feature(feature_id)
    return {variant.id: each.total_users for variant, each in totals if each.total_users}


def cohorts(stores: Stores, feature_id: int) -> dict[tuple[int, date | None], int]:
    """The users of each cohort that has some."""
    found = stores.cohorts.of_feature(feature_id)
    return {key: each.users for key, each in found.items() if each.users}


@pytest.mark.parametrize("variant", ["same", "other"])
@pytest.mark.parametrize("days", [0, 1, 9])
@pytest.mark.parametrize("folded", [False, True])
def test_a_row_after_a_mark_moves_the_user_to_the_cohort_of_the_row(
    services: Services, stores: Stores, clock: FixedClock, feature_id: int, variant: str,
    days: int, folded: bool,
) -> None:  # fmt: skip
    own, other = marked(services, feature_id)
    marked_on = clock().date()
    assert cohorts(stores, feature_id) == {(own, marked_on): 1}
    clock.advance(days * DAY)
    if folded:
        assert [*stores.cohorts.fold(feature_id, date.max)]
    chosen = own if variant == "same" else other
    add_user(services, "u", chosen)
    assert cohorts(stores, feature_id) == {(chosen, clock().date()): 1}
    assert counted(services, feature_id) == {chosen: 1}
    services.events.record("u", chosen)
    services.users.delete("u")
    found = stores.cohorts.of_feature(feature_id).values()
    assert all(tidy(each) == Cohort() for each in found)


@pytest.mark.parametrize("days", [0, 1])
def test_an_erasure_takes_who_has_no_row_off_the_day_of_the_mark(
    services: Services, stores: Stores, clock: FixedClock, feature_id: int, days: int
) -> None:
    own, _ = marked(services, feature_id)
    join(services, "v")
    mark(services, "v", point_key=POINT)
    before = sum(cohorts(stores, feature_id).values())
    clock.advance(days * DAY)
    services.erasure.erase("u")
    assert (before, sum(cohorts(stores, feature_id).values())) == (2, 1)
    assert all(users > 0 for users in cohorts(stores, feature_id).values())
    assert own in [variant.id for variant, _ in services.analysis.of_feature(feature_id)]


@pytest.mark.parametrize("then", ["erasure", "row", "row of the other"])
def test_a_mark_of_an_older_version_is_taken_off_no_cohort(
    services: Services, stores: Stores, feature_id: int, then: str
) -> None:
    own, other = marked(services, feature_id)
    as_an_older_version_marked(stores, "u", feature_id)
    before = stores.cohorts.of_feature(feature_id)[own, FixedClock()().date()].users
    if then == "erasure":
        services.erasure.erase("u")
        assert counted(services, feature_id) == {}
    else:
        chosen = own if then == "row" else other
        add_user(services, "u", chosen)
        assert counted(services, feature_id) == {chosen: 1}
    found = cohorts(stores, feature_id)
    expected = {(own, FixedClock()().date()): before}
    if then != "erasure":
        key = chosen, FixedClock()().date()
        expected[key] = expected.get(key, 0) + 1
    assert found == expected, "the test left there what the older version never counted"


def as_an_older_version_marked(stores: Stores, user_id: str, feature_id: int) -> None:
    """Make the mark of a user what a version stored that knew no cohorts."""
    if isinstance(stores.users, FakeUserStore):
        memory = stores.users._memory
        user = memory.participants[user_id]
        known = tuple(replace(each, in_cohort=False) for each in user.enrollments[feature_id])
        memory.participants[user_id] = replace(user, enrollments={feature_id: known})
        return
    prefix = RecordRow.sk.startswith(f"enrollment#{feature_id}#")
    [row] = RecordRow.query(keys.user(user_id), prefix, consistent_read=True)
    older = {name: value for name, value in row.data.items() if name != "cohort"}
    row.update(actions=[RecordRow.data.set(older)])


def test_a_row_after_a_mark_counts_in_its_place(services: Services, feature_id: int) -> None:
    own, _ = marked(services, feature_id)
    add_user(services, "u", own)
    assert counted(services, feature_id) == {own: 1}
    services.users.delete("u")
    assert counted(services, feature_id) == {}
    add_user(services, "u", own)
    mark(services, point_key=POINT)
    assert counted(services, feature_id) == {own: 1}


def test_a_row_of_another_variant_takes_the_count_of_the_mark_along(
    services: Services, feature_id: int
) -> None:
    _, other = marked(services, feature_id)
    add_user(services, "u", other)
    assert counted(services, feature_id) == {other: 1}
    services.erasure.erase("u")
    assert counted(services, feature_id) == {}


def test_a_row_in_another_experiment_leaves_the_count_of_the_mark(
    services: Services, feature_id: int
) -> None:
    own, _ = marked(services, feature_id)
    elsewhere, [variant_id, _] = experiment(services, "link")
    add_user(services, "u", variant_id)
    assert (counted(services, feature_id), counted(services, elsewhere)) == (
        {own: 1},
        {variant_id: 1},
    )


@pytest.mark.parametrize("first", ["mark", "row"])
def test_a_mark_and_a_row_at_once_count_once(
    services: Services, stores: Stores, feature_id: int, first: str
) -> None:
    chosen = services.analysis.of_feature(feature_id)[0][0].id
    if first == "mark":
        slow = process(stores, once("users.create", lambda: mark(services, point_key=POINT)))
        add_user(slow, "u", chosen)
    else:
        slow = process(
            stores, once("enrollments.store_mark", lambda: add_user(services, "u", chosen))
        )
        mark(slow, point_key=POINT)
    assert counted(services, feature_id) == {chosen: 1}


def test_a_mark_that_comes_after_the_second_look_at_a_user_is_seen(
    services: Services, stores: Stores, feature_id: int
) -> None:
    chosen = services.analysis.of_feature(feature_id)[0][0].id
    tries = iter(range(10))

    def meddle(call: str) -> None:
        if call != "users.create":
            return
        match next(tries):
            case 0:
                raise LostRace("a conflict with another write")
            case 1:
                mark(services, point_key=POINT)

    add_user(process(stores, meddle), "u", chosen)
    assert counted(services, feature_id) == {chosen: 1}


def test_nothing_of_a_mark_that_counts_outlives_its_user(
    services: Services, stores: Stores, feature_id: int
) -> None:
    marked(services, feature_id)
    services.erasure.erase("u")
    assert counted(services, feature_id) == {}
    assert stores.user_data.remains("u") is Remains.NOTHING


def test_nothing_of_a_mark_that_counts_outlives_its_experiment_but_a_row_does(
    services: Services, stores: Stores, feature_id: int
) -> None:
    marked(services, feature_id)
    join(services, "v")
    mark(services, "v", point_key=POINT)
    listed = stores.dead_records.of_experiment(feature_id, None, 100)
    _, [variant_id, _] = experiment(services, "link")
    made = add_user(services, "u", variant_id)
    assert sum(stores.dead_records.drop(feature_id, listed)) >= 2
    assert stores.dead_records.of_experiment(feature_id, None, 100) == []
    assert (stores.users.get("u"), stores.users.get("v")) == (made, None)
    assert known(services, "v").enrollments == {}

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments.experiments import State
from chalicelib.domain.participants.preview_users import PreviewAssignment, PreviewUser
from chalicelib.services import Services
from chalicelib.services.participants.preview_users import RequestedAssignment
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import Killed, at_once, design, dying

PARALLEL = 6


def to(code: str, experiment_id: str = "e", own_id: str | None = None) -> RequestedAssignment:
    """That a user is to get a condition, by its code."""
    return RequestedAssignment(experiment_id, f"id of {code}", own_id)


def conditions(services: Services, user_id: str = "u") -> object:
    return dict(services.preview_users.get(user_id).conditions())


@pytest.fixture
def experiments(services: Services) -> None:
    for experiment_id in "ef":
        services.experiments.create(design(experiment_id, state=State.PREVIEW))


@pytest.mark.usefixtures("experiments")
def test_a_preview_user_is_what_was_asked_for(services: Services, clock: FixedClock) -> None:
    made = services.preview_users.put("u", [to("a", own_id="own")])
    assert made == PreviewUser("u", (PreviewAssignment("own", "e", "id of a"),), START, START, 1)
    assert services.preview_users.get("u") == made
    clock.advance(timedelta(hours=1))
    again = services.preview_users.put("u")
    assert again == PreviewUser("u", made.assignments, START, clock.now, 2)


@pytest.mark.usefixtures("experiments")
def test_others_take_the_place_of_assignments(services: Services) -> None:
    before = services.preview_users.put("u", [to("a"), to("a", "f")])
    after = services.preview_users.put("u", [to("b")])
    assert after.conditions() == {"e": "id of b"}
    assert after.assignments[0].id == before.assignments[0].id
    assert services.preview_users.put("u", []).assignments == ()


@pytest.mark.usefixtures("experiments")
def test_of_several_assignments_in_an_experiment_the_last_counts(services: Services) -> None:
    made = services.preview_users.put("u", [to("a"), to("a", "f"), to("b")])
    assert made.conditions() == {"e": "id of b", "f": "id of a"}
    assert len({each.id for each in made.assignments}) == 2


@pytest.mark.parametrize("wrong", [to("a", "gone"), to("gone")])
@pytest.mark.usefixtures("experiments")
def test_what_does_not_exist_is_not_assigned(
    wrong: RequestedAssignment, services: Services, memory: Memory
) -> None:
    with pytest.raises(Invalid, match="there is no condition"):
        services.preview_users.put("u", [to("a", "f"), wrong])
    assert memory.preview_users == {}


@pytest.mark.usefixtures("experiments")
def test_features_of_test_lab_have_no_preview(services: Services) -> None:
    with pytest.raises(Invalid):
        services.preview_users.put("u", [RequestedAssignment("1", "1")])


def test_an_unknown_preview_user_is_not_found(services: Services) -> None:
    with pytest.raises(NotFound, match="no preview user u"):
        services.preview_users.get("u")
    assert services.preview_users.remove("u") is None


def test_a_removed_preview_user_is_the_one_that_was(services: Services) -> None:
    made = services.preview_users.put("u")
    assert services.preview_users.remove("u") == made
    assert services.preview_users.all() == []


def test_the_newest_preview_users_come_first(services: Services, clock: FixedClock) -> None:
    for user_ids in ("cb", "a"):
        for user_id in user_ids:
            services.preview_users.put(user_id)
        clock.advance(timedelta(hours=1))
    services.preview_users.put("c")
    assert [user.id for user in services.preview_users.all()] == ["a", "b", "c"]


@pytest.mark.usefixtures("experiments")
def test_assignments_are_looked_up_and_left_out_where_they_are_gone(services: Services) -> None:
    users = [services.preview_users.put("u", [to("a"), to("b", "f")])]
    users.append(services.preview_users.put("v"))
    (e, f) = services.preview_users.previews(users)["u"]
    assert (e.experiment.id, e.condition.code) == ("e", "a")
    assert (f.experiment.id, f.condition.code) == ("f", "b")
    assert e.id == users[0].assignments[0].id
    services.experiments.delete("e")
    services.experiments.edit("f", lambda _: design("f", weights={"a": 100.0}))
    assert services.preview_users.previews(users) == {"u": [], "v": []}


@pytest.mark.usefixtures("experiments")
def test_preview_users_are_shown_with_their_assignments(services: Services) -> None:
    put = services.preview_users.put_shown("u", [to("a")])
    assert [each.condition.code for each in put.previews] == ["a"]
    services.preview_users.put("v")
    assert services.preview_users.shown("u") == put
    users = services.preview_users.shown_all()
    shown = {user.id: [each.condition.code for each in of] for user, of in users.read(users.rows)}
    assert shown == {"u": ["a"], "v": []}


# Lost races


@pytest.mark.usefixtures("experiments")
def test_a_change_in_between_is_kept(services: Services, memory: Memory, clock: FixedClock) -> None:
    services.preview_users.put("u")
    rival = once("preview_users.put", lambda: services.preview_users.put("u", [to("a")]))
    made = process(memory, clock, before=rival).preview_users.put("u")
    assert (made.version, made.conditions()) == (3, {"e": "id of a"})


def test_a_removal_takes_what_is_newest(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.preview_users.put("u")
    rival = once("preview_users.remove", lambda: services.preview_users.put("u"))
    gone = process(memory, clock, before=rival).preview_users.remove("u")
    assert gone is not None
    assert gone.version == 2
    assert memory.preview_users == {}


def test_of_two_removals_at_once_one_finds_nothing(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.preview_users.put("u")
    rival = once("preview_users.remove", lambda: services.preview_users.remove("u"))
    assert process(memory, clock, before=rival).preview_users.remove("u") is None


def test_parallel_changes_are_all_counted(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    processes = [process(memory, clock) for _ in range(PARALLEL)]
    at_once(*(partial(each.preview_users.put, "u") for each in processes))
    assert services.preview_users.get("u").version == PARALLEL


@pytest.mark.parametrize("call", range(3))
@pytest.mark.usefixtures("experiments")
def test_a_change_killed_at_any_call_is_made_or_not(
    call: int, services: Services, memory: Memory, clock: FixedClock
) -> None:
    slow = process(memory, clock, after=dying(call))
    with pytest.raises(Killed):
        slow.preview_users.put("u", [to("a")])
    stored = memory.preview_users.get("u")
    assert memory.participant("u").preview == (stored.conditions() if stored else None)
    services.preview_users.put("u", [to("a")])
    assert conditions(services) == {"e": "id of a"}

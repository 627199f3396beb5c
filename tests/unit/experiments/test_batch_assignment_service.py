from __future__ import annotations

from collections import Counter

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.services import Services
from chalicelib.services.experiments.assignment import Assigned
from tests.fakes.memory import FixedClock, Memory
from tests.unit.samples import draft, drafts, process
from tests.unit.upgrade_service_samples import (
    CONTEXT,
    HERE,
    THERE,
    assign,
    caller,
    counting,
    design,
    join,
)

NOTHING = Assigned((), None)


def codes(assigned: dict[str, Assigned | None]) -> dict[str, str | None]:
    """The code that each user gets."""
    return {
        user_id: each.assignments[0].conditions[0].code if each and each.assignments else None
        for user_id, each in assigned.items()
    }


def test_each_user_gets_what_assign_gives(services: Services) -> None:
    services.experiments.create(design(point_keys=(HERE, THERE)))
    users = [f"user {number}" for number in range(40)]
    join(services, *users)
    got = codes(services.batch_assignment.assign(CONTEXT, HERE, users))
    assert got == {user_id: assign(services, user_id)[HERE] for user_id in users}
    assert list(got) == users
    assert set(got.values()) == {"a", "b"}


def test_unknown_users_and_those_who_get_nothing_are_told_apart(services: Services) -> None:
    services.experiments.create(design())
    join(services, "u")
    batch = services.batch_assignment
    assert batch.assign(CONTEXT, THERE, ["u", "nobody"]) == {"u": NOTHING, "nobody": None}
    assert batch.assign("nowhere", HERE, ["u", "nobody"]) == {"u": NOTHING, "nobody": None}
    assert batch.assign(CONTEXT, HERE, []) == {}


def test_a_user_who_comes_twice_is_asked_about_once(services: Services) -> None:
    join(services, "u", "v")
    got = services.batch_assignment.assign(CONTEXT, HERE, ["v", "u", "v"])
    assert list(got) == ["v", "u"]


def test_an_alias_gets_what_its_owner_gets(services: Services) -> None:
    services.experiments.create(design())
    join(services, *"abcdef")
    for user_id in "abcdef":
        services.participants.set_aliases(caller(services, user_id), [f"alias of {user_id}"])
    named = [name for user_id in "abcdef" for name in (user_id, f"alias of {user_id}")]
    got = codes(services.batch_assignment.assign(CONTEXT, HERE, named))
    for user_id in "abcdef":
        assert got[f"alias of {user_id}"] == got[user_id]


def test_an_experiment_of_test_lab_is_answered_at_its_name(services: Services) -> None:
    made = services.features.create(draft("button"))
    services.features.replace_variants(made.id, drafts(made.id, "1"))
    services.user_blocks.catch_up()
    join(services, "u")
    got = services.batch_assignment.assign(CONTEXT, DecisionPointKey("button", ""), ["u"])["u"]
    assert got is not None
    assert got.testlab is not None
    assert got.testlab.variant is not None


def test_an_id_that_could_not_be_stored_is_refused(services: Services) -> None:
    with pytest.raises(Invalid, match="512 bytes"):
        services.batch_assignment.assign(CONTEXT, HERE, ["u", "x" * 513])


def test_a_request_reads_the_catalogue_once_for_all_users(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    users = [f"user {number}" for number in range(50)]
    join(services, *users)
    calls: Counter[str] = Counter()
    counted = process(memory, clock, before=counting(calls))
    with counted.catalogue.one_view():
        counted.batch_assignment.assign(CONTEXT, HERE, users)
    assert calls == {"catalogue.revision": 1, "catalogue.load": 1, "participants.get": 50}

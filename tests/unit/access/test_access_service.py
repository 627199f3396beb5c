"""Who is admitted, and what is kept of keys."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.access.api_keys import Role, digest_of, matching
from chalicelib.domain.errors import Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from chalicelib.services import Services
from chalicelib.services.access.access import KEYS
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import process


def test_a_key_is_good_for_its_role_and_an_administrator_s_for_all(services: Services) -> None:
    _, admin = services.access.create(Role.ADMIN)
    _, client = services.access.create(Role.CLIENT)
    for role in Role:
        services.access.admit(role, [admin])
        services.access.admit(role, [client, admin])
    services.access.admit(Role.CLIENT, ["nonsense", client])
    with pytest.raises(Forbidden):
        services.access.admit(Role.ADMIN, [client])


@pytest.mark.parametrize("presented", [[], [""], ["nonsense"], ["\ud800"]])
def test_strangers_are_all_refused_in_the_same_words(
    services: Services, presented: list[str]
) -> None:
    services.access.create(Role.ADMIN)
    with pytest.raises(Unauthorized) as refusal:
        services.access.admit(Role.CLIENT, presented)
    assert str(refusal.value) == "an API key is needed: X-API-Key, or Authorization: Bearer"


def test_only_a_digest_is_kept(services: Services, memory: Memory) -> None:
    made, key = services.access.create(Role.CLIENT)
    assert made.digest == digest_of(key)
    assert key not in repr(memory)
    assert key.startswith("swy_")
    assert len(key) >= 43


def test_a_revoked_key_is_dead_and_others_live(services: Services) -> None:
    first, old = services.access.create(Role.CLIENT)
    second, new = services.access.create(Role.CLIENT)
    assert services.access.in_force() == [first, second]
    assert services.access.revoke(first.id) == first
    services.access.admit(Role.CLIENT, [new])
    with pytest.raises(Unauthorized):
        services.access.admit(Role.CLIENT, [old])
    with pytest.raises(NotFound):
        services.access.revoke(first.id)


def test_a_process_knows_a_new_key_and_a_revoked_one_within_the_ttl(
    memory: Memory, clock: FixedClock
) -> None:
    server, maker = process(memory, clock, ttl=60), process(memory, clock)
    server.catalogue.snapshot()
    _, key = maker.access.create(Role.CLIENT)
    server.access.admit(Role.CLIENT, [key])
    made, admin = maker.access.create(Role.ADMIN)
    with pytest.raises(Unauthorized):
        server.access.admit(Role.ADMIN, [admin])
    server.catalogue.fresh()
    server.access.admit(Role.ADMIN, [admin])
    maker.access.revoke(made.id)
    server.access.admit(Role.ADMIN, [admin])
    server.catalogue.fresh()
    with pytest.raises(Unauthorized):
        server.access.admit(Role.ADMIN, [admin])


def test_strangers_cost_a_process_one_read_per_ttl(memory: Memory, clock: FixedClock) -> None:
    calls: list[str] = []
    server = process(memory, clock, ttl=60, before=calls.append)
    server.catalogue.snapshot()
    calls.clear()
    for number in range(20):
        with server.catalogue.one_view(), pytest.raises(Unauthorized):
            server.access.admit(Role.ADMIN, [f"made up {number}", "and another"])
    assert calls == ["catalogue.revision"]


def test_nobody_is_looked_up_for_who_presents_nothing(memory: Memory, clock: FixedClock) -> None:
    server = process(memory, clock, ttl=60)
    server.catalogue.snapshot()
    calls: list[str] = []
    watching = process(memory, clock, ttl=60, before=calls.append)
    watching.catalogue.snapshot()
    calls.clear()
    with pytest.raises(Unauthorized):
        watching.access.admit(Role.ADMIN, [])
    assert calls == []


def test_keys_have_a_limit(services: Services) -> None:
    for _ in range(KEYS):
        services.access.create(Role.CLIENT)
    with pytest.raises(Invalid, match="revoke one"):
        services.access.create(Role.CLIENT)


def test_a_key_that_is_given_counts_once(services: Services) -> None:
    services.access.create(Role.ADMIN, "given")
    services.access.create(Role.ADMIN, "given")
    assert len(services.access.in_force()) == 1
    services.access.admit(Role.ADMIN, ["given"])


def test_two_keys_made_at_once_are_both_kept(memory: Memory, clock: FixedClock) -> None:
    rival = process(memory, clock)
    step = once("catalogue.commit", lambda: rival.access.create(Role.ADMIN))
    process(memory, clock, before=step).access.create(Role.CLIENT)
    assert len(rival.access.in_force()) == 2


def test_making_keys_moves_no_date_that_clients_poll(services: Services, clock: FixedClock) -> None:
    services.user_blocks.catch_up()
    before = services.catalogue.fresh().revision
    clock.advance(timedelta(hours=1))
    services.access.create(Role.ADMIN)
    after = services.catalogue.fresh().revision
    assert after.version == before.version + 1
    assert after.last_modified == before.last_modified


def test_keys_survive_the_clearing_of_a_demonstration(services: Services) -> None:
    _, key = services.access.create(Role.ADMIN)
    services.demo.clear()
    services.access.admit(Role.ADMIN, [key])


def test_no_key_matches_nothing() -> None:
    assert matching([], "x") is None


def test_while_the_store_is_down_known_keys_pass_and_unknown_ones_are_not_refused(
    memory: Memory, clock: FixedClock
) -> None:
    down = False

    def step(_: str) -> None:
        if down:
            raise Unavailable("no answer")

    services = process(memory, clock, before=step)
    _, admin = services.access.create(Role.ADMIN)
    _, client = services.access.create(Role.CLIENT)
    services.catalogue.snapshot()
    down = True

    def admit(role: Role, *presented: str) -> None:
        with services.catalogue.one_view(stale_ok=True):
            services.access.admit(role, presented)

    admit(Role.CLIENT, client)
    admit(Role.ADMIN, admin)
    for role, presented in ((Role.CLIENT, "nonsense"), (Role.ADMIN, client)):
        with pytest.raises(Unavailable):
            admit(role, presented)
    with pytest.raises(Unauthorized):
        admit(Role.CLIENT)
    with services.catalogue.one_view(), pytest.raises(Unavailable):
        services.access.admit(Role.CLIENT, [client])

"""A request with an Idempotency-Key takes effect once, wherever the process dies that serves it."""

from __future__ import annotations

import pytest

from chalicelib.domain.features.features import VariantDraft
from tests.http import Gateway
from tests.storage.test_killed_calls import Killed, World, draft, world

__all__ = ["world"]

POINTS = 14
"""More than the calls to the database of one event have, before and after each."""


def test_an_event_is_stored_once_wherever_the_first_try_dies(
    world: World, gateway: Gateway
) -> None:
    services = world.services()
    feature = services.features.create(draft("tested"))
    [variant] = services.features.replace_variants(feature.id, [VariantDraft(feature.id, "a")])
    services.users.create("u", variant.id, "")
    body = {"user_id": "u", "variant_id": variant.id}
    kills = 0
    for point in range(1, POINTS + 1):
        headers = {"idempotency-key": f"{point}"}
        world.reaper.doom(point)
        try:
            gateway.send("POST", "/api/events", body, headers)
        except Killed:
            kills += 1
        finally:
            world.reaper.spare()
        assert gateway.send("POST", "/api/events", body, headers).status == 200
        assert len(gateway.get("/api/events").json) == point
    assert kills >= 8
    [(_, totals)] = services.analysis.of_feature(feature.id)
    assert totals.event_total == POINTS


@pytest.mark.parametrize("point", range(1, POINTS + 1))
def test_a_feature_is_made_once_wherever_the_first_try_dies(
    world: World, gateway: Gateway, point: int
) -> None:
    body = {"type_id": 1, "name": "f", "start_date": "2026-01-01", "end_date": "2099-01-01"}
    headers = {"idempotency-key": "k"}
    world.reaper.doom(point)
    try:
        gateway.send("POST", "/api/feature", body, headers)
    except Killed:
        pass
    finally:
        world.reaper.spare()
    answer = gateway.send("POST", "/api/feature", body, headers)
    assert answer.status == 200
    assert gateway.get("/api/feature").json == [answer.json]

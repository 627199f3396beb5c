"""What people are shown of a user."""

from __future__ import annotations

import pytest

from chalicelib.domain.access.idempotency import RequestKey, StoredResponse
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.errors import Invalid
from chalicelib.services.privacy import user_overview
from chalicelib.services.privacy.erasure import ErasureReport
from chalicelib.services.privacy.user_export import ExportPart, UserData
from chalicelib.services.privacy.user_overview import UserOverview
from tests.unit.privacy.test_erasure_service import ALIAS, USER, World, empty, fill

__all__ = ["empty"]  # a fixture


@pytest.fixture
def world(empty: World) -> World:
    fill(empty, USER, ALIAS)
    key = RequestKey(USER, "abc123", "fingerprint")
    empty.services.idempotency.keep(key, StoredResponse(200, {}, "{}"))
    return empty


def test_what_an_erasure_removes_is_known_before(world: World) -> None:
    found = world.services.pages.user_overview.of(USER)
    assert found.is_whole
    before = found.removal
    after = world.services.erasure.erase(USER)
    assert before.enrollments > 0
    assert sorted(each.segment.id for each in before.lists) == sorted(
        each.segment.id for each in after.lists
    )
    before.lists = after.lists
    assert before == after


def test_an_alias_leads_to_its_owner(world: World) -> None:
    assert world.services.pages.user_overview.of(ALIAS) == UserOverview(ALIAS, owner=USER)


def test_of_a_stranger_there_is_nothing(world: World) -> None:
    found = world.services.pages.user_overview.of("nobody")
    assert found == UserOverview("nobody")
    assert found.is_whole
    assert not found.removal.testlab
    with pytest.raises(Invalid):
        world.services.pages.user_overview.of("")


def test_who_has_more_than_a_page_is_shown_in_part(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = world.services.pages.user_overview.of(USER).removal
    monkeypatch.setattr(user_overview, "RECORDS_READ", 1)
    found = world.services.pages.user_overview.of(USER)
    assert not found.is_whole
    assert found.removal.events + found.removal.repeats < whole.events + whole.repeats
    assert found.removal.enrollments > 0


def test_a_part_without_records_adds_none() -> None:
    found = UserOverview(USER, ExportPart(UserData(USER), (), Catalogue(), None))
    assert found.removal == ErasureReport(USER)

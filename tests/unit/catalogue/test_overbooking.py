"""Experiments that would lack user blocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.access.idempotency import IdempotencyRecord, RequestKey, StoredResponse
from chalicelib.domain.catalogue.catalogue import Catalogue, Revision, applied, catch_up
from chalicelib.domain.catalogue.overbooking import Shortage, shortage
from chalicelib.domain.features.blocks import FREE_BLOCKS
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.services import Services
from chalicelib.services.features.administration import StoredFeature
from tests.fakes.memory import START
from tests.unit.samples import TODAY, draft, feature

DAY = timedelta(days=1)


def of(*features: Feature) -> Catalogue:
    return Catalogue(features=features, blocks=FREE_BLOCKS)


def lacking(catalogue: Catalogue, experiment: Feature) -> Shortage | None:
    return shortage(catalogue, experiment, TODAY)


def test_who_comes_last_gets_what_is_left_whether_it_is_stored_already_or_not() -> None:
    first, last = feature(1, share="0.95"), feature(2, share="0.2")
    assert lacking(of(first), last) == lacking(of(first, last), last) == Shortage(1, 4)
    assert lacking(of(first, last), first) is None
    assert (
        lacking(of(first), replace(last, user_percentage=feature(1, share="0.05").user_percentage))
        is None
    )
    assert lacking(of(first, feature(2, share="0.05")), feature(3, share="0.01")) == Shortage(0, 1)


def test_what_was_allocated_stays_with_its_owner() -> None:
    early, late = feature(2, share="0.9"), feature(1, share="0.5")
    before = of(early)
    change = catch_up(before, TODAY)
    assert change is not None
    allocated = applied(before, Revision(1, 1, TODAY), change)
    assert lacking(allocated, late) == Shortage(2, 10)


@pytest.mark.parametrize(
    "experiment",
    [
        feature(2, share="1", end=TODAY - DAY),
        feature(2, share="0"),
        feature(2, share="1", kind=FeatureType.ROLLOUT),
        feature(2, share="1", start=TODAY + 10 * DAY),
    ],
    ids=["over", "wants none", "no experiment", "starts when there is room"],
)
def test_who_lacks_nothing_is_told_nothing(experiment: Feature) -> None:
    assert lacking(of(feature(1, end=TODAY + 9 * DAY)), experiment) is None


def test_who_starts_later_is_judged_by_the_first_day() -> None:
    later = feature(2, share="0.5", start=TODAY + DAY)
    assert lacking(of(feature(1)), later) == Shortage(0, 10)
    also_later = feature(1, share="0.75", start=TODAY + DAY)
    assert lacking(of(also_later), later) == Shortage(5, 10)


def test_it_is_said_of_the_catalogue_that_the_request_has_written(services: Services) -> None:
    services.features.create(draft("first", share="0.95"))
    with services.catalogue.one_view():
        made = services.features.create(draft("last", share="0.2"))
        assert services.user_blocks.shortage(made) == Shortage(1, 4)
    with services.catalogue.one_view():
        assert services.user_blocks.shortage(made) == Shortage(1, 4)
    assert {block.feature_id for block in services.catalogue.fresh().blocks} == {None}


def test_who_creates_or_replaces_a_feature_is_told_what_it_lacks(services: Services) -> None:
    administration = services.feature_administration
    services.features.create(draft("first", share="0.95"))
    with services.catalogue.one_view():
        made = administration.create(draft("last", share="0.2"))
    assert made.lacking == Shortage(1, 4)
    with services.catalogue.one_view():
        less = administration.update(made.feature.id, draft("last", share="0.05"))
    assert (less.feature.id, less.lacking) == (made.feature.id, None)


def test_what_is_sealed_with_a_feature_is_what_is_told(services: Services) -> None:
    key = RequestKey.of(None, "POST /api/feature", "", "the key", b"{}")
    sealed: list[StoredFeature] = []

    def seal(stored: StoredFeature) -> IdempotencyRecord:
        sealed.append(stored)
        return IdempotencyRecord(key, StoredResponse(200, {}, "made"), START)

    with services.catalogue.one_view():
        made = services.feature_administration.create(draft(), seal)
    assert made is sealed[-1]

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    Change,
    ClientSettings,
    FeatureChange,
    FlagChange,
    Revision,
    applied,
    catch_up,
    changed_blocks,
)
from chalicelib.domain.features.blocks import FREE_BLOCKS, allocate
from chalicelib.domain.features.features import FeatureType
from tests.unit.measure_samples import flag, metric
from tests.unit.samples import TODAY, feature, variant
from tests.unit.upgrade_samples import segment

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
NOON_SECONDS = int(NOON.timestamp())
TOMORROW = TODAY + timedelta(days=1)


def caught_up(catalogue: Catalogue, today: date = TODAY) -> Catalogue:
    change = catch_up(catalogue, today)
    assert change is not None
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    revision = catalogue.revision.following(now, visible=change.visible)
    return applied(catalogue, revision, change)


# Revision


@pytest.mark.parametrize(
    ("milliseconds", "settling_ms", "seconds"),
    [(0, 0, 1), (1, 0, 1), (999, 0, 1), (1000, 0, 2), (0, 1999, 2), (1, 1999, 3)],
)
def test_a_change_is_dated_behind_the_moment_at_which_every_process_has_seen_it(
    milliseconds: int, settling_ms: int, seconds: int
) -> None:
    now, settling = NOON + timedelta(milliseconds=milliseconds), timedelta(milliseconds=settling_ms)
    assert Revision().following(now, settling=settling).last_modified == NOON_SECONDS + seconds


def test_in_a_burst_of_changes_dates_run_three_seconds_ahead_and_then_are_shared() -> None:
    revision, dates = Revision(), []
    for _ in range(5):
        revision = revision.following(NOON)
        dates.append((revision.last_modified - NOON_SECONDS, revision.shared))
    assert dates == [(1, False), (2, False), (3, False), (3, True), (3, True)]


def test_the_date_after_a_shared_one_is_later_than_any_that_was_shown() -> None:
    shared = Revision(4, NOON_SECONDS + 3, TODAY, shared=True)
    at = NOON + timedelta(seconds=3)
    assert shared.validity(at).date == NOON_SECONDS + 4
    following = shared.following(at)
    assert (following.last_modified, following.shared) == (NOON_SECONDS + 5, False)


def test_last_modified_never_goes_back_with_the_clock() -> None:
    first = Revision().following(NOON)
    back = first.following(NOON - timedelta(days=2))
    assert (back.last_modified, back.shared) == (first.last_modified, True)


@pytest.mark.parametrize(
    ("shared", "since", "covered"),
    [(False, -1, False), (False, 0, True), (False, 1, True), (True, 0, False), (True, 1, True)],
)
def test_a_date_says_that_a_client_has_an_answer_unless_versions_share_it(
    shared: bool, since: int, covered: bool
) -> None:
    revision = Revision(1, NOON_SECONDS, TODAY, shared)
    validity = revision.validity(NOON - timedelta(seconds=1))
    assert validity.covers(NOON_SECONDS + since) is covered


@pytest.mark.parametrize(("seconds", "date"), [(-0.001, 0), (0, 1), (60, 1)])
def test_from_a_shared_date_on_its_last_version_goes_by_the_next_second(
    seconds: float, date: int
) -> None:
    validity = Revision(1, NOON_SECONDS, TODAY, shared=True).validity(
        NOON + timedelta(seconds=seconds)
    )
    assert validity.date == NOON_SECONDS + date
    assert validity.covers(NOON_SECONDS + date) is bool(date)


def test_a_stale_answer_is_trusted_for_its_own_date_only() -> None:
    revision = Revision(1, NOON_SECONDS, TODAY)
    stale = revision.validity(NOON, stale=True)
    assert [stale.covers(NOON_SECONDS + since) for since in (-1, 0, 1)] == [False, True, False]
    shared = replace(revision, shared=True).validity(NOON, stale=True)
    assert [shared.covers(NOON_SECONDS + since) for since in (0, 1)] == [False, False]


def test_a_change_that_nobody_sees_moves_the_version_only() -> None:
    seen = Revision().following(NOON)
    unseen = seen.following(NOON + timedelta(hours=1), visible=False)
    assert unseen == replace(seen, version=seen.version + 1)


def test_the_day_is_the_latest_that_any_clock_has_seen() -> None:
    revision = Revision().following(NOON)
    assert revision.as_of == TODAY
    assert revision.day(TODAY - timedelta(days=1)) == TODAY
    assert revision.day(TOMORROW) == TOMORROW
    assert Revision().day(TODAY) == TODAY
    assert revision.following(NOON - timedelta(days=1)).as_of == TODAY


# Catalogue


def test_features_are_found_by_id_name_and_variant() -> None:
    toggle = feature(2, kind=FeatureType.TOGGLE)
    arm = variant(7, 3)
    tested = feature(3, variants=(variant(6, 3), arm))
    catalogue = Catalogue(features=(toggle, tested))
    assert catalogue.feature(2) is toggle
    assert catalogue.feature(9) is None
    assert catalogue.named("feature 3") is tested
    assert catalogue.named("Feature 3") is None
    assert catalogue.variant(7) == (tested, arm)
    assert catalogue.variant(3) is None
    assert [v.id for v in catalogue.variants()] == [6, 7]


def test_blocks_are_found_by_name() -> None:
    assert Catalogue().block("15") == FREE_BLOCKS[2]
    assert Catalogue().block("05") is None


def test_catalogues_of_equal_content_are_equal() -> None:
    assert Catalogue(features=(feature(1),)) == Catalogue(features=(feature(1),))
    assert Catalogue(features=(feature(1),)) != Catalogue(features=(feature(2),))


@pytest.mark.parametrize(
    ("start", "end", "current"),
    [(0, 0, True), (-1, 0, True), (0, 1, True), (1, 2, False), (-2, -1, False), (1, -1, False)],
)
def test_a_feature_is_current_on_both_its_dates_and_between(
    start: int, end: int, current: bool
) -> None:
    dated = feature(1, start=TODAY + timedelta(days=start), end=TODAY + timedelta(days=end))
    assert (Catalogue(features=(dated,)).current(TODAY).experiments == (dated,)) is current


def test_current_features_come_by_kind_running_or_not() -> None:
    paused = feature(1, is_running=False)
    toggle = feature(2, kind=FeatureType.TOGGLE)
    rollout = feature(3, kind=FeatureType.ROLLOUT)
    over = feature(4, end=TODAY - timedelta(days=1))
    running = feature(5)
    found = Catalogue(features=(paused, toggle, rollout, over, running)).current(TODAY)
    assert found.experiments == (paused, running)
    assert found.toggles == (toggle,)
    assert found.rollouts == (rollout,)


def test_a_clock_that_is_behind_does_not_bring_yesterday_back() -> None:
    over = feature(1, end=TODAY - timedelta(days=1))
    catalogue = Catalogue(Revision(as_of=TODAY), (over,))
    assert catalogue.current(TODAY - timedelta(days=1)).experiments == ()


# Changes


def test_a_change_adds_replaces_and_removes_features_in_the_order_of_ids() -> None:
    catalogue = Catalogue(features=(feature(1), feature(3), feature(5)))
    renewed = replace(feature(3), name="renewed")
    change = CatalogueChange(
        features=(
            FeatureChange(feature(5), None),
            FeatureChange(feature(3), renewed),
            FeatureChange(None, feature(2)),
        )
    )
    changed = applied(catalogue, Revision(4), change)
    assert changed.features == (feature(1), feature(2), renewed)
    assert changed.named("renewed") is renewed
    assert changed.feature(5) is None
    assert changed.revision == Revision(4)
    assert changed.blocks == FREE_BLOCKS


def test_a_change_replaces_single_blocks() -> None:
    owned = replace(FREE_BLOCKS[4], feature_id=7)
    changed = applied(Catalogue(), Revision(1), CatalogueChange(blocks=(owned,)))
    assert changed.blocks == (*FREE_BLOCKS[:4], owned, *FREE_BLOCKS[5:])


def test_a_change_adds_replaces_and_removes_segments_flags_and_metrics() -> None:
    old = Catalogue(
        segments={"a": segment("a"), "b": segment("b")},
        flags={"a": flag("a"), "b": flag("b")},
        metrics={"a": metric("a"), "b": metric("b")},
    )
    renamed = replace(flag("b"), name="renamed")
    change = CatalogueChange(
        segments=(Change(segment("a"), None), Change(None, segment("c"))),
        flags=(Change(flag("a"), None), Change(flag("b"), renamed), Change(None, flag("c"))),
        metrics=(Change(metric("a"), None), Change(None, metric("c"))),
        settings=ClientSettings(check_auth=True),
    )
    new = applied(old, Revision(1), change)
    assert new == replace(
        old,
        revision=Revision(1),
        segments={"b": segment("b"), "c": segment("c")},
        flags={"b": renamed, "c": flag("c")},
        metrics={"b": metric("b"), "c": metric("c")},
        settings=ClientSettings(check_auth=True),
    )
    assert applied(new, Revision(2), CatalogueChange()) == replace(new, revision=Revision(2))


def test_a_change_may_replace_what_is_not_there_or_say_nothing() -> None:
    again = CatalogueChange(flags=(Change(flag("a"), flag("b")), Change(flag("c"), None)))
    assert applied(Catalogue(), Revision(1), again).flags == {"b": flag("b")}
    nothing: FlagChange = Change(None, None)
    assert applied(Catalogue(), Revision(1), CatalogueChange(flags=(nothing,))).flags == {}


def test_only_blocks_that_differ_are_a_change() -> None:
    owned = replace(FREE_BLOCKS[4], feature_id=7)
    assert changed_blocks(Catalogue(), FREE_BLOCKS) == ()
    assert changed_blocks(Catalogue(), (*FREE_BLOCKS[:4], owned)) == (owned,)


# Catching up with the day


def test_a_new_store_catches_up_with_its_first_day() -> None:
    assert catch_up(Catalogue(), TODAY) == CatalogueChange(visible=True)


def test_nothing_is_due_once_caught_up() -> None:
    assert catch_up(caught_up(Catalogue(features=(feature(1),))), TODAY) is None


def test_a_new_day_moves_last_modified_though_nothing_else_changes() -> None:
    change = catch_up(caught_up(Catalogue()), TOMORROW)
    assert change == CatalogueChange(visible=True)


def test_a_clock_that_is_behind_has_nothing_to_catch_up_with() -> None:
    assert catch_up(caught_up(Catalogue()), TODAY - timedelta(days=1)) is None


def test_allocation_alone_leaves_last_modified() -> None:
    caught = caught_up(Catalogue())
    change = catch_up(replace(caught, features=(feature(1, share="0.1"),)), TODAY)
    assert change is not None
    assert not change.visible
    assert [(block.id, block.feature_id) for block in change.blocks] == [(1, 1), (2, 1)]


def test_an_experiment_gets_its_blocks_on_its_first_day_and_loses_them_after_its_last() -> None:
    short = feature(1, share="0.05", start=TOMORROW, end=TOMORROW)
    waiting = caught_up(Catalogue(features=(short,)))
    begun = caught_up(waiting, TOMORROW)
    over = caught_up(begun, TOMORROW + timedelta(days=1))
    assert [c.blocks[0].feature_id for c in (waiting, begun, over)] == [None, 1, None]
    assert waiting.revision.last_modified < begun.revision.last_modified
    assert begun.revision.last_modified < over.revision.last_modified


def test_a_paused_experiment_keeps_its_blocks() -> None:
    running = caught_up(Catalogue(features=(feature(1, share="0.5"),)))
    paused = replace(running, features=(feature(1, share="0.5", is_running=False),))
    assert catch_up(paused, TODAY) is None


@pytest.mark.parametrize("kind", [FeatureType.TOGGLE, FeatureType.ROLLOUT])
def test_only_experiments_get_blocks(kind: FeatureType) -> None:
    catalogue = Catalogue(Revision(as_of=TODAY), (feature(1, kind=kind),))
    assert catch_up(catalogue, TODAY) is None
    given = tuple(replace(block, feature_id=1) for block in FREE_BLOCKS)
    freed = catch_up(replace(catalogue, blocks=given), TODAY)
    assert freed == CatalogueChange(blocks=FREE_BLOCKS, visible=False)


def test_what_is_caught_up_with_is_the_allocation_of_the_day() -> None:
    features = tuple(feature(i, share="0.3") for i in range(1, 6))
    assert caught_up(Catalogue(features=features)).blocks == allocate(features, FREE_BLOCKS)


def test_a_day_stays_to_be_made_visible_after_a_change_that_is_not() -> None:
    seen = Revision().following(NOON)
    allocated = seen.following(NOON + timedelta(days=1), visible=False)
    assert allocated.as_of == seen.as_of
    assert allocated.following(NOON + timedelta(days=1)).last_modified > seen.last_modified

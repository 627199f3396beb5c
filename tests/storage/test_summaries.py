"""The lines of the list of results: the first verdict of a run stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.errors import LostRace
from chalicelib.domain.outcomes.results.results import Latched, Summary
from chalicelib.services.stores import Stores

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
LINE = Summary(7, "keep running", "Undecided.", 12, "users", "fine", 4, NOON, NOON)
SHIP = Latched("ship", "Ship b.", NOON, "b")
WON = replace(LINE, code="ship", latched=SHIP)


def test_a_line_comes_back_as_it_was_and_goes(stores: Stores) -> None:
    assert stores.summaries.one(7) is None
    unstarted = replace(LINE, feature_id=10, started_at=None, days_left=None)
    for line in (WON, unstarted):
        stores.summaries.put(line)
        assert stores.summaries.one(line.feature_id) == line
    assert stores.summaries.all() == [WON, unstarted]
    stores.summaries.remove(7)
    stores.summaries.remove(7)
    assert stores.summaries.all() == [unstarted]


def test_the_first_verdict_of_a_run_is_neither_lost_nor_replaced(stores: Stores) -> None:
    stores.summaries.put(LINE)
    stores.summaries.put(WON)
    other = Latched("keep control", "Keep a.", NOON)
    for line in (LINE, replace(WON, latched=other)):
        with pytest.raises(LostRace):
            stores.summaries.put(line)
    later = replace(WON, at=NOON + timedelta(hours=1))
    stores.summaries.put(later)
    assert stores.summaries.one(7) == later


def test_a_new_run_has_a_verdict_of_its_own_and_an_old_one_takes_none(stores: Stores) -> None:
    stores.summaries.put(WON)
    anew = replace(LINE, started_at=NOON + timedelta(days=1))
    stores.summaries.put(anew)
    assert stores.summaries.one(7) == anew
    stores.summaries.put(replace(anew, latched=SHIP))
    with pytest.raises(LostRace):
        stores.summaries.put(WON)

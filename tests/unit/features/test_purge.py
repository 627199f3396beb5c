from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.catalogue.purge import HANDOVER, SECOND_PASS, DeadVariants
from tests.fakes.memory import START

DEAD = DeadVariants(1, (4, 5), START, START + HANDOVER)
TICK = timedelta(milliseconds=1)


def test_the_request_has_a_minute_before_the_scheduled_function() -> None:
    assert timedelta(minutes=1) == HANDOVER
    assert DeadVariants.now(1, (4, 5), START) == DEAD


def test_where_no_variants_died_nothing_is_to_be_removed() -> None:
    assert DeadVariants.now(1, (), START) is None
    whole = DeadVariants.now(1, (), START, whole=True)
    assert whole == DeadVariants(1, (), START, START + HANDOVER, whole=True)
    assert (whole.first, DEAD.first) == (0, 4)


@pytest.mark.parametrize(
    ("found", "since_death", "done"),
    [
        (0, SECOND_PASS, True),
        (0, SECOND_PASS + TICK, True),
        (0, SECOND_PASS - TICK, False),
        (0, timedelta(0), False),
        (1, SECOND_PASS, False),
        (1, timedelta(days=9), False),
    ],
)
def test_a_pass_is_the_last_when_it_begins_late_enough_and_finds_nothing(
    found: int, since_death: timedelta, done: bool
) -> None:
    assert DEAD.is_done(found, START + since_death) is done


def test_after_a_pass_the_next_is_due_in_15_minutes() -> None:
    assert timedelta(minutes=15) == SECOND_PASS
    finished = START + timedelta(hours=3)
    assert DEAD.postponed(finished) == replace(DEAD, due=finished + SECOND_PASS)

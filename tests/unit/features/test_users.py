from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.users import (
    SHARDS_OF_PAST_DAYS,
    Totals,
    TotalsShard,
    check_named,
    check_user_id,
)


@pytest.mark.parametrize("user_id", ["", "a" * 512, "é" * 256, "😀" * 128])
def test_a_user_id_has_up_to_512_bytes(user_id: str) -> None:
    check_user_id(user_id)


@pytest.mark.parametrize("user_id", ["a" * 513, "é" * 256 + "a", "😀" * 128 + "a"])
def test_a_longer_user_id_is_refused(user_id: str) -> None:
    with pytest.raises(Invalid, match=r"^user id: at most 512 bytes in UTF-8, not 513$"):
        check_user_id(user_id)


def test_an_empty_id_names_nobody() -> None:
    check_named("x" * 513)
    with pytest.raises(Invalid, match="must not be empty"):
        check_named("")


def test_one_write_counts_in_one_shard() -> None:
    assert TotalsShard.pick(1, 2, 10, "u", 0) == TotalsShard.pick(1, 2, 10, "u", 0)


def test_each_further_attempt_tries_another_shard() -> None:
    shards = [TotalsShard.pick(1, 2, 10, "u", attempt).shard for attempt in range(10)]
    assert sorted(shards) == list(range(10))


def test_writes_spread_over_all_shards_and_no_others() -> None:
    shards = {TotalsShard.pick(1, 2, 10, str(seed), 3).shard for seed in range(1000)}
    assert shards == set(range(10))
    assert TotalsShard.pick(1, 2, 1, "anything", 7) == TotalsShard(1, 2, 0)


def test_totals_add_up_figure_by_figure() -> None:
    assert Totals(1, 20, 300) + Totals(4, -5, 6) == Totals(5, 15, 306)


def test_days_gone_by_have_fewer_shards_than_today() -> None:
    day, today = date(2026, 1, 15), date(2026, 1, 16)
    shards = [TotalsShard(1, 2, number) for number in range(20)]
    assert [each.of_day(today, today) for each in shards] == [
        replace(each, day=today) for each in shards
    ]
    past = {each.of_day(day, today) for each in shards}
    assert past == {TotalsShard(1, 2, number, day) for number in range(SHARDS_OF_PAST_DAYS)}
    assert past == {each.of_past(day) for each in shards}

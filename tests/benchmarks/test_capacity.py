"""Capacity by AWS's rules, against worked examples."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.capacity import (
    Index,
    get_units,
    index_units,
    item_size,
    number_size,
    page_units,
    read_units,
    value_size,
    write_units,
)


def item(size: int, **more: Any) -> dict[str, Any]:
    """An item of so many bytes, besides `more`."""
    return {"a": {"S": "x" * (size - 1)}, **more}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 1), ("7", 2), ("42", 2), ("-42", 3), ("123", 3), ("1000", 2), ("0.0005", 2),
        ("12.50", 3), ("1" * 38, 20), ("-" + "1" * 38, 21),
    ],
)  # fmt: skip
def test_a_number_takes_a_byte_for_two_significant_digits_and_one(text: str, size: int) -> None:
    assert number_size(text) == size


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "Grüße"}, 7),
        ({"S": ""}, 0),
        ({"B": b"1234"}, 4),
        ({"B": "MTIz"}, 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["ab", "c"]}, 3),
        ({"NS": ["1", "100"]}, 4),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"N": "7"}]}, 3 + (2 + 1) + (2 + 1)),
        ({"M": {"key": {"S": "ab"}}}, 3 + 3 + 2 + 1),
    ],
)
def test_sizes_of_values(value: Any, size: int) -> None:
    assert value_size(value) == size


def test_no_attribute_is_of_an_unknown_type() -> None:
    with pytest.raises(ValueError, match="type X"):
        value_size({"X": 1})


def test_an_item_counts_with_the_names_of_its_attributes() -> None:
    # The example of AWS: "Make" and "Subject" count as the values do.
    assert item_size({"name": {"S": "Bob"}, "größe": {"N": "180"}}) == 4 + 3 + 7 + 2
    assert item_size(None) == 0


@pytest.mark.parametrize(
    ("size", "consistent", "units"),
    [(0, True, 1), (0, False, 0.5), (4096, True, 1), (4097, True, 2), (8192, False, 1)],
)
def test_reads_count_by_4_kb_and_half_if_they_may_lag(
    size: int, consistent: bool, units: float
) -> None:
    assert read_units(size, consistent=consistent) == units


def test_a_transactional_read_costs_double() -> None:
    assert get_units(item(4096), consistent=True, transactional=True) == 2
    assert get_units(None, consistent=True, transactional=True) == 2


def test_a_page_is_rounded_up_once_and_items_read_by_key_one_by_one() -> None:
    ten = [item(1000) for _ in range(10)]
    assert page_units(ten, consistent=True) == 3
    assert sum(get_units(each, consistent=True) for each in ten) == 10
    assert page_units([], consistent=False) == 0.5


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        (None, item(100), 1),
        (None, item(1024), 1),
        (None, item(1025), 2),
        (item(3000), item(100), 3),
        (item(3000), None, 3),
        (None, None, 1),
    ],
)
def test_writes_count_by_the_larger_of_before_and_after(
    before: Any, after: Any, units: float
) -> None:
    assert write_units(before, after) == units
    assert write_units(before, after, transactional=True) == 2 * units


INDEX = Index(("v", "pk"), ("pk", "sk"), frozenset({"shown"}))
ROW = {"pk": {"S": "u"}, "sk": {"S": "s"}, "v": {"N": "1"}, "shown": {"S": "x"}}


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        (None, ROW, 1),
        (ROW, None, 1),
        (ROW, {**ROW, "v": {"N": "2"}}, 2),
        (ROW, {**ROW, "shown": {"S": "y"}}, 1),
        (ROW, {**ROW, "hidden": {"S": "y"}}, 0),
        (None, {"pk": {"S": "u"}, "sk": {"S": "s"}}, 0),
        (ROW, {name: value for name, value in ROW.items() if name != "v"}, 1),
        (None, {**ROW, "shown": {"S": "x" * 1024}}, 2),
        (None, {**ROW, "hidden": {"S": "x" * 5000}}, 1),
    ],
)
def test_an_index_costs_what_changes_in_it(before: Any, after: Any, units: float) -> None:
    assert index_units(INDEX, before, after) == units


def test_an_index_may_hold_whole_items() -> None:
    whole = Index(("v",), ("pk", "sk"), None)
    assert index_units(whole, None, {**ROW, "hidden": {"S": "x" * 2000}}) == 2

"""Rows of fields, in tables that grow: as they were typed, and with room for more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Row = dict[str, str]
"""What the fields of a row hold, by their names."""

PLACE = re.compile(r"[0-9]{1,3}")


def typed_rows(typed: Mapping[str, str], list_name: str, names: Sequence[str]) -> list[Row]:
    """The rows of a list as they were typed, each with all fields and its place; no blank ones.

    >>> typed_rows({"variants.3.value": "b"}, "variants", ["value", "weight"])
    [{'value': 'b', 'weight': '', 'place': '3'}]
    """
    begin = f"{list_name}."
    places = {
        int(place)
        for name, text in typed.items()
        if text and name.startswith(begin)
        if PLACE.fullmatch(place := name.removeprefix(begin).partition(".")[0])
    }
    return [
        {name: typed.get(f"{list_name}.{at}.{name}", "") for name in names} | {"place": str(at)}
        for at in sorted(places)
    ]


def with_room(rows: Sequence[Row], names: Sequence[str], least: int, most: int) -> list[Row]:
    """Rows with blank ones behind them to type into: two, or up to `least` in all."""
    first = max((int(row["place"]) for row in rows), default=-1) + 1
    blank = min(max(2, least - len(rows)), max(0, most - len(rows)))
    return [
        *rows,
        *(dict.fromkeys(names, "") | {"place": str(first + at)} for at in range(blank)),
    ]

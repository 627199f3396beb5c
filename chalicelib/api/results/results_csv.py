"""Results as CSV for spreadsheets: a line for each variant and metric, or for each day of those.

It is made for people: no cell is a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from chalicelib.api.results.results_answers import Results, ValueInterval

CSV_TYPE = "text/csv; charset=UTF-8"

Cell = str | float | int | Decimal | None

COLUMNS = (
    "metric", "role", "variant", "name", "is_control", "units", "n", "mean", "mean_low",
    "mean_high", "difference", "difference_low", "difference_high", "p", "lift", "lift_low",
    "lift_high", "guardrail", "lacks",
)  # fmt: skip

SERIES_COLUMNS = (
    "day", "metric", "variant", "new_units", "units_so_far", "difference", "difference_low",
    "difference_high", "is_open",
)  # fmt: skip

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a text for a formula, at its beginning."""


def table(found: Results) -> str:
    """A line for each metric and variant, with its comparison if it is not the control."""
    return lines(COLUMNS, _lines(found))


def series(found: Results) -> str:
    """A line for each day and variant, and of a factorial design for each level."""
    return lines(SERIES_COLUMNS, _days(found))


def _lines(found: Results) -> Iterator[list[Cell]]:
    compared = {(each["metric"], each["variant"]): each for each in found["comparisons"]}
    for metric in found["metrics"]:
        for variant in found["variants"]:
            own = next(each for each in variant["metrics"] if each["metric"] == metric["name"])
            start: list[Cell] = [
                metric["name"],
                metric["role"],
                variant["id"],
                variant["name"],
                str(variant["is_control"]).lower(),
                variant["units"],
                own["n"],
                own["mean"],
                *_bounds(own["interval"]),
            ]
            each = compared.pop((metric["name"], variant["id"]), None)
            if each is None:
                yield [*start, *[None] * (len(COLUMNS) - len(start))]
                continue
            yield [
                *start,
                each["difference"],
                *_bounds(each["interval"]),
                each["p"],
                each["lift"],
                *_bounds(each["lift_interval"]),
                each["guardrail"],
                " ".join(each["lacks"]),
            ]
    for each in compared.values():  # levels of factors, which are no variants
        yield [
            each["metric"], each["role"], each["variant"], each["name"], "false", each["units"],
            None, each["mean"], None, None, each["difference"], *_bounds(each["interval"]),
            each["p"], each["lift"], *_bounds(each["lift_interval"]), each["guardrail"],
            " ".join(each["lacks"]),
        ]  # fmt: skip


def _days(found: Results) -> Iterator[list[Cell]]:
    for day in found["series"]["days"]:
        points = {point["variant"]: point for point in day["points"]}
        for variant in (*day["new"], *(key for key in points if key not in day["new"])):
            point = points.get(variant)
            yield [
                day["first"],
                None if point is None else point["metric"],
                variant,
                day["new"].get(variant),
                day["so_far"].get(variant),
                None if point is None else point["difference"],
                *_bounds(None if point is None else point["interval"]),
                str(day["is_open"]).lower(),
            ]


def _bounds(interval: ValueInterval | None) -> tuple[Cell, Cell]:
    return (None, None) if interval is None else (interval["low"], interval["high"])


def lines(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """CSV of some lines below the names of their columns."""
    return "".join(map(line, (columns, *rows)))


def line(cells: Sequence[Cell]) -> str:
    """A line of CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return text.getvalue()


def _cell(cell: Cell) -> Cell:
    """A cell that no spreadsheet takes for a formula; numbers stay what they are."""
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return cell

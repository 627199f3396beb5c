"""The rows behind results: /api/results/.../participants."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.http.reading import Reading
from chalicelib.api.http.rendering import Rendered, json_text, written
from chalicelib.api.http.routes import Routes
from chalicelib.api.pages.cursors import Cursors
from chalicelib.api.protocol.negotiation import prefers
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.results import results_csv
from chalicelib.api.results.dialect import DIALECT, OwnQuery
from chalicelib.api.testlab.fields import Integer
from chalicelib.domain.features.users import check_user_id
from chalicelib.services import Services
from chalicelib.services.outcomes.result_rows import Position, ResultRow, ResultRows

ROWS = 250
"""Rows of a page, unless fewer are asked for: ids and names of metrics may be long."""

routes = Routes(__name__, DIALECT)


def _position(variant_id: int, user_id: str) -> Position:
    check_user_id(user_id)
    return variant_id, user_id


CURSORS = Cursors("/api/results/feature/{feature_id}/participants", tuple[int, str], _position)


class RowsQuery(OwnQuery):
    """Up to `limit` rows, after those of the page whose Link gave `cursor`."""

    limit: Annotated[int, Field(ge=1, le=ROWS)] = ROWS
    cursor: str | None = None


class Participant(TypedDict):
    """A user as results count them: the total of each metric within the window, null without any.

    `is_counted`: whether the user is in the sums already.
    """

    user_id: str
    variant_id: int
    variant: str
    day: str
    values: dict[str, float | None]
    is_counted: bool


@routes.endpoint("/api/results/feature/{feature_id}/participants")
def list_feature_participants(
    services: Services, feature_id: Integer, query: RowsQuery, reading: Reading
) -> Rendered[list[Participant]]:
    """The users of an experiment with the totals that results sum up; as CSV for who accepts it."""
    after = None if query.cursor is None else CURSORS.read(query.cursor, feature=feature_id)
    found = services.result_rows.of_feature(feature_id, after, query.limit)
    return _answered(found, query, reading, feature_id)


def _answered(
    found: ResultRows, query: RowsQuery, reading: Reading, feature_id: int
) -> Rendered[list[Participant]]:
    headers: ResponseHeaders = {"Vary": "Accept"}
    if found.next is not None:
        kept = {"limit": query.limit}
        headers["Link"] = CURSORS.link(found.next, kept, feature=feature_id)
    if prefers(reading.headers.get("accept", ""), "text/csv"):
        text = results_csv.lines(_columns(found), map(_cells, found.rows))
        return Rendered(text, {**headers, "Content-Type": results_csv.CSV_TYPE})
    return written(json_text([_participant(row) for row in found.rows]), headers)


def _participant(row: ResultRow) -> Participant:
    return {
        "user_id": row.user_id,
        "variant_id": row.variant_id,
        "variant": row.variant,
        "day": row.day.isoformat(),
        "values": {
            name: None if value is None else float(value) for name, value in row.values.items()
        },
        "is_counted": row.is_counted,
    }


def _columns(found: ResultRows) -> tuple[str, ...]:
    return "user_id", "variant_id", "variant", "day", *found.metrics, "is_counted"


def _cells(row: ResultRow) -> list[results_csv.Cell]:
    values = (None if value is None else Decimal(f"{value:f}") for value in row.values.values())
    return [
        row.user_id,
        row.variant_id,
        row.variant,
        row.day.isoformat(),
        *values,
        str(row.is_counted).lower(),
    ]

"""The rows behind results: /api/results/.../participants."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.http.reading import Reading
from chalicelib.api.http.rendering import Rendered, written
from chalicelib.api.http.routes import Routes
from chalicelib.api.pages.answer_sizes import ANSWER_BYTES, list_text, row_text
from chalicelib.api.pages.cursors import Cursors
from chalicelib.api.protocol.negotiation import prefers
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.results import results_csv
from chalicelib.api.results.dialect import DIALECT, OwnQuery
from chalicelib.api.testlab.fields import Integer
from chalicelib.api.upgrade.wire.texts import Uuid
from chalicelib.domain.catalogue.answer_room import answer_bytes
from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.users import check_user_id
from chalicelib.domain.outcomes.participant_rows import ParticipantRow
from chalicelib.services import Services
from chalicelib.services.outcomes.result_rows import (
    ParticipantRows,
    Position,
    ResultRow,
    ResultRows,
    Start,
)

A = TypeVar("A")
S = TypeVar("S", bound=str)
R = TypeVar("R")

ROWS = 250
"""Rows of a page, unless fewer are asked for: ids and names of metrics may be long."""

KEY_BYTES = 1000
"""What the key of a participant may have: those of the store are shorter."""

FEATURE_COLUMNS = "user_id", "variant_id", "variant", "day"
EXPERIMENT_COLUMNS = (
    "user_id", "condition_id", "condition", "site", "target", "day", "group_id", "stratum",
)  # fmt: skip
COUNTED_COLUMN = "is_counted"
"""What CSV has behind the metrics of a feature."""

routes = Routes(__name__, DIALECT)


def _position(variant_id: int, user_id: str) -> Position:
    check_user_id(user_id)
    return variant_id, user_id


def _start(key: str, rows: int) -> Start:
    if len(key.encode()) > KEY_BYTES or rows < 0:
        raise Invalid("no page starts there")
    return key, rows


CURSORS = Cursors("/api/results/feature/{feature_id}/participants", tuple[int, str], _position)
EXPERIMENT_CURSORS = Cursors(
    "/api/results/experiment/{experiment_id}/participants", tuple[str, int], _start
)


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


class ExperimentParticipant(TypedDict):
    """A user under a condition at a decision point, with what queries take of the user under it.

    `values` are by the names of queries, the same at all points, and 1 or 0 for a share; null
    without any, or where a number is too large for JSON. `day` (UTC) is that of the enrollment
    there, within subjects that of the first mark under the condition. `group_id` is set where
    groups are assigned, `stratum` where sampling is stratified: those with which the user counts.
    """

    user_id: str
    condition_id: str
    condition: str
    site: str
    target: str
    day: str
    group_id: str | None
    stratum: str | None
    values: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class RowsPage(Generic[R, A]):
    """How the rows of a page are shown, as JSON or below the names of columns.

    `link` leads to what comes after so many of them, if anything does.
    """

    rows: Sequence[R]
    shown: Callable[[R], A]
    columns: tuple[str, ...]
    cells: Callable[[R], Sequence[results_csv.Cell]]
    link: Callable[[int], str | None]


@routes.endpoint("/api/results/feature/{feature_id}/participants")
def list_feature_participants(
    services: Services, feature_id: Integer, query: RowsQuery, reading: Reading
) -> Rendered[list[Participant]]:
    """The users of an experiment with the totals that results sum up; as CSV for who accepts it."""
    after = feature_position(query, feature_id)
    found = services.result_rows.of_feature(feature_id, after, query.limit)
    return _answered(feature_rows(found, query, feature_id), reading)


@routes.endpoint("/api/results/experiment/{experiment_id}/participants")
def list_experiment_participants(
    services: Services, experiment_id: Uuid, query: RowsQuery, reading: Reading
) -> Rendered[list[ExperimentParticipant]]:
    """The participants of an experiment in UpGrade's form, with the values that results sum up."""
    start = experiment_start(query, experiment_id)
    found = services.result_rows.of_experiment(experiment_id, start, query.limit)
    return _answered(experiment_rows(found, query, experiment_id), reading)


def feature_position(query: RowsQuery, feature_id: int) -> Position | None:
    """Where the page that is asked for begins.

    Raises:
        Invalid: if its cursor was not given out for this.
    """
    return None if query.cursor is None else CURSORS.read(query.cursor, feature=feature_id)


def experiment_start(query: RowsQuery, experiment_id: str) -> Start | None:
    """Where the page that is asked for begins.

    Raises:
        Invalid: if its cursor was not given out for this.
    """
    if query.cursor is None:
        return None
    return EXPERIMENT_CURSORS.read(query.cursor, experiment=experiment_id)


def feature_rows(
    found: ResultRows, query: RowsQuery, feature_id: int
) -> RowsPage[ResultRow, Participant]:
    """The users of an experiment of Test Lab as they are shown."""

    def link(count: int) -> str | None:
        after = found.after(count)
        kept = {"limit": query.limit}
        return None if after is None else CURSORS.link(after, kept, feature=feature_id)

    fixed = (*FEATURE_COLUMNS, COUNTED_COLUMN)
    columns = (*FEATURE_COLUMNS, *_columns(found.metrics, fixed), COUNTED_COLUMN)
    return RowsPage(found.rows, _participant, columns, _cells, link)


def experiment_rows(
    found: ParticipantRows, query: RowsQuery, experiment_id: str
) -> RowsPage[ParticipantRow, ExperimentParticipant]:
    """The participants of an experiment in UpGrade's form as they are shown."""

    def link(count: int) -> str | None:
        after = found.after(count)
        kept = {"limit": query.limit}
        if after is None:
            return None
        return EXPERIMENT_CURSORS.link(after, kept, experiment=experiment_id)

    rows = [row for _, row in found.rows]
    columns = (*EXPERIMENT_COLUMNS, *_columns(found.metrics, EXPERIMENT_COLUMNS))
    return RowsPage(rows, _experiment_participant, columns, _experiment_cells, link)


def _answered(page: RowsPage[R, A], reading: Reading) -> Rendered[list[A]]:
    """The rows that fit an answer, as JSON or CSV, with a Link to what comes after them."""
    is_csv = prefers(reading.headers.get("accept", ""), "text/csv")
    headers: ResponseHeaders = {"Vary": "Accept"}
    if is_csv:
        table, link = csv_rows(page)
        headers["Content-Type"] = results_csv.CSV_TYPE
        return Rendered(table, _linked(headers, link))
    texts = _fitting((row_text(page.shown(row)) for row in page.rows), ANSWER_BYTES)
    return written(list_text(texts), _linked(headers, page.link(len(texts))))


def _linked(headers: ResponseHeaders, link: str | None) -> ResponseHeaders:
    return headers if link is None else {**headers, "Link": link}


def csv_rows(page: RowsPage[R, A]) -> tuple[str, str | None]:
    """The rows that fit an answer as CSV, and the link to what comes after them."""
    head = results_csv.line(page.columns)
    lines = (results_csv.line(page.cells(row)) for row in page.rows)
    texts = _fitting(lines, ANSWER_BYTES - answer_bytes(head))
    return "".join((head, *texts)), page.link(len(texts))


def _fitting(texts: Iterable[S], room: int) -> list[S]:
    """The first rows that fit; a single one always does, for what designs and logs are bounded."""
    taken: list[S] = []
    for text in texts:
        room -= answer_bytes(text) + 1
        if taken and room < 0:
            break
        taken.append(text)
    return taken


def _participant(row: ResultRow) -> Participant:
    return {
        "user_id": row.user_id,
        "variant_id": row.variant_id,
        "variant": row.variant,
        "day": row.day.isoformat(),
        "values": _doubles(row.values),
        "is_counted": row.is_counted,
    }


def _experiment_participant(row: ParticipantRow) -> ExperimentParticipant:
    return {
        "user_id": row.user_id,
        "condition_id": row.condition.id,
        "condition": row.condition.code,
        "site": row.point_key.site,
        "target": row.point_key.target,
        "day": row.day.isoformat(),
        "group_id": row.place.group_id,
        "stratum": row.place.stratum,
        "values": _doubles(row.values),
    }


def _doubles(values: Mapping[str, Decimal | None]) -> dict[str, float | None]:
    return {name: _double(value) for name, value in values.items()}


def _double(value: Decimal | None) -> float | None:
    """A number as JSON has it, which knows no infinity."""
    number = None if value is None else float(value)
    return number if number is None or math.isfinite(number) else None


def _columns(metrics: Iterable[str], fixed: Sequence[str]) -> list[str]:
    """The columns of metrics, none of which is called as one of the others."""
    return [f"{name} (value)" if name in fixed else name for name in metrics]


def _cells(row: ResultRow) -> list[results_csv.Cell]:
    return [
        row.user_id,
        row.variant_id,
        row.variant,
        row.day.isoformat(),
        *_digits(row.values),
        str(row.is_counted).lower(),
    ]


def _experiment_cells(row: ParticipantRow) -> list[results_csv.Cell]:
    return [
        row.user_id,
        row.condition.id,
        row.condition.code,
        row.point_key.site,
        row.point_key.target,
        row.day.isoformat(),
        row.place.group_id,
        row.place.stratum,
        *_digits(row.values),
    ]


def _digits(values: Mapping[str, Decimal | None]) -> list[Decimal | None]:
    """Numbers with all their digits."""
    return [None if value is None else Decimal(f"{value:f}") for value in values.values()]

"""Administration of strata: /api/stratification."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Annotated
from urllib.parse import quote

from typing_extensions import TypedDict

from chalicelib.api.http.rendering import Rendered
from chalicelib.api.http.routes import Routes
from chalicelib.api.pages.answer_pages import ListQuery, Pages, PartQuery, Row
from chalicelib.api.pages.answer_sizes import ANSWER_BYTES, fitting, row_text
from chalicelib.api.pages.cursors import Cursors
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.participants.client_models import ClientBody
from chalicelib.api.upgrade.wire.files import MAX_FILES
from chalicelib.api.upgrade.wire.records import stamps
from chalicelib.api.upgrade.wire.shapes import Id, Stamps
from chalicelib.api.upgrade.wire.texts import FilledText, Text
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.catalogue.answer_room import answer_bytes
from chalicelib.domain.errors import Invalid
from chalicelib.domain.participants.strata import FactorUse, StratificationFactor
from chalicelib.services import Services
from chalicelib.services.running.paging import PAGE_BYTES

routes = Routes(__name__, DIALECT)

USER_COLUMN = "uuid"
EXPERIMENTS_SHOWN = 10_000
"""Experiments that a factor is shown to be used by."""

VALUES_SHOWN = 300
"""Values that are shown of a factor with more than fit an answer; each may have 1,000 bytes."""

FACTORS_OF_FILE = 200
"""Factors that one file may have."""

LINES = 150_000
"""Of a file: more users do not fit into a request, unless their ids are very short."""

BYTE_ORDER_MARK = "\ufeff"
"""What spreadsheets put before the first line."""

LINE_END = "\r\n"
CSV_TYPE = "text/csv; charset=UTF-8"
TOKEN = re.compile(r"[A-Za-z0-9._-]+")
"""What a header holds without quotes."""


CURSORS = Cursors("/api/stratification/download/{factor}", tuple[str], str)


class StratificationFile(ClientBody):
    """A CSV file: a header `uuid,factor[,factor...]`, then a line per user."""

    file: Text


class StrataBody(ClientBody):
    """POST /api/stratification."""

    files: Annotated[list[StratificationFile], AtMost(MAX_FILES)]


class StratificationUse(TypedDict):
    """How many users have each value of a factor, and which experiments go by it."""

    factor: str
    factorValue: Mapping[str, int]
    experimentIds: list[Id]


class StratificationUseInPart(StratificationUse):
    """Only the first values of a factor, and of how many."""

    valuesTotal: int


class UploadedFactor(TypedDict):
    factor: str
    users: int


class DeletedFactor(Stamps):
    stratificationFactorName: str


PAGES: Pages[FactorUse] = Pages("/api/stratification", lambda use: (use.factor.name,), tuple[str])


@routes.endpoint(PAGES.route)
def list_factors(services: Services, query: ListQuery) -> Rendered[list[StratificationUse]]:
    """All factors: how many users have each value, and which experiments go by them.

    Of very many values the first are shown, and `valuesTotal` says how many there are.
    """
    return PAGES.answer(services.stratification.uses(), query, _use)


def _use(use: FactorUse) -> Row[StratificationUse]:
    experiments = list(use.experiment_ids[:EXPERIMENTS_SHOWN])
    shown: StratificationUse = {
        "factor": use.factor.name,
        "factorValue": use.users,
        "experimentIds": experiments,
    }
    text = row_text(shown)
    if answer_bytes(text) <= ANSWER_BYTES:
        return Row(text)
    first = dict(islice(use.users.items(), VALUES_SHOWN))
    part: StratificationUseInPart = {
        **shown,
        "factorValue": first,
        "valuesTotal": len(use.users),
    }
    return Row(row_text(part))


@routes.endpoint("/api/stratification", "POST")
def upload_strata(services: Services, body: StrataBody) -> list[UploadedFactor]:
    """Store users' values of stratification factors."""
    factors = _of_files(body.files)
    stored = [UploadedFactor(factor=name, users=len(of)) for name, of in factors.items()]
    if not fitting(stored)[1]:
        raise Invalid(f"{len(stored)} factors: send fewer of them in one call")
    services.stratification.put(factors)
    return stored


def _of_files(files: Iterable[StratificationFile]) -> dict[str, dict[str, str]]:
    """The values of each factor by user; those of later files count."""
    factors: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for upload in files:
        for factor, values in _columns(upload.file).items():
            factors[factor].update(values)
    return factors


@routes.endpoint("/api/stratification/download/{factor}")
def download_strata(services: Services, factor: FilledText, query: PartQuery) -> Rendered[str]:
    """The users with a value of a factor as CSV; a Link names the next part of a large one."""
    values = services.stratification.values(factor)
    after = "" if query.cursor is None else CURSORS.read(query.cursor, factor=factor)
    return _file(factor, values, after)


def _file(factor: str, values: Iterable[tuple[str, str]], after: str) -> Rendered[str]:
    """The lines of the users behind one, as many as an answer holds."""
    lines, size, last = [_line([USER_COLUMN, factor])], 0, None
    headers: ResponseHeaders = {"Content-Type": CSV_TYPE, "Content-Disposition": _attached(factor)}
    for user_id, value in values:
        if user_id <= after:
            continue
        line = _line([user_id, value])
        size += len(json.dumps(line))
        if size > PAGE_BYTES and last is not None:
            headers["Link"] = CURSORS.link((last,), factor=factor)
            break
        lines.append(line)
        last = user_id
    return Rendered(LINE_END.join(lines), headers)


@routes.endpoint("/api/stratification/{factor}", "DELETE")
def delete_factor(services: Services, factor: FilledText) -> list[DeletedFactor]:
    """Delete a factor, and all users' values of it."""
    gone = services.stratification.delete(factor)
    return [] if gone is None else [_row(gone)]


def _row(factor: StratificationFactor) -> DeletedFactor:
    times = stamps(factor.created_at, factor.created_at, 1)
    return {**times, "stratificationFactorName": factor.name}


def _line(cells: Sequence[str]) -> str:
    # The writer quotes a line break within a cell only if it knows what ends a line.
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator=LINE_END).writerow(cells)
    return line.getvalue().removesuffix(LINE_END)


def _attached(factor: str) -> str:
    """What a browser calls the file; names that a header cannot hold go as RFC 8187 says."""
    if TOKEN.fullmatch(factor):
        return f"attachment; filename=data-{factor}.csv"
    return f"attachment; filename=data.csv; filename*=UTF-8''data-{quote(factor, safe='')}.csv"


def _columns(text: str) -> dict[str, dict[str, str]]:
    """The values of each factor by user; lines without any value are left out.

    Raises:
        Invalid: if it is not CSV, has no column of users or no factor beside it, or a line does
            not fit the header or names no user.
    """
    (_, header), *lines = _rows(text) or [(1, [])]
    if USER_COLUMN not in header or len(header) == 1 or "" in header:
        raise Invalid(
            f"file: the first line must name {USER_COLUMN} and at least one factor, and nothing"
            " without a name"
        )
    if len(header) > FACTORS_OF_FILE + 1:
        raise Invalid(f"file: at most {FACTORS_OF_FILE} factors, not {len(header) - 1}")
    if len(set(header)) < len(header):
        raise Invalid("file: the first line names a column twice")
    users = header.index(USER_COLUMN)
    for number, row in lines:
        if len(row) != len(header):
            raise Invalid(f"file: line {number} has {len(row)} cells, the first {len(header)}")
        if not row[users]:
            raise Invalid(f"file: line {number} has no {USER_COLUMN}")
    return {
        factor: {row[users]: row[column] for _, row in lines}
        for column, factor in enumerate(header)
        if column != users
    }


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of the line that it ends in.

    Raises:
        Invalid: if it is not CSV, or too long.
    """
    reader = csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline=""))
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                rows.append((reader.line_num, cells))
            if len(rows) > LINES:
                raise Invalid(f"file: at most {LINES} lines")
    except csv.Error as error:
        raise Invalid(f"file: {error}") from error
    return rows

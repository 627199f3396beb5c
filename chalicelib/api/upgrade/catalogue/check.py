"""The records of participants, table by table: /api/check.

GET lists them as the original does, a page at a time; POST brings such rows in, so that a running
experiment moves with every participant's condition.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.http.rendering import Rendered, written
from chalicelib.api.http.routes import Routes
from chalicelib.api.pages.answer_pages import PartQuery
from chalicelib.api.pages.answer_sizes import fitting, list_text, row_text
from chalicelib.api.pages.cursors import Cursors
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.catalogue.check_answers import (
    ListedEnrollment,
    ListedExclusion,
    ListedGroupEnrollment,
    ListedGroupExclusion,
    ListedPoint,
    row_answer,
    shortened,
)
from chalicelib.api.upgrade.catalogue.check_models import (
    ROWS,
    EnrollmentRow,
    ExclusionRow,
    GroupEnrollmentRow,
    GroupExclusionRow,
    PointRow,
)
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.transfer import RecordKind
from chalicelib.services import Services
from chalicelib.services.experiments import transfer_reports
from chalicelib.services.experiments.ports import Position

routes = Routes(__name__, DIALECT)

PAGE_SIZE = 1000
"""Rows of a page if nobody says otherwise: with their experiments and users they fit 4 MB."""

PARTITION_KEY_BYTES, SORT_KEY_BYTES = 2048, 1024
"""What the parts of a position may have."""


class CheckQuery(PartQuery):
    """Up to `limit` rows, after those of the page whose Link gave `cursor`."""

    limit: Annotated[int, Field(ge=1, le=PAGE_SIZE)] = PAGE_SIZE


def _position(partition_key: str, sort_key: str) -> Position:
    sizes = len(partition_key.encode()), len(sort_key.encode())
    if not (0 < sizes[0] <= PARTITION_KEY_BYTES and 0 < sizes[1] <= SORT_KEY_BYTES):
        raise Invalid("nothing has this key")
    return partition_key, sort_key


CURSORS = Cursors("/api/check", tuple[str, str], _position)


class RefusedRow(TypedDict):
    index: int
    reason: str


class TransferReport(TypedDict):
    """How many rows were stored, how many were there already, and which were refused."""

    stored: int
    unchanged: int
    refused: list[RefusedRow]


def _page(
    services: Services, kind: RecordKind, query: CheckQuery
) -> Rendered[Any]:  # a list of rows of one shape, which the kind says
    after = None if query.cursor is None else CURSORS.read(query.cursor, kind=kind.value)
    limit = query.limit
    while True:
        page = services.transfer.page(kind, after, limit)
        texts, fits = fitting(row_answer(each) for each in page.records)
        if limit == 1 and not fits:
            texts = [row_text(shortened(row_answer(each))) for each in page.records]
        if fits or limit == 1:
            break
        # Each row shows its experiment and its user. Where a page ends only the store knows.
        limit //= 2
    headers: ResponseHeaders = {}
    if page.next is not None:
        headers["Link"] = CURSORS.link(page.next, {"limit": query.limit}, kind=kind.value)
    return written(list_text(texts), headers)


def _report(report: transfer_reports.TransferReport) -> TransferReport:
    return {
        "stored": report.stored,
        "unchanged": report.unchanged,
        "refused": [{"index": each.index, "reason": each.reason} for each in report.refused],
    }


@routes.endpoint("/api/check/individualAssignment")
def list_enrollments(services: Services, query: CheckQuery) -> Rendered[list[ListedEnrollment]]:
    """Enrollments of users."""
    return _page(services, RecordKind.ENROLLMENTS, query)


@routes.endpoint("/api/check/individualExclusion")
def list_exclusions(services: Services, query: CheckQuery) -> Rendered[list[ListedExclusion]]:
    """Exclusions of users."""
    return _page(services, RecordKind.EXCLUSIONS, query)


@routes.endpoint("/api/check/monitoredExperimentPoint")
def list_points(services: Services, query: CheckQuery) -> Rendered[list[ListedPoint]]:
    """Decision points that users reached."""
    return _page(services, RecordKind.POINTS, query)


@routes.endpoint("/api/check/groupAssignment")
def list_group_enrollments(
    services: Services, query: CheckQuery
) -> Rendered[list[ListedGroupEnrollment]]:
    """Enrollments of groups."""
    return _page(services, RecordKind.GROUP_ENROLLMENTS, query)


@routes.endpoint("/api/check/groupExclusion")
def list_group_exclusions(
    services: Services, query: CheckQuery
) -> Rendered[list[ListedGroupExclusion]]:
    """Exclusions of groups."""
    return _page(services, RecordKind.GROUP_EXCLUSIONS, query)


@routes.endpoint("/api/check/individualAssignment", "POST")
def bring_in_enrollments(
    services: Services,
    body: Annotated[list[EnrollmentRow], AtMost(ROWS)],
) -> TransferReport:
    """Store enrollments of users; those that are there already stay as they are."""
    return _report(services.transfer.bring_in([row.record() for row in body]))


@routes.endpoint("/api/check/individualExclusion", "POST")
def bring_in_exclusions(
    services: Services,
    body: Annotated[list[ExclusionRow], AtMost(ROWS)],
) -> TransferReport:
    """Store exclusions of users."""
    return _report(services.transfer.bring_in([row.record() for row in body]))


@routes.endpoint("/api/check/monitoredExperimentPoint", "POST")
def bring_in_points(
    services: Services, body: Annotated[list[PointRow], AtMost(ROWS)]
) -> TransferReport:
    """Store decision points that users reached."""
    return _report(services.transfer.bring_in([row.record() for row in body]))


@routes.endpoint("/api/check/groupAssignment", "POST")
def bring_in_group_enrollments(
    services: Services,
    body: Annotated[list[GroupEnrollmentRow], AtMost(ROWS)],
) -> TransferReport:
    """Store enrollments of groups."""
    return _report(services.transfer.bring_in_groups([row.record() for row in body]))


@routes.endpoint("/api/check/groupExclusion", "POST")
def bring_in_group_exclusions(
    services: Services,
    body: Annotated[list[GroupExclusionRow], AtMost(ROWS)],
) -> TransferReport:
    """Store exclusions of groups."""
    return _report(services.transfer.bring_in_groups([row.record() for row in body]))

"""Administration of preview users: /api/previewusers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.http.rendering import Rendered
from chalicelib.api.http.routes import Routes
from chalicelib.api.pages.answer_pages import ListQuery, Pages, Position, Row
from chalicelib.api.pages.answer_sizes import ANSWER_BYTES, row_text
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.participants.client_models import ClientBody, Name
from chalicelib.api.upgrade.wire.pages import PageBody, PageOf, Search, page
from chalicelib.api.upgrade.wire.records import stamps
from chalicelib.api.upgrade.wire.shapes import Id, Stamps
from chalicelib.api.upgrade.wire.texts import Identifier, Uuid
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.catalogue.answer_room import answer_bytes
from chalicelib.domain.participants import preview_users
from chalicelib.services import Services
from chalicelib.services.participants.preview_users import Preview, RequestedAssignment

routes = Routes(__name__, DIALECT)

PREVIEW_CONDITIONS = 500
"""Explicit conditions of a preview user."""


class Reference(ClientBody):
    """Something known by its id."""

    id: Identifier


class AssignmentBody(ClientBody):
    """An explicit condition of a preview user."""

    id: Uuid | None = None
    experiment: Reference
    condition: Reference = Field(alias="experimentCondition")


Assignments = Annotated[list[AssignmentBody], AtMost(PREVIEW_CONDITIONS)]


class AssignmentsField(ClientBody):
    """PUT /api/previewusers/{id}; without assignments they stay as they are."""

    assignments: Assignments | None = None

    def requested(self) -> list[RequestedAssignment] | None:
        """The assignments, if there are to be others."""
        if self.assignments is None:
            return None
        return [
            RequestedAssignment(each.experiment.id, each.condition.id, each.id)
            for each in self.assignments
        ]


class PreviewUserBody(AssignmentsField):
    """POST /api/previewusers."""

    id: Name


class PreviewAssignmentsBody(PreviewUserBody):
    """POST /api/previewusers/assign."""

    assignments: Assignments


NAME_SHOWN = 200
"""Characters of a name or a code where all of a user's are too long together."""


def _position(user: preview_users.PreviewUser) -> Position:
    return -int(user.created_at.timestamp() * 1000), user.id


PAGES: Pages[preview_users.PreviewUser] = Pages("/api/previewusers", _position, tuple[int, str])


class PreviewExperiment(TypedDict):
    id: Id
    name: str


class PreviewCondition(TypedDict):
    id: Id
    conditionCode: str


class PreviewAssignment(Stamps):
    """An explicit condition of a preview user."""

    id: Id
    experiment: PreviewExperiment
    experimentCondition: PreviewCondition


class PreviewUserColumns(Stamps):
    id: str


class PreviewUser(PreviewUserColumns):
    assignments: NotRequired[list[PreviewAssignment]]


@routes.endpoint("/api/previewusers")
def list_preview_users(services: Services, query: ListQuery) -> Rendered[list[PreviewUser]]:
    """The preview users, the newest first."""
    users = services.preview_users.shown_all()
    rest = PAGES.rest(users.rows, query)
    taken = PAGES.take(rest, query, users.read, lambda *shown: Row.of(_answer(*shown)))
    return PAGES.response(taken, query)


@routes.endpoint("/api/previewusers/paginated", "POST")
def page_of_preview_users(services: Services, body: PageBody) -> Rendered[PageOf[PreviewUser]]:
    """Some of the preview users."""
    users = services.preview_users.shown_all()
    found = page(users.rows, body, PREVIEW_USER_SEARCH)
    return found.response(users.read(found.rows), lambda shown: _answer(*shown))


@routes.endpoint("/api/previewusers", "POST")
def create_preview_user(services: Services, body: PreviewUserBody) -> PreviewUser:
    """Let a user see experiments in preview."""
    return _put(services, body.id, body)


@routes.endpoint("/api/previewusers/assign", "POST")
def assign_preview_user(services: Services, body: PreviewAssignmentsBody) -> PreviewUser:
    """Set the conditions of a preview user by experiment."""
    return _put(services, body.id, body)


@routes.endpoint("/api/previewusers/{user_id}")
def get_preview_user(services: Services, user_id: Name) -> PreviewUser:
    """One preview user."""
    shown = services.preview_users.shown(user_id)
    return _answer(shown.user, shown.previews)


@routes.endpoint("/api/previewusers/{user_id}", "PUT")
def edit_preview_user(services: Services, user_id: Name, body: AssignmentsField) -> PreviewUser:
    """Make a user a preview user, or give one other conditions."""
    return _put(services, user_id, body)


@routes.endpoint("/api/previewusers/{user_id}", "DELETE")
def delete_preview_user(services: Services, user_id: Name) -> list[PreviewUserColumns]:
    """Make a preview user an ordinary one."""
    gone = services.preview_users.remove(user_id)
    return [] if gone is None else [_row(gone)]


def _put(services: Services, user_id: str, body: AssignmentsField) -> PreviewUser:
    shown = services.preview_users.put_shown(user_id, body.requested())
    return _answer(shown.user, shown.previews)


def _answer(user: preview_users.PreviewUser, previews: Sequence[Preview]) -> PreviewUser:
    """A preview user with the assignments; one who has none without."""
    times = stamps(user.created_at, user.updated_at, user.version)
    if not previews:
        return PreviewUser(id=user.id, **times)
    return PreviewUser(id=user.id, **times, assignments=_assignments(user, previews))


def _row(user: preview_users.PreviewUser) -> PreviewUserColumns:
    return {**stamps(user.created_at, user.updated_at, user.version), "id": user.id}


def _assignments(
    user: preview_users.PreviewUser, previews: Sequence[Preview]
) -> list[PreviewAssignment]:
    """The assignments of a user, with the beginnings of names where these are too long together."""
    whole = [_assignment(user, each) for each in previews]
    if answer_bytes(row_text(whole)) <= ANSWER_BYTES:
        return whole
    return [_assignment(user, each, NAME_SHOWN) for each in previews]


def _assignment(
    user: preview_users.PreviewUser, preview: Preview, shown: int | None = None
) -> PreviewAssignment:
    """An assignment; it shows the times and the version of its user."""
    experiment, condition = preview.experiment, preview.condition
    return {
        **stamps(user.created_at, user.updated_at, user.version),
        "id": preview.id,
        "experiment": {"id": experiment.id, "name": experiment.name[:shown]},
        "experimentCondition": {"id": condition.id, "conditionCode": condition.code[:shown]},
    }


PREVIEW_USER_SEARCH: Search[preview_users.PreviewUser] = Search(
    {"id": lambda user: user.id},
    {
        "id": lambda user: user.id,
        "createdAt": lambda user: user.created_at,
        "updatedAt": lambda user: user.updated_at,
    },
)

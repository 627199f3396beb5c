"""Users: /api/users."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.api.http.access import SDK, SDK_READS_ADMIN_LIST
from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.api.http.rendering import Reply
from chalicelib.api.http.routes import Routes
from chalicelib.api.testlab.dialect import DIALECT
from chalicelib.api.testlab.fields import Text
from chalicelib.api.testlab.models import CreateUser, UserAnswer
from chalicelib.api.testlab.paging import PageQuery, json_bytes, page_reply, row_cursors
from chalicelib.api.testlab.privacy.export_parts import ExportQuery, part_reply, told_bytes
from chalicelib.api.testlab.privacy.user_data import UserExport
from chalicelib.api.testlab.privacy.user_erasure import DeleteQuery, Erased
from chalicelib.domain.features.users import User
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)

CREATE_REFUSED = "Error in creating the user in postgres"
LIST_REFUSED = "Error getting the users in postgres"
DELETE_REFUSED = "Error in deleting the user in postgres"
EXPORT_REFUSED = "Error in exporting the user"

USER_BYTES = 160
"""JSON of a user, but for the id."""

CURSORS = row_cursors("/api/users")


@routes.endpoint("/api/users", "POST", access=SDK, idempotent=True, refusal=CREATE_REFUSED)
def create_user(
    services: Services, body: CreateUser, once: IdempotentCall
) -> UserAnswer | Response:
    """Assign a new user to a variant."""
    return once(
        body.id,
        lambda seal: services.users.create(body.id, body.variant_id, body.ip_address, seal),
        UserAnswer.of,
    )


@routes.endpoint("/api/users", access=SDK_READS_ADMIN_LIST, refusal=LIST_REFUSED)
def list_users(services: Services, query: PageQuery) -> Reply[list[UserAnswer]]:
    """All users, a page at a time."""

    def size(user: User) -> int:
        return USER_BYTES + json_bytes(user.id)

    page = services.users.page(query.request(CURSORS), size)
    return page_reply(page, query, CURSORS, UserAnswer.of)


@routes.endpoint("/api/users/{user_id}", "DELETE", refusal=DELETE_REFUSED)
def delete_user(services: Services, user_id: Text, query: DeleteQuery) -> str | Erased:
    """Delete a user and all their events, or everything that is stored of them in both APIs."""
    message = f"User with id {user_id} was deleted"
    if query.everything == "true":
        return _erased(services, user_id, message)
    services.users.delete(user_id)
    return message


def _erased(services: Services, user_id: str, message: str) -> Erased:
    return Erased.of_report(message, services.erasure.erase(user_id))


@routes.endpoint("/api/users/{user_id}/export", refusal=EXPORT_REFUSED)
def export_user(services: Services, user_id: Text, query: ExportQuery) -> Reply[UserExport]:
    """All that is stored of a user in both APIs, in parts if it is very much."""
    begin = query.position(user_id)
    return part_reply(services.user_export.export(user_id, begin, told_bytes), user_id)

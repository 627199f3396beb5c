"""Routes that client programs call, in both versions of the API.

v5 takes the user from the body, v6 from the header User-Id; they check in different orders. v6:
JSON, header, user, token, body. v5: JSON, token, body, user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.api.http.access import Access
from chalicelib.api.http.calls import Call
from chalicelib.api.http.reading import Reading
from chalicelib.api.http.routes import Routes, View
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.upgrade.access import client_auth
from chalicelib.api.upgrade.access.dialect import DIALECT, MissingUserId, UnknownUser, UnknownUserV5
from chalicelib.api.upgrade.participants.client_models import ClientBody
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.participants.participants import ErasedMeanwhile
from chalicelib.services import Services
from chalicelib.services.participants.participants import Caller


def _has_good_token(services: Services, headers: Mapping[str, str]) -> bool:
    return client_auth.is_good(services.client_auth, headers.get("authorization"))


ACCESS = Access(Role.CLIENT, proof=_has_good_token)
"""A good token counts as a client's key."""


class ClientRoutes(Routes):
    """Routes that are there as /api/v5/... and as /api/v6/..."""

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name, DIALECT, ACCESS)

    def client_endpoint(
        self,
        name: str,
        method: str,
        *,
        v5: type[ClientBody] | None = None,
        v6: type[ClientBody],
        body_limit: int | None = None,
        idempotent: bool = False,
    ) -> Callable[[View], View]:
        """Publish a view that takes the `caller`, and the body in the form of the version."""

        def decorate(view: View) -> View:
            for path, around, body in (
                (f"/api/v5/{name}", from_body, v5),
                (f"/api/v6/{name}", from_header, v6),
            ):
                if body is not None:
                    self.publish(
                        path,
                        method,
                        around,
                        body=body,
                        body_limit=body_limit,
                        idempotent=idempotent,
                    )(view)
            return view

        return decorate


def from_body(call: Call, _headers: ResponseHeaders) -> Any:
    """Call a view of v5 with its caller."""
    call.reading.body()
    check_token(call)
    user_id = call.converted()["body"].user_id
    caller = caller_v5(call.services, user_id)
    try:
        return call(caller=caller)
    except ErasedMeanwhile as error:
        raise _unknown_v5(user_id) from error


def from_header(call: Call, _headers: ResponseHeaders) -> Any:
    """Call a view of v6 with its caller."""
    user_id = user_id_of(call.reading)
    caller = caller_v6(call.services, user_id)
    check_token(call)
    try:
        return call(caller=caller)
    except ErasedMeanwhile as error:
        raise _unknown_v6(user_id) from error


def check_token(call: Call) -> None:
    """Refuse a client without a good token, if the settings ask for one.

    Raises:
        Unauthorized: if so.
    """
    client_auth.check(call.services.client_auth, call.reading.headers.get("authorization"))


def caller_v5(services: Services, user_id: str) -> Caller:
    """The user that a call of v5 names.

    Raises:
        UnknownUserV5: if there is none.
    """
    caller = services.participants.find(user_id)
    if caller is None:
        raise _unknown_v5(user_id)
    return caller


def caller_v6(services: Services, user_id: str) -> Caller:
    """The user that a call of v6 names.

    Raises:
        UnknownUser: if there is none.
    """
    caller = services.participants.find(user_id)
    if caller is None:
        raise _unknown_v6(user_id)
    return caller


def _unknown_v5(user_id: str) -> UnknownUserV5:
    return UnknownUserV5(f"Experiment User not found: {user_id}")


def _unknown_v6(user_id: str) -> UnknownUser:
    return UnknownUser(f"User not found: {user_id}")


def user_id_of(reading: Reading) -> str:
    """The user of a call of v6, after its body was found to be JSON.

    Raises:
        Malformed: if the body is none.
        MissingUserId: if the header is missing or empty.
    """
    reading.body()
    user_id = reading.headers.get("user-id", "")
    if not user_id:
        raise MissingUserId("User-Id header not found.")
    return user_id

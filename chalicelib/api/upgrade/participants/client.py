"""Routes that client programs call, in both versions of the API.

v5 takes the user from the body, v6 from the header User-Id; they check in different orders. v6:
JSON, header, user, token, body. v5: JSON, token, body, user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.api.http.blueprint import ApiBlueprint, View
from chalicelib.api.http.calls import Call, Reading
from chalicelib.api.http.problems import ResponseHeaders
from chalicelib.api.upgrade.access import client_auth
from chalicelib.api.upgrade.access.dialect import DIALECT, MissingUserId, UnknownUser, UnknownUserV5
from chalicelib.api.upgrade.participants.client_models import ClientBody
from chalicelib.domain.participants.participants import ErasedMeanwhile
from chalicelib.services.participants.participants import Caller


class ClientBlueprint(ApiBlueprint):
    """Publishes a view at /api/v5/... and /api/v6/... at once."""

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name, DIALECT)

    def client_endpoint(
        self,
        name: str,
        method: str,
        *,
        v5: type[ClientBody] | None = None,
        v6: type[ClientBody],
        body_limit: int | None = None,
    ) -> Callable[[View], View]:
        """Publish a view that takes the caller, then the body in the form of the version."""
        v5_path, v6_path = f"/api/v5/{name}", f"/api/v6/{name}"

        def decorate(view: View) -> View:
            if v5 is not None:
                self.publish(v5_path, method, self._from_body, body=v5, body_limit=body_limit)(view)
            self.publish(v6_path, method, self._from_header, body=v6, body_limit=body_limit)(view)
            return view

        return decorate

    def admits(self, headers: Mapping[str, str]) -> bool:
        """A good token counts as a client's key."""
        return client_auth.is_good(self.services.client_auth, headers.get("authorization"))

    def check_token(self, reading: Reading) -> None:
        """Refuse a client without a good token, if the settings ask for one.

        Raises:
            Unauthorized: if so.
        """
        client_auth.check(self.services.client_auth, reading.request.headers.get("authorization"))

    def caller_v5(self, user_id: str) -> Caller:
        """The user that a call of v5 names.

        Raises:
            UnknownUserV5: if there is none.
        """
        caller = self.services.participants.find(user_id)
        if caller is None:
            raise _unknown_v5(user_id)
        return caller

    def caller_v6(self, user_id: str) -> Caller:
        """The user that a call of v6 names.

        Raises:
            UnknownUser: if there is none.
        """
        caller = self.services.participants.find(user_id)
        if caller is None:
            raise _unknown_v6(user_id)
        return caller

    def _from_body(self, call: Call, reading: Reading, _headers: ResponseHeaders) -> Any:
        reading.body()
        self.check_token(reading)
        user_id = call.converted()["body"].user_id
        caller = self.caller_v5(user_id)
        try:
            return call(caller)
        except ErasedMeanwhile as error:
            raise _unknown_v5(user_id) from error

    def _from_header(self, call: Call, reading: Reading, _headers: ResponseHeaders) -> Any:
        user_id = user_id_of(reading)
        caller = self.caller_v6(user_id)
        self.check_token(reading)
        try:
            return call(caller)
        except ErasedMeanwhile as error:
            raise _unknown_v6(user_id) from error


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
    user_id: str = reading.request.headers.get("user-id", "")
    if not user_id:
        raise MissingUserId("User-Id header not found.")
    return user_id

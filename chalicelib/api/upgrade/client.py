"""Routes that client programs call, in both versions of the API.

v5 takes the user from the body, v6 from the header User-Id; they check in different orders. v6:
JSON, header, user, body. v5: JSON, body, user.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.api.blueprint import ApiBlueprint, Call, Reading, View
from chalicelib.api.problems import ResponseHeaders
from chalicelib.api.upgrade.client_models import ClientBody
from chalicelib.api.upgrade.dialect import DIALECT, MissingUserId, UnknownUser, UnknownUserV5
from chalicelib.services.participants import Caller


class ClientBlueprint(ApiBlueprint):
    """Publishes a view at /api/v5/... and /api/v6/... at once."""

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name, DIALECT)

    def client_endpoint(
        self, name: str, method: str, *, v5: type[ClientBody], v6: type[ClientBody]
    ) -> Callable[[View], View]:
        """Publish a view that takes the caller, then the body in the form of the version."""

        def decorate(view: View) -> View:
            self.publish(f"/api/v5/{name}", method, self._from_body, body=v5)(view)
            self.publish(f"/api/v6/{name}", method, self._from_header, body=v6)(view)
            return view

        return decorate

    def _from_body(self, call: Call, _reading: Reading, _headers: ResponseHeaders) -> Any:
        user_id = call.converted()["body"].user_id
        caller = self.services.participants.find(user_id)
        if caller is None:
            raise UnknownUserV5(f"Experiment User not found: {user_id}")
        return call(caller)

    def _from_header(self, call: Call, reading: Reading, _headers: ResponseHeaders) -> Any:
        return call(self._caller(user_id_of(reading)))

    def _caller(self, user_id: str) -> Caller:
        caller = self.services.participants.find(user_id)
        if caller is None:
            raise UnknownUser(f"User not found: {user_id}")
        return caller


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

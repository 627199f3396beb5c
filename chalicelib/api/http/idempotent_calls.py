"""The header Idempotency-Key: a request that is sent again takes effect once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar

from chalice.app import Response

from chalicelib.api.http.reading import Reading
from chalicelib.api.http.rendering import json_text, serialised
from chalicelib.api.http.routes import Route
from chalicelib.api.protocol.requests import decode
from chalicelib.domain.access.idempotency import (
    AlreadyAnswered,
    IdempotencyRecord,
    RequestKey,
    Seal,
    StoredResponse,
)
from chalicelib.domain.errors import Conflict, Invalid, SwitchyardError
from chalicelib.domain.features.users import USER_ID_BYTES
from chalicelib.services import Services
from chalicelib.services.access.idempotency import IdempotencyService

T = TypeVar("T")
A = TypeVar("A")

HEADER = "idempotency-key"
REPLAYED = "Idempotent-Replayed"
"""The header of an answer that was given before."""


class IdempotentCall:
    """Performs a request once; a repeated request gets the stored response.

    Without the header, where there is no `key_for`, it just performs it.
    """

    def __init__(
        self,
        service: IdempotencyService,
        key_for: Callable[[str | None], RequestKey] | None,
    ) -> None:
        self._service = service
        self._key_for = key_for
        self._key: RequestKey | None = None

    def __call__(
        self,
        owner: str | None,
        perform: Callable[[Seal[T] | None], T],
        answer: Callable[[T], A],
    ) -> A | Response:
        """Perform a request and `answer` with its result, or repeat the answer given before.

        The answer is kept with the records of the user `owner`. `perform` is called with what
        makes a record of a result; it stores that with the effect, and need not where it stores
        nothing.

        Raises:
            Invalid: if the client's key cannot be one.
            KeyReused: if it came before, with another body.
        """
        if self._key_for is None:
            return answer(perform(None))
        key = self._key_for(owner)
        if (first := self._service.first_answer(key)) is not None:
            return _replayed(first)
        self._key = key
        sealed: tuple[T, StoredResponse] | None = None

        def seal(result: T) -> IdempotencyRecord:
            nonlocal sealed
            sealed = result, _kept(serialised(answer(result)))
            return self._service.record(key, sealed[1])

        try:
            result = perform(seal)
        except AlreadyAnswered as before:
            return _replayed(before.record.answer_to(key))
        if sealed is not None and sealed[0] is result:
            return _response(sealed[1])
        return self._keep(key, serialised(answer(result)))

    def refused(self, error: SwitchyardError, refusal: Response) -> Response:
        """What a refused request is answered: that, or the answer that was given before.

        The same request may have taken effect meanwhile, and have been the reason. A refusal is
        kept, but for one that says that something is not there: it may be there the next time, and
        if it is the user, nothing is to be stored of a user who does not exist.

        Raises:
            KeyReused: if the key came before, with another body.
        """
        if self._key is None or refusal.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return refusal
        if isinstance(error, Conflict | Invalid) and _may_exist(self._key.owner):
            return self._keep(self._key, refusal)
        first = self._service.first_answer(self._key)
        return refusal if first is None else _replayed(first)

    def _keep(self, key: RequestKey, response: Response) -> Response:
        answer = _kept(response)
        first = self._service.keep(key, answer)
        return response if first is answer else _replayed(first)


def idempotent_call(
    services: Services, route: Route, params: Mapping[str, str], caller: str, reading: Reading
) -> IdempotentCall | None:
    """The idempotent call of a request, if its route is so; `params` are the parts of the path.

    The key that `caller` sends counts for a route and a path of it, and for one body.
    """
    if not route.idempotent:
        return None
    client_key = reading.headers.get(HEADER)
    if client_key is None:
        return IdempotentCall(services.idempotency, None)
    parts = {name: decode(value) for name, value in sorted(params.items())}
    name = " ".join([route.method, route.path, *([json_text(parts)] if parts else [])])

    def key_for(owner: str | None) -> RequestKey:
        return RequestKey.of(owner, name, caller, client_key, reading.raw)

    return IdempotentCall(services.idempotency, key_for)


def _may_exist(owner: str | None) -> bool:
    return owner is None or len(owner.encode()) <= USER_ID_BYTES


def _kept(response: Response) -> StoredResponse:
    headers = {
        name: value if isinstance(value, str) else ", ".join(value)
        for name, value in response.headers.items()
    }
    return StoredResponse(response.status_code, headers, str(response.body))


def _response(answer: StoredResponse) -> Response:
    return Response(answer.body, dict(answer.headers), answer.status)


def _replayed(answer: StoredResponse) -> Response:
    return Response(answer.body, {**answer.headers, REPLAYED: "true"}, answer.status)

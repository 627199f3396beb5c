"""What failures of the database are to the services."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from chalicelib.domain.errors import Unavailable
from chalicelib.storage.dynamodb.connection import shared, store_errors, transaction
from chalicelib.storage.dynamodb.tables import RecordRow

NETWORK_ERRORS = (ConnectionClosedError, EndpointConnectionError, ReadTimeoutError)
SENT = "before-send.dynamodb"

Handler = Callable[..., AWSResponse]


@pytest.fixture
def answering(app: ModuleType) -> Iterator[Callable[[Handler], None]]:  # noqa: ARG001
    """Lets a function answer, or fail, in place of the database."""
    events = shared().client.meta.events
    handlers: list[Handler] = []

    def register(handler: Handler) -> None:
        handlers.append(handler)
        events.register_first(SENT, handler)

    yield register
    for handler in handlers:
        events.unregister(SENT, handler)


@pytest.mark.parametrize("kind", NETWORK_ERRORS)
def test_a_database_that_cannot_be_reached_is_unavailable(
    answering: Callable[[Handler], None], kind: type[Exception]
) -> None:
    def fail(**_: Any) -> AWSResponse:
        raise kind(endpoint_url="http://database", error="gone")  # type: ignore[call-arg]

    answering(fail)
    row = RecordRow("user#u", "profile")
    with pytest.raises(Unavailable), store_errors():
        row.refresh()
    with pytest.raises(Unavailable), transaction() as write:
        write.save(row)


class Body:
    """The body of an answer, as urllib3 gives it to botocore."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def stream(self) -> Iterator[bytes]:
        yield self._text


def test_half_an_answer_is_none_and_does_not_mean_that_there_is_no_item(
    answering: Callable[[Handler], None],
) -> None:
    def cut(**_: Any) -> AWSResponse:
        return AWSResponse("http://database", 200, {"content-length": "9"}, Body(b'{"Item'))

    answering(cut)
    with pytest.raises(Unavailable), store_errors():
        RecordRow.get("user#u", "profile")

"""One connection for all tables, and what its failures mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore import UNSIGNED
from botocore.exceptions import ConnectionClosedError
from pynamodb.connection import Connection
from pynamodb.connection.table import TableConnection
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import LostRace, Unavailable
from chalicelib.storage.dynamodb.metering import meter

CONNECT_TIMEOUT = 0.25
READ_TIMEOUT = 1.0
"""Seconds, unless the settings say otherwise; twice both is the deadline of a request
(services/running/retries.py)."""

STARTING_UP = 20.0
"""Seconds for a database of one's own, which may have been started a moment ago."""

RETRIES = 1
"""After a throttled call botocore pauses for up to a second, after a second one for up to two."""

POOL_SIZE = 32

LOST = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
"""Reasons for which a transaction is cancelled though nothing is wrong with the store."""

LOST_ALONE = frozenset({"ConditionalCheckFailedException", "TransactionConflictException"})
"""The same for a single write."""

REFUSED = frozenset({"ValidationException"})
"""What a call is refused for that will be refused again: a fault of this program."""

REFUSED_ITEM = frozenset({"ValidationError", "ItemCollectionSizeLimitExceeded"})
"""The same of an item of a transaction."""

_connection: Connection | None = None
_prefix = ""


def connect(
    region: str,
    prefix: str,
    endpoint: str | None = None,
    read_timeout: float = READ_TIMEOUT,
    *,
    signed: bool = True,
) -> None:
    """From here on, use one new connection, and tables that are called `<prefix>-<table>`.

    Calls that are not `signed` are for a database in this process, which asks for no signature.
    Timeouts are short and retries few, for somebody waits for the answer and can ask again. The
    client is made now, in the start-up phase, where Lambda gives a whole processor.
    """
    global _connection, _prefix
    _prefix = prefix
    # A database of one's own asks for no credentials, but the client insists on sending some.
    key = "local" if endpoint else None
    _connection = Connection(
        region=region,
        host=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=key,
        connect_timeout_seconds=CONNECT_TIMEOUT,
        read_timeout_seconds=read_timeout,
        max_retry_attempts=RETRIES,
        max_pool_connections=POOL_SIZE,
    )
    meter(_connection.client, CONNECT_TIMEOUT + read_timeout)
    _connection.client.meta.events.register("after-call.dynamodb", _insist_on_all)
    if not signed:
        _connection.client.meta.events.register("choose-signer.dynamodb", lambda **_: UNSIGNED)


def _insist_on_all(http_response: Any, **_: Any) -> None:
    """Refuse an answer that was cut.

    botocore checks no lengths, takes half an answer for an empty one, and gives up comparing
    checksums with its last attempt; and an empty answer means that there is no such item.
    """
    announced = http_response.headers.get("content-length")
    if announced is not None and len(http_response.content) < int(announced):
        raise ConnectionClosedError(endpoint_url=http_response.url)


def shared() -> Connection:
    """The connection that `connect` made."""
    if _connection is None:
        raise RuntimeError("connect() has not been called")
    return _connection


class TableModel(Model):
    """Base of all tables; `Meta.table` is the name without prefix.

    PynamoDB makes a client for each model class (some 80 ms each). Here they share one; that
    touches its private names `_get_connection`, `_connection` and `_tables`, so its minor version
    is pinned and a test counts the clients.
    """

    @classmethod
    def bind(cls) -> None:
        """Give the class its table's full name and the shared connection."""
        connection = shared()
        cls.Meta.table_name = f"{_prefix}-{cls.Meta.table}"  # type: ignore[attr-defined]
        cls._connection = None
        table: TableConnection = super()._get_connection()
        if table.table_name not in connection._tables:
            connection.add_meta_table(table.get_meta_table())
        table.connection = connection
        cls._connection = table

    @classmethod
    def _get_connection(cls) -> TableConnection:
        if cls._connection is None or cls._connection.connection is not shared():
            cls.bind()
        table = cls._connection
        assert table is not None  # noqa: S101 - bind() has just set it
        return table


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what PynamoDB raises into the errors of the ports.

    Raises:
        LostRace: for a condition that did not hold, or a conflict between transactions.
        Unavailable: for everything else: throttling, time-outs, no connection.
    """
    try:
        yield
    except TransactWriteError as error:
        raise _cancelled(error) from error.cause
    except PynamoDBException as error:
        code = _code(error)
        if code in LOST_ALONE:
            raise LostRace("the item is not what it was") from error
        if code in REFUSED:
            raise  # no use in trying again: a fault of this program
        raise Unavailable(
            f"the database does not answer ({code or error.msg})",
            reason=_reason(error),
        ) from error


def _code(error: PynamoDBException) -> str | None:
    """The code of DynamoDB's error; None where it did not answer.

    PynamoDB's own property fails there: botocore's errors of the network have a response of None.
    """
    response = getattr(error.cause, "response", None) or {}
    code: str | None = response.get("Error", {}).get("Code")
    return code


def _cancelled(error: TransactWriteError) -> Exception:
    codes = {reason.code for reason in error.cancellation_reasons if reason is not None}
    if _code(error) in REFUSED or codes & REFUSED_ITEM:
        return error
    if codes and codes <= LOST:
        return LostRace("an item of the transaction is not what it was")
    described = ", ".join(sorted(codes)) or _code(error) or error.msg
    return Unavailable(
        f"the database did not take the transaction ({described})",
        reason=", ".join(sorted(codes)) or _reason(error),
    )


def _reason(error: PynamoDBException) -> str:
    return _code(error) or type(error.cause).__name__


@contextmanager
def transaction() -> Iterator[TransactWrite]:
    """A transaction on the shared connection, committed where the block ends.

    botocore gives it a request token, so that its own retries cannot apply it twice.

    Raises:
        LostRace, Unavailable: as `store_errors`.
    """
    with store_errors(), TransactWrite(connection=shared()) as write:
        yield write

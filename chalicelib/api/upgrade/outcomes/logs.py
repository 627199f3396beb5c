"""log and bloblog: the outcomes that clients report."""

from __future__ import annotations

import json
from typing import Any

from chalice.app import Response

from chalicelib.api.http.calls import Call
from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.api.http.rendering import Rendered
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.protocol.requests import TooLarge, UnknownEncoding, is_json
from chalicelib.api.upgrade.access.dialect import UNKNOWN_USER, BlobRefused
from chalicelib.api.upgrade.outcomes.log_answers import (
    LogRows,
    StampedLogRows,
    log_answer,
    stamped_log_answer,
)
from chalicelib.api.upgrade.outcomes.log_models import LOG_BYTES, LogV5, LogV6
from chalicelib.api.upgrade.participants.client import ClientRoutes, caller_v5, check_token
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.services import Services
from chalicelib.services.participants.participants import Caller

routes = ClientRoutes(__name__)


@routes.client_endpoint("log", "POST", v5=LogV5, v6=LogV6, body_limit=LOG_BYTES, idempotent=True)
def log(
    services: Services, caller: Caller, body: LogV6, once: IdempotentCall
) -> Rendered[LogRows] | Response:
    """Store what happened to a user, as far as an experiment measures it."""
    return once(
        caller.named.id,
        lambda seal: services.logs.log(caller.user.id, body.parts(), seal),
        lambda report: log_answer(report, caller),
    )


def _of_beacon(call: Call, _headers: ResponseHeaders) -> Any:
    """Call a view of v5 with its caller, and refuse as the original does what came as text."""
    reading = call.reading
    try:
        reading.body()
        check_token(call)
        body: LogV5 = call.converted()["body"]
        return call(caller=caller_v5(call.services, body.user_id))
    except (TooLarge, UnknownEncoding):
        raise
    except (Invalid, NotFound) as error:
        if isinstance(error, Invalid) and is_json(reading.headers.get("content-type", "")):
            raise  # 400, as documented; of text, which beacons send, the original says 404
        text = {"type": UNKNOWN_USER, "message": str(error)}
        raise BlobRefused(json.dumps(text, separators=(",", ":"), ensure_ascii=False)) from error


@routes.publish(
    "/api/v5/bloblog",
    "POST",
    _of_beacon,
    body=LogV5,
    body_limit=LOG_BYTES,
    any_type=True,
    idempotent=True,
)
def bloblog(
    services: Services, caller: Caller, body: LogV6, once: IdempotentCall
) -> Rendered[StampedLogRows] | Response:
    """The same as log, from a browser's beacon: JSON, whatever its type says."""
    return once(
        caller.named.id,
        lambda seal: services.logs.log(caller.user.id, body.parts(), seal),
        lambda report: stamped_log_answer(report, caller),
    )

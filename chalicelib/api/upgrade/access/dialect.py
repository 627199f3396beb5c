"""How the UpGrade API refuses (its error bodies)."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from http import HTTPStatus

from chalice.app import Response

from chalicelib.api.http.rendering import Received
from chalicelib.api.pages.answer_sizes import is_too_long
from chalicelib.api.protocol.problems import detail_header, hint_header, reason_of, status_of
from chalicelib.api.protocol.requests import (
    JSON_TYPE,
    InvalidBody,
    InvalidParameter,
    Malformed,
    TooLarge,
    UnknownEncoding,
)
from chalicelib.api.upgrade.access.client_auth import SHAPES as TOKEN_SHAPES
from chalicelib.api.upgrade.wire.error_bodies import LongListKept, Shape, UpgradeError
from chalicelib.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    KeyReused,
    NotFound,
    PreconditionFailed,
    SwitchyardError,
    Unauthorized,
)
from chalicelib.domain.experiments.marks import UnknownCondition, UnknownExperiment
from chalicelib.services.audiences.segments import NameTaken
from chalicelib.services.flags.flags import FlagKeyTaken
from chalicelib.services.participants.participants import AliasIsUser, AliasOfAnother
from chalicelib.services.running.compilation import UnknownContext

FORMAT = "Parameter not in the correct format"
QUERY = "Query Failed"
UNKNOWN_USER = "Experiment user not defined"
UNKNOWN_CONDITION = "Condition not found"
UNKNOWN_ID = "User ID not found"
KEY_TAKEN = "Feature Flag with same key already exists for this app-context"


class MissingUserId(Invalid):
    """A call of v6 without the header User-Id."""


class UnknownUser(NotFound):
    """A call for a user who was never initialised."""


class UnknownUserV5(UnknownUser):
    """The same in v5, which says it in other words."""


class GoneExperiment(NotFound):
    """An experiment that is to be deleted does not exist."""


class GoneSegment(NotFound):
    """A segment does not exist."""


class BlobRefused(NotFound):
    """Whatever is wrong with a log that came as text, and an unknown user of any."""


BAD = HTTPStatus.BAD_REQUEST
MISSING = HTTPStatus.NOT_FOUND

SHAPES: dict[type[SwitchyardError], Shape] = {
    Malformed: Shape(BAD, "SyntaxError", None),
    TooLarge: Shape(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PayloadTooLargeError", None),
    UnknownEncoding: Shape(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaTypeError", None),
    InvalidBody: Shape(
        BAD,
        "BadRequestError",
        FORMAT,
        "Invalid body, check 'errors' property for more info.",
    ),
    InvalidParameter: Shape(
        BAD,
        "BadRequestError",
        FORMAT,
        "Invalid params, check 'errors' property for more info.",
    ),
    MissingUserId: Shape(BAD, "Error", FORMAT),
    UnknownUserV5: Shape(MISSING, "Error", QUERY),
    UnknownUser: Shape(MISSING, "Error", UNKNOWN_USER),
    UnknownContext: Shape(BAD, "Error", FORMAT),
    UnknownExperiment: Shape(MISSING, "Error", QUERY),
    UnknownCondition: Shape(BAD, "Error", UNKNOWN_CONDITION),
    AliasOfAnother: Shape(BAD, "Error", QUERY),
    AliasIsUser: Shape(BAD, "Error", QUERY),
    NameTaken: Shape(BAD, None, FORMAT),
    GoneExperiment: Shape(MISSING, "NotFoundException", None),
    GoneSegment: Shape(MISSING, "NotFoundException", None),
    BlobRefused: Shape(MISSING, "Error", UNKNOWN_USER),
    FlagKeyTaken: Shape(HTTPStatus.CONFLICT, "Error", KEY_TAKEN),
    LongListKept: Shape(HTTPStatus.CONFLICT, "ConflictError", FORMAT),
    KeyReused: Shape(HTTPStatus.UNPROCESSABLE_ENTITY, "UnprocessableEntityError", FORMAT),
    PreconditionFailed: Shape(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailedError", None),
    Invalid: Shape(BAD, "BadRequestError", FORMAT),
    Conflict: Shape(BAD, "BadRequestError", FORMAT),
    NotFound: Shape(MISSING, "Error", QUERY),
    Unauthorized: Shape(HTTPStatus.UNAUTHORIZED, "AuthorizationRequiredError", UNKNOWN_ID),
    Forbidden: Shape(HTTPStatus.FORBIDDEN, "ForbiddenError", None),
    **TOKEN_SHAPES,
}
"""The body for each error; a class stands for those derived from it."""


class UpgradeDialect:
    """A true status, and a body that repeats the request, where it is not too long for that."""

    body_limit = 5 * 1024 * 1024
    any_case = True

    def refuse(
        self,
        error: SwitchyardError,
        refusal: str,  # noqa: ARG002 - this API has no texts of its routes' own
        received: Received,
    ) -> Response:
        shape = _shape(error)
        body: UpgradeError = {
            "message": shape.message or _message(error, received),
            "endPoint": received.path,
            "errorCode": shape.status.value,
            "request": {} if received.body is None else received.body,
        }
        if shape.name is not None:
            body["name"] = shape.name
        if shape.type is not None:
            body["type"] = shape.type
        text = _text(body)
        if is_too_long(text):
            text = _text({**body, "request": {}})
        headers = {
            "Content-Type": JSON_TYPE,
            **detail_header(error),
            **hint_header(shape.status),
        }
        return Response(text, headers, shape.status.value)


def _text(body: UpgradeError) -> str:
    # Escaped, for the request may hold what UTF-8 cannot (a lone surrogate).
    return json.dumps(body, default=_number)


def _message(error: SwitchyardError, received: Received) -> str:
    if type(error) is Unauthorized:
        return f"Authorization is required for request on {received.method} {received.path}"
    return reason_of(error)


def _number(value: Decimal) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else str(value)


def _shape(error: SwitchyardError) -> Shape:
    for kind in type(error).__mro__:
        if kind in SHAPES:
            return SHAPES[kind]
    return Shape(status_of(error), type(error).__name__, None)


DIALECT = UpgradeDialect()

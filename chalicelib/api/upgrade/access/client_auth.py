"""Tokens of client programs: JSON Web Tokens, signed with a shared secret (UpGrade, section 3)."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING

from chalicelib.api.upgrade.wire.error_bodies import Shape
from chalicelib.domain.errors import SwitchyardError, Unauthorized
from chalicelib.services.access.client_auth import ClientAuthService, ClientCredentials

if TYPE_CHECKING:
    from jwt.types import Options

ALGORITHM = "HS256"
SCHEME = "Bearer "
DOTS = 2
"""A token has three parts."""

KEY_CLAIM = "APIKey"
DATES = frozenset({"iat", "exp"})
"""Claims that a token may have besides its key."""

MISSING_TOKEN = "Token is not present in request"  # noqa: S105 - a text, no token
INVALID_TOKEN = "Invalid token"  # noqa: S105
UNREADABLE = "User ID not found"

CHECKED: Options = {
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
    "verify_iat": False,
}
"""Further claims are refused as such, whatever they say."""


class TokenMissing(Unauthorized):
    """No token came with the request."""


class TokenUnreadable(Unauthorized):
    """What came is no token."""


class TokenForged(Unauthorized):
    """The token is signed with another secret, or in another way."""


class TokenExpired(Unauthorized):
    """The token's time is over."""


class TokenTooEarly(Unauthorized):
    """The token's time has not come."""


class TokenOfAnother(Unauthorized):
    """The token does not name the key, or names more."""


def _shape(name: str, kind: str) -> Shape:
    return Shape(HTTPStatus.UNAUTHORIZED, name, kind)


SHAPES: dict[type[SwitchyardError], Shape] = {
    TokenMissing: _shape("Error", MISSING_TOKEN),
    TokenUnreadable: _shape("JsonWebTokenError", UNREADABLE),
    TokenForged: _shape("JsonWebTokenError", INVALID_TOKEN),
    TokenExpired: _shape("TokenExpiredError", INVALID_TOKEN),
    TokenTooEarly: _shape("NotBeforeError", INVALID_TOKEN),
    TokenOfAnother: _shape("Error", INVALID_TOKEN),
}


def check(service: ClientAuthService, authorization: str | None) -> None:
    """Refuse a request whose header Authorization is not good, if tokens are checked.

    Raises:
        Unauthorized: in the form that says why.
    """
    credentials = service.expected()
    if credentials is None:
        return
    try:
        check_token(authorization, credentials)
    except Unauthorized:
        # That may have been a cached setting, which must not refuse.
        if service.is_still_required():
            raise


def is_good(service: ClientAuthService, authorization: str | None) -> bool:
    """Whether a header Authorization holds a good token, whether or not tokens are checked."""
    # What is no token, as an API key, needs no secret to be refused by.
    if not authorization or authorization.count(".") != DOTS:
        return False
    credentials = service.credentials()
    if credentials is None:
        return False
    try:
        check_token(authorization, credentials)
    except Unauthorized:
        return False
    return True


def check_token(authorization: str | None, credentials: ClientCredentials) -> None:
    """Refuse a token that is not good; the word "Bearer" before it may be left out.

    Raises:
        Unauthorized: in the form that says why.
    """
    if not authorization:
        raise TokenMissing("Token is not present in request header from client")
    # Only here: most processes see no token, and it would take a tenth of their start-up.
    import jwt

    token = authorization.removeprefix(SCHEME).strip()
    if token.count(".") != DOTS:
        raise TokenUnreadable("jwt malformed")
    try:
        claims = jwt.decode(token, credentials.secret, [ALGORITHM], options=CHECKED)
    except jwt.ExpiredSignatureError:
        raise TokenExpired("jwt expired") from None
    except jwt.ImmatureSignatureError:
        raise TokenTooEarly("jwt not active") from None
    except jwt.InvalidSignatureError:
        raise TokenForged("invalid signature") from None
    except jwt.InvalidAlgorithmError:
        raise TokenForged("invalid algorithm") from None
    except (jwt.PyJWTError, UnicodeError):
        raise TokenUnreadable("invalid token") from None
    key = claims.pop(KEY_CLAIM, None)
    if not isinstance(key, str) or set(claims) - DATES:
        raise TokenOfAnother("Provided token is invalid")
    # What JSON can write as text, UTF-8 need not be able to.
    named = key.encode(errors="surrogatepass")
    if not hmac.compare_digest(named, credentials.key.encode()):
        raise TokenOfAnother("Provided token is invalid")

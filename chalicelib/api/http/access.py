"""Who may call a route, declared beside it; and who calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from chalicelib.domain.access.api_keys import Role
from chalicelib.services import Services

SCHEME = "bearer "

PROVEN = "token"
"""Who calls with a client's token: it does not say more."""


class Keyless(Enum):
    """What a caller without any key gets where Test Lab's SDKs are let in (TESTLAB_OPEN_CLIENT)."""

    REFUSAL = "refusal"
    ANSWER = "answer"
    EMPTY_LIST = "empty list"


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks of its callers: a key of a role, or nothing (`role` None).

    `proof`, if given, says whether the headers of a request prove in another way than by a key that
    a client may call.
    """

    role: Role | None
    keyless: Keyless = Keyless.REFUSAL
    proof: Callable[[Services, Mapping[str, str]], bool] | None = None


OPEN = Access(None)
"""Of routes that say nothing of anybody."""

ADMIN = Access(Role.ADMIN)
CLIENT = Access(Role.CLIENT)
SDK = Access(Role.CLIENT, Keyless.ANSWER)
"""Of what the published SDKs of Test Lab call, which cannot send a key."""

SDK_READS_ADMIN_LIST = Access(Role.ADMIN, Keyless.EMPTY_LIST)
"""Of a list that those SDKs read though it is an administrator's: without a key it is empty."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may pass: the id of the key that was shown, if one was, and whether lists are empty."""

    caller: str = ""
    sees_nothing: bool = False


def admit(services: Services, access: Access, headers: Mapping[str, str]) -> Admission:
    """Let a caller pass; `headers` by lower-case name.

    Raises:
        Unauthorized: if the route needs a key, and none was shown that is known.
        Forbidden: if the key is of another role.
    """
    keys = services.access
    if access.role is None or not keys.enabled:
        return Admission()
    presented = list(presented_keys(headers))
    if keys.open_testlab and not presented and access.keyless is not Keyless.REFUSAL:
        return Admission(sees_nothing=access.keyless is Keyless.EMPTY_LIST)
    if access.proof is not None and access.proof(services, headers):
        return Admission(PROVEN)
    return Admission(keys.admit(access.role, presented).id)


def presented_keys(headers: Mapping[str, str]) -> Iterator[str]:
    """What a request presents as its key; `headers` by lower-case name."""
    if key := headers.get("x-api-key"):
        yield key
    authorization = headers.get("authorization", "")
    if authorization.lower().startswith(SCHEME) and (token := authorization[len(SCHEME) :].strip()):
        yield token

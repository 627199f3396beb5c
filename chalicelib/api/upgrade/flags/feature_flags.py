"""Feature flags as clients ask for them."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from chalicelib.api.http.calls import Call
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.upgrade.participants.client import (
    ClientRoutes,
    caller_v6,
    check_token,
    from_body,
    user_id_of,
)
from chalicelib.api.upgrade.participants.client_models import (
    FeatureFlagV5,
    FeatureFlagV6,
    GroupSet,
    GroupSets,
)
from chalicelib.domain.participants.participants import Participant
from chalicelib.services import Services
from chalicelib.services.flags.evaluation import in_session
from chalicelib.services.participants.participants import Caller

routes = ClientRoutes(__name__)

STORED_GROUPS = "includeStoredUserGroups"


class FlagsOfGroupSets(TypedDict):
    """The keys of the flags that are on by each set of groups; the main one where it was sent."""

    mainGroupset: NotRequired[list[str]]
    subGroupsets: dict[str, list[str]]


def _with_user(call: Call, _headers: ResponseHeaders) -> Any:
    """Call a view of v6 with its user, or with a visitor where nothing stored is asked for."""
    reading = call.reading
    user_id = user_id_of(reading)
    if _is_for_anybody(reading.parsed):
        user = call.services.evaluation.visitor(user_id)
    else:
        user = caller_v6(call.services, user_id).user
    check_token(call)
    return call(user=user)


@routes.publish("/api/v5/featureflag", "POST", from_body, body=FeatureFlagV5)
def feature_flags_v5(services: Services, caller: Caller, body: FeatureFlagV5) -> list[str]:
    """The keys of the flags that are on for a user."""
    return services.evaluation.flags(caller.user, body.context)


@routes.publish("/api/v6/featureflag", "POST", _with_user, body=FeatureFlagV6)
def feature_flags_v6(
    services: Services, user: Participant, body: FeatureFlagV6
) -> list[str] | FlagsOfGroupSets:
    """The keys of the flags that are on for a user, by the stored groups or those that are sent.

    Several sets of groups are answered set by set.
    """
    if body.multiple is not None:
        return _by_set(services, user, body.context, body.multiple)
    groups = body.one_set()
    asked = user if groups is None else _with(user, groups)
    return services.evaluation.flags(asked, body.context)


def _by_set(
    services: Services, user: Participant, context: str, sets: GroupSets
) -> FlagsOfGroupSets:
    asked = [*sets.sub, *([sets.main] if sets.main is not None else [])]
    users = [_with(user, each) for each in asked]
    flags = services.evaluation.flags_of_each(users, context)
    by_id = {each.id: keys for each, keys in zip(sets.sub, flags, strict=False)}
    if sets.main is None:
        return {"subGroupsets": by_id}
    return {"mainGroupset": flags[-1], "subGroupsets": by_id}


def _with(user: Participant, groups: GroupSet) -> Participant:
    membership = {kind: tuple(ids) for kind, ids in groups.groups.items()}
    return in_session(user, membership, stored=bool(groups.with_stored))


def _is_for_anybody(body: Any) -> bool:
    """Whether the user need not be known, which is asked before the body is validated."""
    if not isinstance(body, dict):
        return False
    single, multiple = body.get("useSingleGroupSet"), body.get("useMultipleGroupSets")
    if isinstance(multiple, dict):
        sub = multiple.get("subGroupsets")
        sets = [multiple.get("mainGroupset"), *(sub if isinstance(sub, list) else [])]
        return not any(map(_asks_for_stored, sets))
    if isinstance(single, dict):
        return not _asks_for_stored(single)
    return body.get(STORED_GROUPS) is False


def _asks_for_stored(groups: Any) -> bool:
    return isinstance(groups, dict) and groups.get(STORED_GROUPS) is True

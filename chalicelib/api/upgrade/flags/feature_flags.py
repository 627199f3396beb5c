"""Feature flags as clients ask for them."""

from __future__ import annotations

from typing import Any

from chalicelib.api.http.calls import Call, Reading
from chalicelib.api.http.problems import ResponseHeaders
from chalicelib.api.upgrade.participants.client import ClientBlueprint, user_id_of
from chalicelib.api.upgrade.participants.client_models import (
    FeatureFlagV5,
    FeatureFlagV6,
    GroupSet,
    GroupSets,
)
from chalicelib.domain.participants.participants import Participant
from chalicelib.services.flags.evaluation import in_session

blueprint = ClientBlueprint(__name__)

STORED_GROUPS = "includeStoredUserGroups"


def _flags_v5(call: Call, reading: Reading, _headers: ResponseHeaders) -> list[str]:
    reading.body()
    blueprint.check_token(reading)
    body: FeatureFlagV5 = call.converted()["body"]
    user = blueprint.caller_v5(body.user_id).user
    return blueprint.services.evaluation.flags(user, body.context)


def _flags_v6(
    call: Call, reading: Reading, _headers: ResponseHeaders
) -> list[str] | dict[str, Any]:
    user_id = user_id_of(reading)
    evaluation = blueprint.services.evaluation
    if _is_for_anybody(reading.parsed):
        user = evaluation.visitor(user_id)
    else:
        user = blueprint.caller_v6(user_id).user
    blueprint.check_token(reading)
    body: FeatureFlagV6 = call.converted()["body"]
    if body.multiple is not None:
        return _by_set(user, body.context, body.multiple)
    groups = body.one_set()
    return evaluation.flags(user if groups is None else _with(user, groups), body.context)


def _by_set(user: Participant, context: str, sets: GroupSets) -> dict[str, Any]:
    asked = [*sets.sub, *([sets.main] if sets.main is not None else [])]
    users = [_with(user, each) for each in asked]
    flags = blueprint.services.evaluation.flags_of_each(users, context)
    answer: dict[str, Any] = {} if sets.main is None else {"mainGroupset": flags[-1]}
    by_id = {each.id: keys for each, keys in zip(sets.sub, flags, strict=False)}
    return {**answer, "subGroupsets": by_id}


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


@blueprint.publish("/api/v5/featureflag", "POST", _flags_v5, body=FeatureFlagV5)
def feature_flags_v5() -> None:
    """The keys of the flags that are on for a user."""


@blueprint.publish("/api/v6/featureflag", "POST", _flags_v6, body=FeatureFlagV6)
def feature_flags_v6() -> None:
    """The keys of the flags that are on for a user, by the stored groups or those that are sent.

    Several sets of groups are answered set by set.
    """

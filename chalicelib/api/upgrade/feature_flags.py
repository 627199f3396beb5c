"""Feature flags as clients ask for them."""

from __future__ import annotations

from typing import Any

from chalicelib.api.calls import Call, Reading
from chalicelib.api.problems import ResponseHeaders
from chalicelib.api.upgrade.client import ClientBlueprint, user_id_of
from chalicelib.api.upgrade.client_models import FeatureFlagV5, FeatureFlagV6
from chalicelib.services.evaluation import in_session

blueprint = ClientBlueprint(__name__)

STORED_GROUPS = "includeStoredUserGroups"


def _flags_v5(call: Call, reading: Reading, _headers: ResponseHeaders) -> list[str]:
    reading.body()
    blueprint.check_token(reading)
    body: FeatureFlagV5 = call.converted()["body"]
    user = blueprint.caller_v5(body.user_id).user
    return blueprint.services.evaluation.flags(user, body.context)


def _flags_v6(call: Call, reading: Reading, _headers: ResponseHeaders) -> list[str]:
    user_id = user_id_of(reading)
    evaluation = blueprint.services.evaluation
    if _is_session_only(reading.parsed):
        user = evaluation.visitor(user_id)
    else:
        user = blueprint.caller_v6(user_id).user
    blueprint.check_token(reading)
    body: FeatureFlagV6 = call.converted()["body"]
    if body.session_groups is not None:
        groups = {kind: tuple(ids) for kind, ids in body.session_groups.items()}
        user = in_session(user, groups, stored=bool(body.stored_groups))
    return evaluation.flags(user, body.context)


def _is_session_only(body: Any) -> bool:
    """Whether the user need not be known, which is asked before the body is validated."""
    return isinstance(body, dict) and body.get(STORED_GROUPS) is False


@blueprint.publish("/api/v5/featureflag", "POST", _flags_v5, body=FeatureFlagV5)
def feature_flags_v5() -> None:
    """The keys of the flags that are on for a user."""


@blueprint.publish("/api/v6/featureflag", "POST", _flags_v6, body=FeatureFlagV6)
def feature_flags_v6() -> None:
    """The keys of the flags that are on for a user, with the groups of a session if it has any."""

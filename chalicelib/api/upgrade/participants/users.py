"""Users: init, groupmembership, workinggroup, useraliases."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from typing_extensions import TypedDict

from chalicelib.api.http.calls import Call
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.upgrade.participants.client import ClientRoutes, check_token, user_id_of
from chalicelib.api.upgrade.participants.client_models import (
    AliasesV5,
    AliasesV6,
    GroupMembershipV5,
    GroupsField,
    InitBodyV5,
    InitBodyV6,
    InitV5,
    InitV6,
    WorkingGroupsField,
    WorkingGroupV5,
)
from chalicelib.api.upgrade.wire.shapes import Groups, WorkingGroups
from chalicelib.domain.participants.participants import Profile
from chalicelib.services import Services
from chalicelib.services.participants.participants import Caller, GroupUpdate

routes = ClientRoutes(__name__)

BOTH = ("group", "workingGroup")


class StoredUser(TypedDict):
    """A user as stored; what nobody ever said of one is empty or null."""

    id: str
    group: Groups | None
    workingGroup: WorkingGroups | None


class Aliases(TypedDict):
    """The aliases of a user that a call named, under both names that the API has for them."""

    userId: str
    aliases: list[str]
    userAliases: list[str]


def _named_in_body(call: Call, _headers: ResponseHeaders) -> Any:
    call.reading.body()
    check_token(call)
    return call()


def _named_by_header(call: Call, _headers: ResponseHeaders) -> Any:
    user_id = user_id_of(call.reading)
    check_token(call)
    return call(named=user_id)


@routes.publish("/api/v5/init", "POST", _named_in_body, body=InitBodyV5)
def init_v5(services: Services, body: InitV5) -> StoredUser:
    """Create a user, or update what is known of one; an alias is updated itself."""
    return _initialised(services, body.user_id, body, follow=False)


@routes.publish("/api/v6/init", "POST", _named_by_header, body=InitBodyV6)
def init_v6(services: Services, named: str, body: InitV6) -> StoredUser:
    """Create a user, or update what is known of one; an alias stands for its owner."""
    return _initialised(services, named, body, follow=True)


def _initialised(
    services: Services, user_id: str, body: InitV5 | InitV6, *, follow: bool
) -> StoredUser:
    update = GroupUpdate(
        None if body.group is None else {k: tuple(v) for k, v in body.group.items()},
        body.working_group,
        "group" in body.model_fields_set,
        "working_group" in body.model_fields_set,
    )
    profile, new = services.participants.init(user_id, update, follow=follow)
    if not new:
        return _shown(profile.id, profile, nullable=BOTH)
    sent = {"group": update.group_sent, "workingGroup": update.working_group_sent}
    return _shown(profile.id, profile, nullable=[name for name, is_sent in sent.items() if is_sent])


def _shown(user_id: str, profile: Profile, nullable: Collection[str]) -> StoredUser:
    """A user as stored; what is not there is `{}` where the original leaves the field out.

    It is null in the fields that are `nullable`, as there.
    """
    group, working_group = profile.group, profile.working_group
    return {
        "id": user_id,
        "group": {} if group is None and "group" not in nullable else group,
        "workingGroup": {}
        if working_group is None and "workingGroup" not in nullable
        else working_group,
    }


@routes.client_endpoint("groupmembership", "PATCH", v5=GroupMembershipV5, v6=GroupsField)
def set_group_membership(services: Services, caller: Caller, body: GroupsField) -> StoredUser:
    """Replace the groups of a user."""
    if "group" not in body.model_fields_set:
        return _shown(caller.user.id, caller.named.profile, nullable=())
    group = None if body.group is None else {k: tuple(v) for k, v in body.group.items()}
    update = GroupUpdate(group=group, group_sent=True)
    profile = services.participants.set_groups(caller, update)
    return _shown(caller.user.id, profile, nullable=["group"])


@routes.client_endpoint("workinggroup", "PATCH", v5=WorkingGroupV5, v6=WorkingGroupsField)
def set_working_group(services: Services, caller: Caller, body: WorkingGroupsField) -> StoredUser:
    """Replace the working groups of a user."""
    update = GroupUpdate(working_group=body.working_group, working_group_sent=True)
    profile = services.participants.set_groups(caller, update)
    return _shown(caller.user.id, profile, nullable=())


@routes.client_endpoint("useraliases", "PATCH", v5=AliasesV5, v6=AliasesV6)
def set_aliases(services: Services, caller: Caller, body: AliasesV6) -> Aliases:
    """Make further ids stand for a user."""
    aliases = services.participants.set_aliases(caller, body.aliases)
    return {"userId": caller.user.id, "aliases": aliases, "userAliases": aliases}

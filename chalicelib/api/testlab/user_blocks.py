"""User blocks: /api/userblocks."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.testlab.dialect import DIALECT
from chalicelib.api.testlab.fields import Text
from chalicelib.api.testlab.models import AssignUserBlock, UserBlockAnswer
from chalicelib.api.values.numbers import javascript_text
from chalicelib.domain.features.features import NAME_LENGTH

blueprint = ApiBlueprint(__name__, DIALECT)

LIST_REFUSED = "Error in getting userblocks in postgres"
GET_REFUSED = "Error in getting userblock in postgres"
RESET_REFUSED = "Error in resetting userblocks in postgres"


def assign_refused(body: Any) -> str:
    """The documented refusal of PUT, which repeats the block's name as it was sent, shortened."""
    name = body.get("name", "undefined") if isinstance(body, dict) else "undefined"
    if isinstance(name, int | Decimal) and not isinstance(name, bool):
        shown = javascript_text(name)
    else:
        shown = name if isinstance(name, str) else json.dumps(name, default=str)
    return f"Error in updating userblock with name {shown[:NAME_LENGTH]} in postgres"


@blueprint.endpoint("/api/userblocks", refusal=LIST_REFUSED)
def list_user_blocks() -> list[UserBlockAnswer]:
    """All twenty user blocks."""
    catalogue = blueprint.services.catalogue.snapshot()
    return [UserBlockAnswer.of(block) for block in catalogue.blocks]


@blueprint.endpoint("/api/userblocks/{name}", refusal=GET_REFUSED)
def get_user_block(name: Text) -> UserBlockAnswer:
    """One user block."""
    return UserBlockAnswer.of(blueprint.services.user_blocks.named(name))


@blueprint.endpoint("/api/userblocks", "PUT", refusal=assign_refused)
def assign_user_block(body: AssignUserBlock) -> UserBlockAnswer:
    """Give a user block to a feature, which is not checked, or free it."""
    return UserBlockAnswer.of(blueprint.services.user_blocks.assign(body.name, body.feature_id))


@blueprint.endpoint("/api/userblocks/reset", "PUT", refusal=RESET_REFUSED)
def reset_user_blocks() -> list[UserBlockAnswer]:
    """Free all user blocks; a body is ignored."""
    return [UserBlockAnswer.of(block) for block in blueprint.services.user_blocks.reset()]


# The gateway matches the literal path before {name}: it needs the methods of both.
@blueprint.endpoint("/api/userblocks/reset", refusal=GET_REFUSED)
def get_reset() -> UserBlockAnswer:
    """Refuse: no user block is called "reset"."""
    return get_user_block("reset")

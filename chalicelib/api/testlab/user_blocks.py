"""User blocks: /api/userblocks."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

from chalicelib.api.http.access import CLIENT
from chalicelib.api.http.routes import Routes
from chalicelib.api.testlab.dialect import DIALECT
from chalicelib.api.testlab.fields import Text
from chalicelib.api.testlab.models import AssignUserBlock, UserBlockAnswer
from chalicelib.api.values.numbers import javascript_text
from chalicelib.domain.errors import NotFound
from chalicelib.domain.features.features import NAME_LENGTH
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)

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


@routes.endpoint("/api/userblocks", access=CLIENT, refusal=LIST_REFUSED)
def list_user_blocks(services: Services) -> list[UserBlockAnswer]:
    """All twenty user blocks."""
    catalogue = services.catalogue.snapshot()
    return [UserBlockAnswer.of(block) for block in catalogue.blocks]


@routes.endpoint("/api/userblocks/{name}", access=CLIENT, refusal=GET_REFUSED)
def get_user_block(services: Services, name: Text) -> UserBlockAnswer:
    """One user block."""
    return UserBlockAnswer.of(services.user_blocks.named(name))


@routes.endpoint("/api/userblocks", "PUT", refusal=assign_refused)
def assign_user_block(services: Services, body: AssignUserBlock) -> UserBlockAnswer:
    """Give a user block to a feature, which is not checked, or free it."""
    return UserBlockAnswer.of(services.user_blocks.assign(body.name, body.feature_id))


@routes.endpoint("/api/userblocks/reset", "PUT", refusal=RESET_REFUSED)
def reset_user_blocks(services: Services) -> list[UserBlockAnswer]:
    """Free all user blocks; a body is ignored."""
    return [UserBlockAnswer.of(block) for block in services.user_blocks.reset()]


# The gateway matches the literal path before {name}: it needs the methods of both.
@routes.endpoint("/api/userblocks/reset", refusal=GET_REFUSED)
def get_reset() -> NoReturn:
    """Refuse: no user block is called "reset"."""
    raise NotFound("there is no user-block 'reset': their names are 5, 10, ... 100")

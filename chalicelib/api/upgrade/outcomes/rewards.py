"""Rewards of adaptive experiments, which are switched off as the original is shipped."""

from __future__ import annotations

from typing import NoReturn

from chalicelib.api.upgrade.participants.client import ClientRoutes
from chalicelib.api.upgrade.participants.client_models import RewardV6
from chalicelib.domain.errors import Invalid
from chalicelib.services.participants.participants import Caller

routes = ClientRoutes(__name__)


@routes.client_endpoint("reward", "POST", v6=RewardV6)
def send_reward(caller: Caller, body: RewardV6) -> NoReturn:  # noqa: ARG001 - they are checked
    """Refuse a reward: there is nothing that would learn from it."""
    raise Invalid("Failed to send reward: mooclet is not currently enabled on backend.")

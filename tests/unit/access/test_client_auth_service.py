from __future__ import annotations

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.services import Services
from tests.fakes.memory import FixedClock, Memory
from tests.unit.samples import CREDENTIALS, process


def test_tokens_are_checked_while_the_settings_say_so(services: Services) -> None:
    assert services.client_auth.expected() is None
    assert not services.client_auth.is_still_required()
    services.study_setup.change_settings(check_auth=True)
    assert services.client_auth.expected() == CREDENTIALS
    assert services.client_auth.is_still_required()


def test_a_cached_setting_may_be_asked_about_again(memory: Memory, clock: FixedClock) -> None:
    cached, other = process(memory, clock, ttl=60), process(memory, clock)
    other.study_setup.change_settings(check_auth=True)
    assert cached.client_auth.expected() == CREDENTIALS
    other.study_setup.change_settings(check_auth=False)
    assert cached.client_auth.expected() == CREDENTIALS, "as it was cached"
    assert not cached.client_auth.is_still_required()
    assert cached.client_auth.expected() is None


def test_nobody_gets_in_where_the_credentials_are_gone(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.study_setup.change_settings(check_auth=True)
    without = process(memory, clock, credentials=None)
    with pytest.raises(Unavailable, match="no secret and key are configured"):
        without.client_auth.expected()


def test_credentials_do_not_show_in_logs() -> None:
    assert CREDENTIALS.secret not in repr(CREDENTIALS)
    assert CREDENTIALS.key not in repr(CREDENTIALS)


def test_a_token_is_known_by_the_same_credentials_while_none_is_asked_for(
    services: Services,
) -> None:
    assert services.client_auth.expected() is None
    assert services.client_auth.credentials() == CREDENTIALS

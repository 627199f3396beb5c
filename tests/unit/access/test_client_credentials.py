"""Where the secret and the key of clients' tokens come from."""

from __future__ import annotations

from typing import Any

import pytest
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from chalicelib import parameters
from chalicelib.bootstrap import client_credentials
from chalicelib.domain.errors import Unavailable
from chalicelib.services.access.client_auth import ClientCredentials
from chalicelib.settings import Settings

NAMES = {"client_api_secret_parameter": "/app/secret", "client_api_key_parameter": "/app/key"}
NONE = dict.fromkeys(("client_api_secret", "client_api_key", *NAMES))


def settings(**values: Any) -> Settings:
    return Settings(**{**NONE, **values})


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Parameters by name, as SSM would answer them."""
    values = {"/app/secret": "secret of SSM", "/app/key": "key of SSM"}

    def get_parameter(name: str, *, decrypt: bool, max_age: int) -> str:
        assert decrypt
        assert max_age > 0
        if name not in values:
            raise GetParameterError(name)
        return values[name]

    monkeypatch.setattr(parameters, "get_parameter", get_parameter)
    return values


def test_without_a_word_about_them_there_are_none() -> None:
    assert client_credentials(settings()) is None


def test_they_come_from_the_environment() -> None:
    given = settings(client_api_secret="s", client_api_key="k")
    assert client_credentials(given) == ClientCredentials("s", "k")


@pytest.mark.usefixtures("stored")
def test_they_come_from_ssm_where_it_is_named() -> None:
    expected = ClientCredentials("secret of SSM", "key of SSM")
    assert client_credentials(settings(**NAMES)) == expected
    assert client_credentials(settings(client_api_secret="s", **NAMES)) == expected


@pytest.mark.usefixtures("stored")
def test_what_the_environment_says_goes_before_ssm() -> None:
    given = settings(client_api_secret="s", client_api_key="k", **NAMES)
    assert client_credentials(given) == ClientCredentials("s", "k")


@pytest.mark.parametrize(
    "given",
    [
        {"client_api_secret": "s"},
        {"client_api_key": "k"},
        {"client_api_secret": "", "client_api_key": "k"},
        {"client_api_secret_parameter": "/app/secret"},
        {"client_api_secret": "s", "client_api_key_parameter": "/app/key"},
    ],
)
def test_half_of_them_is_none(given: dict[str, str]) -> None:
    assert client_credentials(settings(**given)) is None


def test_a_parameter_that_cannot_be_read_is_no_reason_to_let_anybody_in(
    stored: dict[str, str],
) -> None:
    del stored["/app/key"]
    with pytest.raises(Unavailable, match="the parameter /app/key cannot be read"):
        client_credentials(settings(**NAMES))

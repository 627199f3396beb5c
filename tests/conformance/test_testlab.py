"""The recorded scenarios of the Test Lab API, over HTTP against a started server."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import contract
from tests.conformance import replay
from tests.conformance.callers import Caller

SCENARIOS = sorted((Path(__file__).parent / "testlab").glob("*.json"))
OPTIONS = {"lenient_blocks": True, "headers": False, "timeout": 10.0, "reset_cmd": None}


@pytest.fixture(scope="module")
def url(start_server: Any, caller: Caller) -> str:
    address: str = start_server(TABLE_PREFIX=f"switchyard-testlab-{caller}", **caller.settings).url
    return address


@pytest.fixture
def quiet_url(start_server: Any, caller: Caller) -> str:
    """A server whose store nothing was changed in before."""
    prefix = f"switchyard-testlab-{caller}-{uuid.uuid4().hex}"
    address: str = start_server(TABLE_PREFIX=prefix, **caller.settings).url
    return address


@pytest.fixture(scope="module")
def session(caller: Caller) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(caller.headers)
        session.hooks["response"].append(contract.check_response)
        yield session


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_server_answers_as_recorded(
    path: Path, request: pytest.FixtureRequest, session: requests.Session
) -> None:
    # Dates are compared in a store of their own: the changes of other scenarios, a moment before,
    # would be one burst with theirs, whose last date says less.
    compares_dates = "If-Modified-Since" in path.read_text()
    url = request.getfixturevalue("quiet_url" if compares_dates else "url")
    if not compares_dates:
        session.delete(f"{url}/api/v5/clearDB", timeout=10).raise_for_status()
    options = argparse.Namespace(base_url=url, no_reset=True, **OPTIONS)
    problem = replay.run_scenario(session, replay.load_scenario(path), options)
    assert problem is None, problem


def test_strangers_are_let_in_where_no_key_is_needed(url: str, caller: Caller) -> None:
    answer = requests.get(f"{url}/api/feature", timeout=10)
    assert answer.status_code == (401 if caller.headers else 200)

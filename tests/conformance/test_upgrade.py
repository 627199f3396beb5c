"""The recorded scenarios of the UpGrade API, over HTTP against a started server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import contract
from tests.conformance.callers import Caller
from tests.conformance.replay_upgrade import Difference, Replay

SCENARIOS = sorted((Path(__file__).parent / "upgrade").glob("*.json"))


class DocumentedReplay(Replay):  # type: ignore[misc]
    """Holds every answer against the document of the API too."""

    def __init__(self, url: str, scenario: Any, headers: dict[str, str]) -> None:
        super().__init__(url, scenario)
        self._headers = headers

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        options["headers"] = {**(options.get("headers") or {}), **self._headers}
        answer: requests.Response = super().call(method, path, **options)
        contract.check_response(answer)
        return answer


@pytest.fixture(scope="module")
def url(start_server: Any, caller: Caller) -> str:
    address: str = start_server(TABLE_PREFIX=f"switchyard-upgrade-{caller}", **caller.settings).url
    return address


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_server_answers_as_recorded(path: Path, url: str, caller: Caller) -> None:
    cleared = requests.delete(f"{url}/api/v5/clearDB", headers=caller.headers, timeout=20)
    cleared.raise_for_status()
    try:
        DocumentedReplay(url, json.loads(path.read_text()), caller.headers).run()
    except Difference as difference:
        pytest.fail(str(difference))

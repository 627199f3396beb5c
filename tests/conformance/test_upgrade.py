"""The recorded scenarios of the UpGrade API, over HTTP against a started server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conformance.replay_upgrade import Difference, Replay

UNPUBLISHED = ("log", "bloblog", "featureflag", "reward")
"""Routes of clients that are not there yet; steps and scenarios that need them are left out."""

LATER = (
    "log_", "bloblog", "flags_", "segments_global_exclude", "admin_", "batch_assign",
    "auth_client", "whole_session",
)  # fmt: skip
SCENARIOS = [
    path
    for path in sorted((Path(__file__).parent / "upgrade").glob("*.json"))
    if not path.name.startswith(LATER)
]


class PublishedReplay(Replay):  # type: ignore[misc]  # the program is kept as it was given
    """Replays the steps whose routes are there."""

    def client_step(self, step: dict[str, Any]) -> None:
        if step["request"]["path"].rsplit("/", 1)[1] not in UNPUBLISHED:
            super().client_step(step)


@pytest.fixture(scope="module")
def url(start_server: Any) -> str:
    address: str = start_server(TABLE_PREFIX="switchyard-upgrade").url
    return address


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_server_answers_as_recorded(path: Path, url: str) -> None:
    requests.delete(f"{url}/api/v5/clearDB", timeout=20).raise_for_status()
    try:
        PublishedReplay(url, json.loads(path.read_text())).run()
    except Difference as difference:
        pytest.fail(str(difference))

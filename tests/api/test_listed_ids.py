"""Lists take no id that no user can have, by whichever route it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.upgrade_setup import design, flag, segment, start
from tests.http import Gateway
from tests.recount import all_items

TOO_LONG = "x" * 513


def listed(**more: Any) -> dict[str, Any]:
    return segment("somebody", TOO_LONG, **more)


def file(**more: Any) -> dict[str, Any]:
    return {"fileName": "list.json", "fileContent": json.dumps(listed(**more))}


@pytest.fixture
def ids(gateway: Gateway) -> dict[str, str]:
    """An experiment, a flag and a segment that lists could be of."""

    def send(method: str, path: str, body: Any) -> Any:
        return gateway.send(method, path, body).json

    return {
        "experiment": start(send, design(("site", "target")))["id"],
        "flag": send("POST", "/api/flags", flag("f"))["id"],
        "segment": send("POST", "/api/segments", segment(type="public", name="s"))["id"],
    }


def test_a_body_is_refused_and_changes_nothing(gateway: Gateway, ids: dict[str, str]) -> None:
    before = all_items()
    of_experiment = {"experimentId": ids["experiment"], "list": listed()}
    of_flag = {"id": ids["flag"], "enabled": True, "listType": "Individual", "segment": listed()}
    within = {"parentSegmentId": ids["segment"], **listed()}
    for path, body in (
        ("/api/segments", listed(type="public")),
        ("/api/segments/list", within),
        ("/api/experiments/inclusionList", of_experiment),
        ("/api/experiments/exclusionList", of_experiment),
        ("/api/flags/inclusionList", of_flag),
        ("/api/flags/exclusionList", of_flag),
    ):
        answer = gateway.post(path, body)
        assert answer.status == 400, path
        assert "at most 512 bytes" in answer.headers["x-error-detail"], path
    assert all_items() == before


def test_a_file_is_told_incompatible_and_changes_nothing(
    gateway: Gateway, ids: dict[str, str]
) -> None:
    before = all_items()
    files = [file(listType="Individual")]
    for path, body in (
        ("/api/segments/import", [file(type="public")]),
        (
            "/api/segments/list/import",
            {"parentSegmentId": ids["segment"], "files": files},
        ),
        (
            "/api/experiments/lists/import",
            {
                "experimentId": ids["experiment"],
                "files": files,
                "filterType": "inclusion",
            },
        ),
        (
            "/api/flags/lists/import",
            {"flagId": ids["flag"], "files": files, "filterType": "inclusion"},
        ),
    ):
        answer = gateway.post(path, body)
        assert "at most 512 bytes" in answer.text, (path, answer.text)
    assert all_items() == before

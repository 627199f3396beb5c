"""UpGrade's published Python client works against a started server."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from upgrade_client_lib import UpgradeClient
from upgrade_client_lib.types import MarkedDecisionPointStatus

from tests.api.upgrade_setup import design, start, two_factors

APPLIED = MarkedDecisionPointStatus.CONDITION_APPLIED


@pytest.fixture(scope="module")
def url(start_server: Any) -> str:
    address: str = start_server(TABLE_PREFIX="switchyard-client").url
    return address


@pytest.fixture
def send(url: str) -> Any:
    def send(method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, url + path, json=body, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    send("DELETE", "/api/v5/clearDB")
    return send


def test_init_groups_and_aliases(url: str, send: Any) -> None:  # noqa: ARG001 - it empties
    client = UpgradeClient("ada", url, "home")
    groups = {"classId": ["c1", "c2"]}
    assert client.init_sync(groups, {"classId": "c1"}).id == "ada"
    assert client.set_working_group_sync({"classId": "c2"}).workingGroup == {"classId": "c2"}
    assert client.set_group_membership_sync({"classId": ["c2"]}).group == {"classId": ["c2"]}
    assert client.set_alt_user_ids_sync(["lovelace"]).aliases == ["lovelace"]
    again = UpgradeClient("lovelace", url, "home").init_sync()
    assert (again.id, again.workingGroup) == ("ada", {"classId": "c2"})


def test_a_factorial_experiment(url: str, send: Any) -> None:
    experiment = start(send, two_factors(("lesson", "intro")))
    client = UpgradeClient("ada", url, "home")
    client.init_sync()
    (assignment,) = client.get_all_experiment_conditions_sync()
    assert assignment.get_condition() == "Color=Red; Shape=Circle"
    assert assignment.get_factor_level("Color") == "Red"
    marked = assignment.mark_decision_point_sync(APPLIED)
    assert marked.experimentId == experiment["id"]
    assert marked.userId == "ada"
    assert client.get_decision_point_assignment_sync("lesson", "intro") is not None
    assert client.get_decision_point_assignment_sync("lesson", "other") is None


def test_a_within_subjects_experiment_rotates_with_each_mark(url: str, send: Any) -> None:
    start(
        send,
        design(
            ("problem", "hint"),
            codes=("a", "b", "c"),
            weights=(34, 33, 33),
            assignmentUnit="within-subjects",
            consistencyRule=None,
            conditionOrder="ordered round robin",
        ),
    )
    client = UpgradeClient("ada", url, "home")
    client.init_sync()
    met = []
    for number in range(5):
        assignment = client.get_decision_point_assignment_sync("problem", "hint")
        assert assignment is not None
        met.append(assignment.get_condition())
        client.mark_decision_point_sync(met[-1], APPLIED, "problem", "hint", uniquifier=str(number))
    assert met == ["a", "b", "c", "a", "b"]
    fresh = UpgradeClient("ada", url, "home").get_decision_point_assignment_sync("problem", "hint")
    assert fresh is not None
    assert fresh.get_condition() == "c", "the server counts as the client does"

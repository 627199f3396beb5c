"""Answers from memory."""

from __future__ import annotations

from pathlib import Path

from benchmarks import cases
from benchmarks.application import Application
from benchmarks.recorder import Recorder
from benchmarks.replay import cost, playing, rehearse
from benchmarks.store_stub import Answers, identity
from benchmarks.worlds import NO_FEATURES, build


def test_a_request_is_answered_as_before_and_stores_nothing(bench: Application) -> None:
    world = build(bench, NO_FEATURES)
    rehearsed = rehearse(world, cases.BY_NAME["POST /api/events"], Recorder())
    path = f"/api/events/feature/{world.feature_id}"
    before = bench.ask("GET", path)
    with playing(rehearsed.tape):
        assert bench.send(rehearsed.request).status == 200
    spent = cost(bench, rehearsed, enough_ms=1)
    assert 0 <= spent.own <= spent.total
    assert spent.client > 0
    assert bench.ask("GET", path) == before


def test_the_stub_knows_a_call_by_its_parameters(tmp_path: Path) -> None:
    asked = b'{"TableName": "t", "Key": {"pk": {"S": "a"}}, "ClientRequestToken": "1"}'
    again = b'{"Key": {"pk": {"S": "a"}}, "TableName": "t", "ClientRequestToken": "2"}'
    answers = Answers({identity("GetItem", asked): "exact"}, {"GetItem": "last"})
    answers.save(tmp_path / "answers.json")
    stored = Answers.load(tmp_path / "answers.json")
    assert stored.to("GetItem", again) == "exact"
    assert stored.to("GetItem", b'{"TableName": "other"}') == "last"
    assert stored.to("Scan", again) is None

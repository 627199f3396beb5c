"""Variants, users, events, analysis and user blocks over HTTP."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.api.testlab import events, users
from tests.cursors import forged
from tests.http import Answer, Gateway

VARIANTS_REFUSED = "Error in creating the variants in postgres"
USER_REFUSED = "Error in creating the user in postgres"
EVENT_REFUSED = "Error in creating the event in postgres"
FEATURE = {"type_id": 3, "name": "x", "start_date": "2020-01-01", "end_date": "2099-12-31"}
HOSTILE_IDS = [
    "",
    "a#b",
    "group#x",
    "%23",
    "a/b",
    "a+b c",
    "日本",
    "#" * 512,
    "é" * 256,
    "variant#1",
]


def experiment(gateway: Gateway, name: str = "x", variants: int = 2) -> tuple[int, list[int]]:
    feature_id = gateway.post("/api/feature", {**FEATURE, "name": name}).json["id"]
    body = [{"feature_id": feature_id, "value": f"v{i}"} for i in range(variants)]
    answer = gateway.post(f"/api/feature/{feature_id}/variants", {"variants": body})
    return feature_id, [variant["id"] for variant in answer.json]


def user(gateway: Gateway, user_id: Any, variant_id: int) -> Answer:
    body = {"id": user_id, "variant_id": variant_id, "ip_address": "10.0.0.1"}
    return gateway.post("/api/users", body)


def event(gateway: Gateway, user_id: Any, variant_id: int) -> Answer:
    return gateway.post("/api/events", {"user_id": user_id, "variant_id": variant_id})


def analysis(gateway: Gateway, feature_id: int) -> list[tuple[int, int, int]]:
    return [
        (row["event_total"], row["distinct_user_events_total"], row["total_users"])
        for row in gateway.get(f"/api/analysis/feature/{feature_id}").json
    ]


class TestVariants:
    def test_weights_come_back_as_given_and_default_to_equal_shares(self, gateway: Gateway) -> None:
        feature_id, _ = experiment(gateway, variants=3)
        shown = gateway.get(f"/api/feature/{feature_id}/variants").json
        assert [variant["weight"] for variant in shown] == ["0.3333333333333333"] * 3
        weights: list[Any] = ["0.50", 0.25, "0.2500"]
        body = [{"feature_id": feature_id, "value": "v", "weight": w} for w in weights]
        answer = gateway.post(f"/api/feature/{feature_id}/variants", {"variants": body})
        assert [variant["weight"] for variant in answer.json] == ["0.50", "0.25", "0.2500"]

    @pytest.mark.parametrize("weights", [(0.7, 0.2, 0.1), (0.1,) * 10, (1,), (0, 1)])
    def test_weights_are_summed_as_decimals(self, gateway: Gateway, weights: Any) -> None:
        feature_id, _ = experiment(gateway)
        body = [{"feature_id": feature_id, "value": "v", "weight": w} for w in weights]
        assert gateway.post(f"/api/feature/{feature_id}/variants", {"variants": body}).status == 200

    @pytest.mark.parametrize(
        "variants",
        [
            [],
            [{"value": "no feature", "weight": 1}],
            [{"feature_id": "{}", "weight": 1}],
            [{"feature_id": "{}", "value": None, "weight": 1}],
            [{"feature_id": "{}", "value": "a", "weight": 0.5}],
            [
                {"feature_id": "{}", "value": "a", "weight": -1},
                {"feature_id": "{}", "value": "b", "weight": 2},
            ],
            [{"feature_id": "{}", "value": "a", "weight": None, "is_control": "perhaps"}],
            [{"feature_id": "{}", "value": f"v{i}"} for i in range(21)],
            {"0": {"feature_id": "{}", "value": "a"}},
            "text",
            None,
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_a_refused_list_leaves_everything_as_it_was(
        self, gateway: Gateway, variants: Any
    ) -> None:
        feature_id, (first, _) = experiment(gateway)
        user(gateway, "u", first)
        event(gateway, "u", first)
        before = gateway.get(f"/api/feature/{feature_id}").json
        body = json.loads(json.dumps({"variants": variants}).replace("{}", str(feature_id)))
        answer = gateway.post(f"/api/feature/{feature_id}/variants", body)
        assert (answer.status, answer.json) == (403, VARIANTS_REFUSED)
        assert gateway.get(f"/api/feature/{feature_id}").json == before
        assert analysis(gateway, feature_id) == [(1, 1, 1), (0, 0, 0)]

    def test_ids_are_not_used_again(self, gateway: Gateway) -> None:
        feature_id, first = experiment(gateway)
        gateway.delete(f"/api/feature/{feature_id}")
        again_id, again = experiment(gateway)
        assert again_id > feature_id
        assert min(again) > max(first)


class TestUsersAndEvents:
    @pytest.mark.parametrize("user_id", HOSTILE_IDS, ids=lambda value: value[:12])
    def test_any_id_up_to_512_bytes_lives_and_goes_on_its_own(
        self, gateway: Gateway, user_id: str
    ) -> None:
        feature_id, (first, second) = experiment(gateway)
        for other in HOSTILE_IDS:
            assert user(gateway, other, second).status == 200
            assert event(gateway, other, second).status == 200
        assert event(gateway, user_id, first).status == 200
        assert {u["id"] for u in gateway.get("/api/users").json} == set(HOSTILE_IDS)
        if user_id:  # a path cannot name the empty id
            answer = gateway.delete(f"/api/users/{quote(user_id, safe='')}")
            assert answer.json == f"User with id {user_id} was deleted"
            rest = len(HOSTILE_IDS) - 1
            assert {u["id"] for u in gateway.get("/api/users").json} == {*HOSTILE_IDS} - {user_id}
            assert analysis(gateway, feature_id) == [(0, 0, 0), (rest, rest, rest)]

    @pytest.mark.parametrize("user_id", ["é" * 256 + "a", "nul\0", None, [], {}, "\udc00"])
    def test_ids_that_cannot_be_are_refused(self, gateway: Gateway, user_id: Any) -> None:
        _, (first, _) = experiment(gateway)
        assert (user(gateway, user_id, first).status, user(gateway, user_id, first).json) == (
            403,
            USER_REFUSED,
        )
        assert event(gateway, user_id, first).json == EVENT_REFUSED
        assert gateway.get("/api/users").json == []

    def test_numbers_as_ids_are_their_text(self, gateway: Gateway) -> None:
        _, (first, _) = experiment(gateway)
        assert user(gateway, 61, first).json["id"] == "61"
        assert event(gateway, "61", first).status == 200

    def test_a_user_of_a_dead_variant_is_nobody_and_may_come_again(self, gateway: Gateway) -> None:
        doomed, (dead, _) = experiment(gateway, "doomed")
        kept, (live, _) = experiment(gateway, "kept")
        user(gateway, "u", dead)
        for variant_id in (dead, live, live):
            event(gateway, "u", variant_id)
        gateway.delete(f"/api/feature/{doomed}")
        assert gateway.get("/api/users").json == []
        assert event(gateway, "u", live).json == EVENT_REFUSED
        assert analysis(gateway, kept) == [(0, 0, 0), (0, 0, 0)]
        assert user(gateway, "u", live).status == 200
        event(gateway, "u", live)
        assert analysis(gateway, kept) == [(1, 1, 1), (0, 0, 0)]

    def test_refusals_do_not_count(self, gateway: Gateway) -> None:
        feature_id, (first, second) = experiment(gateway)
        user(gateway, "u", first)
        for _ in range(3):
            assert user(gateway, "u", second).json == USER_REFUSED
            assert event(gateway, "nobody", first).json == EVENT_REFUSED
            assert event(gateway, "u", 2_000_000_000).json == EVENT_REFUSED
        assert analysis(gateway, feature_id) == [(0, 0, 1), (0, 0, 0)]


class TestPages:
    @pytest.mark.parametrize("path", ["/api/users", "/api/events", "/api/events/feature/{}"])
    @pytest.mark.parametrize("limit", [1, 3, 100])
    def test_following_the_links_gives_every_row_once(
        self, gateway: Gateway, path: str, limit: int
    ) -> None:
        feature_id, variants = experiment(gateway, variants=3)
        path = path.format(feature_id)
        for number in range(7):
            user(gateway, f"user {number}", variants[number % 3])
            event(gateway, f"user {number}", variants[number % 2])
        everything = gateway.get(path)
        assert "link" not in everything.headers
        rows: list[Any] = []
        url = f"{path}?limit={limit}"
        while True:
            page = gateway.get(url)
            assert 0 < len(page.json) <= limit
            rows += page.json
            link = page.headers.get("link")
            if link is None:
                break
            found = re.fullmatch(r'<(\?[^>]+)>; rel="next"', link)
            assert found is not None
            url = path + found[1]
        key = "event_id" if "feature" in path else "id"
        assert sorted(row[key] for row in rows) == sorted(row[key] for row in everything.json)
        assert len(rows) == 7

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=-1",
            "limit=x",
            "limit=99999999999",
            "cursor=",
            "cursor=garbage",
            "cursor=%FF%00",
            "cursor=" + base64.urlsafe_b64encode(b'[1,"a",5]').decode(),
        ],
    )
    def test_what_is_no_page_is_refused(self, gateway: Gateway, query: str) -> None:
        experiment(gateway)
        for path in ("/api/users", "/api/events"):
            answer = gateway.get(f"{path}?{query}")
            assert answer.status == 403
            assert query.split("=")[0] in answer.headers["x-error-detail"]

    @pytest.mark.parametrize("parts", [[1, "a"], [1, "a", -5], {"a": 1}, [1, "a" * 600, 5]])
    def test_a_position_that_no_row_has_is_refused(self, gateway: Gateway, parts: Any) -> None:
        for path, cursors in (("users", users.CURSORS), ("events", events.CURSORS)):
            answer = gateway.get(f"/api/{path}?cursor={forged(cursors, parts)}")
            assert (answer.status, answer.headers["x-error-detail"][:6]) == (403, "cursor")

    def test_a_list_too_long_for_one_answer_is_continued(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chalicelib.services.running.paging.PAGE_BYTES", 1000)
        _, (first, _) = experiment(gateway)
        for number in range(9):
            user(gateway, f"user {number}", first)
        page = gateway.get("/api/users")
        assert 1 < len(page.json) < 9
        assert len(page.text) < 1000
        assert "link" in page.headers


class TestUserBlocks:
    def test_a_block_set_by_hand_counts_towards_the_share(self, gateway: Gateway) -> None:
        feature_id = gateway.post("/api/feature", {**FEATURE, "user_percentage": 0.15}).json["id"]
        gateway.put("/api/userblocks", {"name": 65, "feature_id": str(feature_id)})
        blocks = gateway.get("/api/feature/current").json["userblocks"]
        owned = [block["name"] for block in blocks if block["feature_id"] == feature_id]
        assert owned == ["5", "10", "65"]

    @pytest.mark.parametrize(
        ("body", "shown"),
        [
            ({"name": "13", "feature_id": 1}, "13"),
            ({"name": 10.5, "feature_id": 1}, "10.5"),
            ({"name": "10", "feature_id": "abc"}, "10"),
            ({"name": "10", "feature_id": True}, "10"),
            ({"name": "10", "feature_id": 2**31}, "10"),
            ({"name": None}, "null"),
            ({"name": True}, "true"),
            ({"feature_id": 1}, "undefined"),
            ([], "undefined"),
            ({"name": "x" * 9999}, "x" * 255),
        ],
    )
    def test_a_refusal_names_the_block_as_it_was_sent(
        self, gateway: Gateway, body: Any, shown: str
    ) -> None:
        answer = gateway.put("/api/userblocks", body)
        expected = f"Error in updating userblock with name {shown} in postgres"
        assert (answer.status, answer.json) == (403, expected)

    def test_reset_frees_all_and_reads_no_body(self, gateway: Gateway) -> None:
        gateway.put("/api/userblocks", {"name": "10", "feature_id": 5})
        answer = gateway.send(
            "PUT", "/api/userblocks/reset", raw=b"{", headers={"content-type": "application/json"}
        )
        assert answer.status == 200
        assert {block["feature_id"] for block in answer.json} == {None}

    @pytest.mark.parametrize("number", ["1e99999999", "1e999999999999999", "-1e-99999999"])
    def test_a_refusal_is_never_longer_than_what_was_sent(
        self, gateway: Gateway, number: str
    ) -> None:
        raw = b'{"name": ' + number.encode() + b"}"
        headers = {"content-type": "application/json"}
        answer = gateway.send("PUT", "/api/userblocks", raw=raw, headers=headers)
        assert answer.status == 403
        assert len(answer.text) < 100

"""Feature flags over HTTP: what clients are told, and their administration."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chalicelib.domain.catalogue.testlab_assignments import hash_share
from tests.api.upgrade_setup import flag, segment
from tests.http import Answer, Gateway

UNKNOWN = str(uuid.uuid4())
DATES = {"start_date": "2020-01-01", "end_date": "2099-12-31"}
TOGGLE, ROLLOUT = 1, 2


def init(gateway: Gateway, *user_ids: str, body: Any = None) -> None:
    for user_id in user_ids or ("ada",):
        answer = gateway.send("POST", "/api/v6/init", body or {}, {"user-id": user_id})
        assert answer.status == 200


def ask(gateway: Gateway, user_id: str = "ada", **body: Any) -> Answer:
    sent = {"context": "home", **body}
    return gateway.send("POST", "/api/v6/featureflag", sent, {"user-id": user_id})


def flags_of(gateway: Gateway, user_id: str = "ada", **body: Any) -> list[str]:
    answer = ask(gateway, user_id, **body)
    assert answer.status == 200, answer.text
    return sorted(answer.json)


def create(gateway: Gateway, key: str = "key", **fields: Any) -> dict[str, Any]:
    answer = gateway.post("/api/flags", flag(key, **fields))
    assert answer.status == 200, answer.text
    made: dict[str, Any] = answer.json
    return made


def add_list(
    gateway: Gateway, flag_id: str, side: str, *users: str, enabled: bool = True, **fields: Any
) -> dict[str, Any]:
    body = {"id": flag_id, "enabled": enabled, "listType": "Individual"}
    answer = gateway.post(f"/api/flags/{side}List", {**body, "segment": segment(*users, **fields)})
    assert answer.status == 200, answer.text
    made: dict[str, Any] = answer.json
    return made


def page(gateway: Gateway, **body: Any) -> dict[str, Any]:
    answer = gateway.post("/api/flags/paginated", {"skip": 0, "take": 20, **body})
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def exposures(gateway: Gateway) -> dict[str, int]:
    return {node["key"]: node["featureFlagExposures"] for node in page(gateway)["nodes"]}


class TestClients:
    def test_both_versions_answer_the_keys_that_are_on(self, gateway: Gateway) -> None:
        flags: dict[str, dict[str, Any]] = {
            "on": {},
            "off": {"status": "disabled"},
            "old": {"status": "archived"},
            "closed": {"filterMode": "excludeAll"},
            "elsewhere": {"context": ["add"]},
        }
        for key, fields in flags.items():
            create(gateway, key, **fields)
        init(gateway)
        assert flags_of(gateway) == ["on"]
        assert flags_of(gateway, context="add") == ["elsewhere"]
        body = {"userId": "ada", "context": "home"}
        assert gateway.post("/api/v5/featureflag", body).json == ["on"]

    def test_exposures_count_each_user_once(self, gateway: Gateway) -> None:
        create(gateway, "one")
        create(gateway, "two")
        create(gateway, "none", filterMode="excludeAll")
        init(gateway, "ada", "bob")
        for user_id in ("ada", "bob", "ada"):
            flags_of(gateway, user_id)
        gateway.post("/api/v5/featureflag", {"userId": "ada", "context": "home"})
        assert exposures(gateway) == {"one": 2, "two": 2, "none": 0}

    @pytest.mark.parametrize(
        ("body", "status", "name"),
        [
            ({}, 400, "BadRequestError"),
            ({"context": ""}, 400, "BadRequestError"),
            ({"context": ["home"]}, 400, "BadRequestError"),
            ({"context": "HOME"}, 400, "Error"),
            ({"context": "nowhere"}, 400, "Error"),
            ({"context": "home", "groupsForSession": {}}, 400, "BadRequestError"),
            ({"context": "home", "includeStoredUserGroups": True}, 400, "BadRequestError"),
            ({"context": "home", "includeStoredUserGroups": False}, 400, "BadRequestError"),
            (
                {"context": "home", "groupsForSession": [], "includeStoredUserGroups": True},
                400,
                "BadRequestError",
            ),
            (
                {"context": "home", "groupsForSession": {"": []}, "includeStoredUserGroups": True},
                400,
                "BadRequestError",
            ),
            (
                {"context": "home", "groupsForSession": {}, "includeStoredUserGroups": "true"},
                400,
                "BadRequestError",
            ),
        ],
    )
    def test_a_clients_mistake_is_named(
        self, gateway: Gateway, body: Any, status: int, name: str
    ) -> None:
        create(gateway)
        init(gateway)
        answer = gateway.send("POST", "/api/v6/featureflag", body, {"user-id": "ada"})
        assert (answer.status, answer.json["name"]) == (status, name)
        assert answer.json["request"] == body
        assert exposures(gateway) == {"key": 0}

    def test_a_user_must_be_known(self, gateway: Gateway) -> None:
        create(gateway)
        unknown = ask(gateway, "nobody")
        assert (unknown.status, unknown.json["message"]) == (404, "User not found: nobody")
        body = {"userId": "nobody", "context": "home"}
        unknown = gateway.post("/api/v5/featureflag", body)
        assert unknown.json["message"] == "Experiment User not found: nobody"
        missing = gateway.post("/api/v6/featureflag", {"context": "home"})
        assert missing.json["message"] == "User-Id header not found."
        assert exposures(gateway) == {"key": 0}

    def test_an_alias_is_exposed_as_its_owner(self, gateway: Gateway) -> None:
        create(gateway)
        init(gateway)
        body = {"aliases": ["al"]}
        gateway.send("PATCH", "/api/v6/useraliases", body, {"user-id": "ada"})
        assert flags_of(gateway, "al") == flags_of(gateway) == ["key"]
        assert exposures(gateway) == {"key": 1}


def flags_by_class(gateway: Gateway) -> None:
    """A flag for class 1a, and one for all but class 9z."""
    made = create(gateway, "for 1a", filterMode="excludeAll")
    add_list(gateway, made["id"], "inclusion", groups=[("classId", "1a")])
    made = create(gateway, "not for 9z")
    add_list(gateway, made["id"], "exclusion", groups=[("classId", "9z")])


class TestSessions:
    def test_groups_of_a_session_count_for_the_call_alone(self, gateway: Gateway) -> None:
        flags_by_class(gateway)
        init(gateway, body={"group": {"classId": ["9z"]}, "workingGroup": {"classId": "9z"}})
        groups = {"classId": ["1a"]}
        assert flags_of(gateway) == []
        alone: dict[str, Any] = {"groupsForSession": groups, "includeStoredUserGroups": False}
        assert flags_of(gateway, **alone) == ["for 1a", "not for 9z"]
        besides: dict[str, Any] = {"groupsForSession": groups, "includeStoredUserGroups": True}
        assert flags_of(gateway, **besides) == ["for 1a"]
        assert flags_of(gateway) == []

    def test_who_is_not_known_may_ask_with_the_groups_of_a_session_alone(
        self, gateway: Gateway
    ) -> None:
        flags_by_class(gateway)
        alone = {"groupsForSession": {"classId": ["1a"]}, "includeStoredUserGroups": False}
        assert flags_of(gateway, "nobody", **alone) == ["for 1a", "not for 9z"]
        assert ask(gateway, "nobody", **{**alone, "includeStoredUserGroups": True}).status == 404
        assert ask(gateway, "nobody").status == 404
        assert exposures(gateway) == {"for 1a": 1, "not for 9z": 1}
        init(gateway, "nobody")
        assert flags_of(gateway, "nobody") == ["not for 9z"]
        assert exposures(gateway) == {"for 1a": 1, "not for 9z": 1}

    @pytest.mark.parametrize("user_id", ["x" * 513, "é" * 300])
    def test_an_id_that_could_not_be_stored_is_refused(
        self, gateway: Gateway, user_id: str
    ) -> None:
        alone = {"groupsForSession": {}, "includeStoredUserGroups": False}
        answer = ask(gateway, user_id, **alone)
        assert answer.status == 400
        assert "512 bytes" in answer.json["message"]

    def test_v5_knows_no_sessions(self, gateway: Gateway) -> None:
        flags_by_class(gateway)
        init(gateway)
        body = {"userId": "ada", "context": "home", "groupsForSession": {"classId": ["1a"]}}
        assert gateway.post("/api/v5/featureflag", body).json == ["not for 9z"]


class TestGroupSets:
    """The same flags, asked for by sets of groups."""

    def test_the_groups_of_a_single_set_count_in_place_of_the_stored_ones_unless_it_asks_for_both(
        self, gateway: Gateway
    ) -> None:
        flags_by_class(gateway)
        init(gateway, body={"group": {"classId": ["9z"]}})
        groups = {"groups": {"classId": ["1a"]}}
        for alone in (groups, {**groups, "includeStoredUserGroups": False}):
            assert flags_of(gateway, useSingleGroupSet=alone) == ["for 1a", "not for 9z"]
            assert flags_of(gateway, "nobody", useSingleGroupSet=alone) == ["for 1a", "not for 9z"]
        besides = {**groups, "includeStoredUserGroups": True}
        assert flags_of(gateway, useSingleGroupSet=besides) == ["for 1a"]
        assert ask(gateway, "nobody", useSingleGroupSet=besides).status == 404
        assert flags_of(gateway) == [], "nothing was stored"
        assert flags_of(gateway, useSingleGroupSet=None, useMultipleGroupSets=None) == []

    def test_several_sets_are_answered_by_their_ids_and_the_main_one_where_it_was_sent(
        self, gateway: Gateway
    ) -> None:
        flags_by_class(gateway)
        init(gateway, body={"group": {"classId": ["9z"]}})
        sub = [
            {"groupsetId": "9z", "groups": {"classId": ["9z"]}},
            {"groupsetId": "1a", "groups": {"classId": ["1a"]}},
            {"groupsetId": "mainGroupset", "groups": {}, "includeStoredUserGroups": True},
            {"groupsetId": "other", "groups": {"schoolId": ["1a"]}},
        ]
        expected = {
            "9z": [],
            "1a": ["for 1a", "not for 9z"],
            "mainGroupset": [],
            "other": ["not for 9z"],
        }
        answer = ask(gateway, useMultipleGroupSets={"subGroupsets": sub})
        assert answer.json == {"subGroupsets": expected}
        main = {"groups": {"classId": ["1a"]}, "includeStoredUserGroups": True}
        sets: dict[str, Any] = {"mainGroupset": main, "subGroupsets": sub}
        answer = ask(gateway, useMultipleGroupSets=sets)
        assert answer.json == {"mainGroupset": ["for 1a"], "subGroupsets": expected}
        assert exposures(gateway) == {"for 1a": 1, "not for 9z": 1}, "a user is exposed once"

    def test_the_user_need_be_known_only_where_a_set_asks_for_the_stored_groups(
        self, gateway: Gateway
    ) -> None:
        flags_by_class(gateway)
        groups: dict[str, Any] = {"groups": {"classId": ["1a"]}}
        stored = {**groups, "includeStoredUserGroups": True}
        sub = {"groupsetId": "one", **groups}
        found = ask(gateway, "nobody", useMultipleGroupSets={"subGroupsets": [sub]}).json
        assert found == {"subGroupsets": {"one": ["for 1a", "not for 9z"]}}
        for sets in (
            {"mainGroupset": stored, "subGroupsets": [sub]},
            {"subGroupsets": [sub, {"groupsetId": "two", **stored}]},
        ):
            assert ask(gateway, "nobody", useMultipleGroupSets=sets).status == 404

    @pytest.mark.parametrize(
        "fields",
        [
            {"useSingleGroupSet": {}},
            {"useSingleGroupSet": []},
            {"useSingleGroupSet": {"groups": []}},
            {"useSingleGroupSet": {"groups": {"classId": "1a"}}},
            {"useSingleGroupSet": {"groups": {}, "includeStoredUserGroups": "yes"}},
            {"useMultipleGroupSets": {}},
            {"useMultipleGroupSets": []},
            {"useMultipleGroupSets": {"subGroupsets": []}},
            {"useMultipleGroupSets": {"subGroupsets": {}}},
            {"useMultipleGroupSets": {"mainGroupset": {"groups": {}}}},
            {"useMultipleGroupSets": {"subGroupsets": [{"groups": {}}]}},
            {"useMultipleGroupSets": {"subGroupsets": [{"groupsetId": "", "groups": {}}]}},
            {"useMultipleGroupSets": {"subGroupsets": [{"groupsetId": "x", "groups": {}}] * 2}},
            {
                "useMultipleGroupSets": {
                    "subGroupsets": [{"groupsetId": f"{n}", "groups": {}} for n in range(51)]
                }
            },
            {
                "useSingleGroupSet": {"groups": {}},
                "useMultipleGroupSets": {"subGroupsets": [{"groupsetId": "x", "groups": {}}]},
            },
            {
                "useSingleGroupSet": {"groups": {}},
                "groupsForSession": {},
                "includeStoredUserGroups": True,
            },
            {
                "useMultipleGroupSets": {"subGroupsets": [{"groupsetId": "x", "groups": {}}]},
                "groupsForSession": {},
                "includeStoredUserGroups": False,
            },
        ],
        ids=lambda fields: str(fields)[:60],
    )
    def test_what_is_no_set_of_groups_or_more_than_one_way_to_tell_them_is_refused(
        self, gateway: Gateway, fields: Any
    ) -> None:
        flags_by_class(gateway)
        init(gateway)
        answer = ask(gateway, **fields)
        assert (answer.status, answer.json["name"]) == (400, "BadRequestError")
        assert exposures(gateway) == {"for 1a": 0, "not for 9z": 0}

    def test_the_groups_of_all_sets_of_a_call_are_bounded_together(self, gateway: Gateway) -> None:
        create(gateway)
        groups = {"classId": [f"{n:06}" for n in range(2_000)]}
        sets = [{"groupsetId": f"{n}", "groups": groups} for n in range(4)]
        found = ask(gateway, "nobody", useMultipleGroupSets={"subGroupsets": sets})
        assert found.json == {"subGroupsets": {f"{n}": ["key"] for n in range(4)}}
        for over in (
            {"subGroupsets": [*sets, {"groupsetId": "4", "groups": groups}]},
            {"mainGroupset": {"groups": groups}, "subGroupsets": sets},
        ):
            refused = ask(gateway, "nobody", useMultipleGroupSets=over)
            assert (refused.status, refused.json["name"]) == (400, "BadRequestError")

    def test_fifty_sets_may_be_asked_for_at_once(self, gateway: Gateway) -> None:
        flags_by_class(gateway)
        sub = [{"groupsetId": f"{n}", "groups": {"classId": [f"{n}z"]}} for n in range(50)]
        found = ask(gateway, "nobody", useMultipleGroupSets={"subGroupsets": sub}).json
        assert found["subGroupsets"] == {
            f"{n}": [] if n == 9 else ["not for 9z"] for n in range(50)
        }


class TestTestLab:
    def feature(self, gateway: Gateway, name: str, kind: int, **fields: Any) -> int:
        answer = gateway.post("/api/feature", {"type_id": kind, "name": name, **DATES, **fields})
        assert answer.status == 200, answer.text
        feature_id: int = answer.json["id"]
        return feature_id

    def test_a_toggle_is_a_flag_in_every_context_while_it_runs(self, gateway: Gateway) -> None:
        feature_id = self.feature(gateway, "dark mode", TOGGLE)
        self.feature(gateway, "not started", TOGGLE, is_running=False)
        self.feature(gateway, "over", TOGGLE, end_date="2020-01-02")
        init(gateway)
        assert flags_of(gateway) == flags_of(gateway, context="mul") == ["dark mode"]
        assert gateway.delete(f"/api/feature/{feature_id}").status == 200
        assert flags_of(gateway) == []

    def test_a_rollout_is_on_by_the_hash_of_user_and_name(self, gateway: Gateway) -> None:
        self.feature(gateway, "new menu", ROLLOUT, user_percentage=0.5)
        users = [f"user {number}" for number in range(30)]
        init(gateway, *users)
        expected = {u: ["new menu"] if hash_share(u + "new menu") < 0.5 else [] for u in users}
        assert {user_id: flags_of(gateway, user_id) for user_id in users} == expected
        assert 5 < sum(map(len, expected.values())) < 25

    def test_they_come_besides_the_flags_of_the_context_and_are_no_exposures(
        self, gateway: Gateway
    ) -> None:
        create(gateway, "a flag")
        create(gateway, "both")
        for name in ("a toggle", "both"):
            self.feature(gateway, name, TOGGLE)
        init(gateway)
        assert flags_of(gateway) == ["a flag", "a toggle", "both"]
        assert exposures(gateway) == {"a flag": 1, "both": 1}
        assert len(gateway.get("/api/flags").json) == 2

    def test_who_is_globally_excluded_gets_none_of_them(self, gateway: Gateway) -> None:
        self.feature(gateway, "toggle", TOGGLE)
        [shut_out] = [s for s in gateway.get("/api/segments/global").json if s["context"] == "home"]
        body = segment("ada", id=shut_out["id"], name="home", type="global_exclude")
        assert gateway.post("/api/segments", body).status == 200
        init(gateway, "ada", "bob")
        assert (flags_of(gateway), flags_of(gateway, "bob")) == ([], ["toggle"])
        assert flags_of(gateway, context="add") == ["toggle"]


class TestAdministration:
    def test_a_flag_is_created_read_edited_and_deleted(self, gateway: Gateway) -> None:
        made = create(gateway, description="text", tags=["a"], unknown="ignored")
        assert made.keys() >= {"id", "createdAt", "updatedAt", "versionNumber"}
        assert "featureFlagSegmentInclusion" not in made
        shown = gateway.get(f"/api/flags/{made['id'].upper()}").json
        assert shown == {
            **made,
            "featureFlagSegmentInclusion": [],
            "featureFlagSegmentExclusion": [],
        }
        assert gateway.get("/api/flags").json == [made]
        edited = gateway.put(f"/api/flags/{made['id']}", flag("new", id=UNKNOWN)).json
        assert (edited["id"], edited["key"], edited["versionNumber"]) == (made["id"], "new", 2)
        assert (edited["description"], edited["tags"]) == (None, [])
        assert edited["createdAt"] == made["createdAt"]
        assert gateway.get(f"/api/flags/{made['id']}").json == edited
        [gone] = gateway.delete(f"/api/flags/{made['id']}").json
        assert gone["id"] == made["id"]
        assert gateway.get("/api/flags").json == []

    def test_an_id_is_kept_and_cannot_be_used_twice(self, gateway: Gateway) -> None:
        flag_id = str(uuid.uuid4())
        assert create(gateway, id=flag_id.upper())["id"] == flag_id
        again = gateway.post("/api/flags", flag("other", id=flag_id))
        assert (again.status, again.json["type"]) == (400, "Parameter not in the correct format")
        assert len(gateway.get("/api/flags").json) == 1

    def test_keys_are_unique_in_a_context(self, gateway: Gateway) -> None:
        create(gateway, "a")
        made = create(gateway, "b")
        create(gateway, "a", context=["add"])
        for refused in (
            gateway.post("/api/flags", flag("a")),
            gateway.put(f"/api/flags/{made['id']}", flag("a")),
        ):
            assert refused.status == 409
            assert refused.json["type"].startswith("Feature Flag with same key already exists")
        assert [each["key"] for each in gateway.get("/api/flags").json] == ["a", "b", "a"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": ""},
            {"name": None},
            {"key": ""},
            {"key": 5},
            {"key": "nul\x00"},
            {"status": "on"},
            {"status": None},
            {"context": []},
            {"context": ["home", "add"]},
            {"context": "home"},
            {"filterMode": "all"},
            {"tags": "a"},
            {"tags": [1]},
            {"id": "not a uuid"},
            {"context": ["nowhere"]},
            {"description": "x" * 400_000},
        ],
        ids=lambda wrong: str(wrong)[:30],
    )
    def test_a_flag_that_is_none_changes_nothing(self, gateway: Gateway, wrong: Any) -> None:
        made = create(gateway)
        body = {**flag("other"), **wrong}
        for refused in (
            gateway.post("/api/flags", body),
            gateway.put(f"/api/flags/{made['id']}", body),
        ):
            assert refused.status == 400
        assert gateway.get("/api/flags").json == [made]

    @pytest.mark.parametrize("flag_id", ["x", "1", "7d1f0c52-9f5e-4c58-a1c3-0b4b7f6f3ea"])
    def test_an_id_in_a_path_is_a_uuid(self, gateway: Gateway, flag_id: str) -> None:
        for answer in (
            gateway.get(f"/api/flags/{flag_id}"),
            gateway.put(f"/api/flags/{flag_id}", flag()),
            gateway.delete(f"/api/flags/{flag_id}"),
            gateway.delete(f"/api/flags/inclusionList/{flag_id}"),
            gateway.delete(f"/api/flags/exclusionList/{flag_id}"),
        ):
            assert answer.status == 400
            assert answer.json["message"].startswith("Invalid params")

    def test_an_unknown_flag_is_not_found(self, gateway: Gateway) -> None:
        listed = {"id": UNKNOWN, "enabled": True, "listType": "Individual", "segment": segment()}
        for answer in (
            gateway.get(f"/api/flags/{UNKNOWN}"),
            gateway.put(f"/api/flags/{UNKNOWN}", flag()),
            gateway.delete(f"/api/flags/{UNKNOWN}"),
            gateway.send("PATCH", "/api/flags/status", {"flagId": UNKNOWN, "status": "enabled"}),
            gateway.send(
                "PATCH", "/api/flags/filterMode", {"flagId": UNKNOWN, "filterMode": "includeAll"}
            ),
            gateway.post("/api/flags/inclusionList", listed),
            gateway.post("/api/flags/exclusionList", listed),
        ):
            assert (answer.status, answer.json["message"]) == (404, "Feature Flag not found")
        assert gateway.get("/api/flags").json == []

    def test_status_and_filter_mode_are_changed_by_themselves(self, gateway: Gateway) -> None:
        made = create(gateway)
        init(gateway)
        for name, off, on in (
            ("status", "disabled", "enabled"),
            ("filterMode", "excludeAll", "includeAll"),
        ):
            for value, expected in ((off, []), (on, ["key"])):
                body = {"flagId": made["id"], name: value}
                answer = gateway.send("PATCH", f"/api/flags/{name}", body).json
                assert answer[name] == value
                assert flags_of(gateway) == expected
        assert gateway.get("/api/flags").json[0]["versionNumber"] == 5

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("status", {"status": "enabled"}),
            ("status", {"flagId": UNKNOWN, "status": "on"}),
            ("status", {"flagId": "x", "status": "enabled"}),
            ("filterMode", {"flagId": UNKNOWN}),
            ("filterMode", {"flagId": UNKNOWN, "filterMode": "none"}),
        ],
    )
    def test_a_change_that_is_none_is_refused(self, gateway: Gateway, path: str, body: Any) -> None:
        assert gateway.send("PATCH", f"/api/flags/{path}", body).status == 400

    def test_a_new_context_takes_the_lists_away(self, gateway: Gateway) -> None:
        made = create(gateway)
        listed = add_list(gateway, made["id"], "exclusion", "ada")
        edited = gateway.put(f"/api/flags/{made['id']}", flag(context=["add"])).json
        assert edited["featureFlagSegmentExclusion"] == []
        assert gateway.get(f"/api/segments/{listed['segment']['id']}").status == 404
        init(gateway)
        assert flags_of(gateway, context="add") == ["key"]

    def test_deleting_a_flag_deletes_its_lists(self, gateway: Gateway) -> None:
        made = create(gateway)
        ids = [
            add_list(gateway, made["id"], side, "ada")["segment"]["id"]
            for side in ("inclusion", "exclusion")
        ]
        gateway.delete(f"/api/flags/{made['id']}")
        assert [gateway.get(f"/api/segments/{each}").status for each in ids] == [404, 404]


class TestLists:
    @pytest.mark.parametrize(("side", "on"), [("inclusion", True), ("exclusion", False)])
    def test_a_list_is_added_replaced_switched_and_removed(
        self, gateway: Gateway, side: str, on: bool
    ) -> None:
        made = create(gateway, filterMode="excludeAll" if on else "includeAll")
        init(gateway, "ada", "bob")

        def lets_in(user_id: str) -> bool:
            return (flags_of(gateway, user_id) == ["key"]) is on

        added = add_list(gateway, made["id"], side, "ada", groups=[("classId", "1a")])
        assert added["featureFlag"]["id"] == made["id"]
        assert (added["enabled"], added["listType"]) == (True, "Individual")
        assert [each["userId"] for each in added["segment"]["individualForSegment"]] == ["ada"]
        assert [each["groupId"] for each in added["segment"]["groupForSegment"]] == ["1a"]
        assert (lets_in("ada"), lets_in("bob")) == (True, False)

        segment_id = added["segment"]["id"]
        path = f"/api/flags/{side}List/{segment_id}"
        body = {"id": made["id"], "enabled": True, "listType": "Individual"}
        replaced = gateway.put(path, {**body, "segment": segment("bob")})
        assert replaced.status == 200, replaced.text
        assert replaced.json["segment"]["id"] == segment_id
        assert (lets_in("ada"), lets_in("bob")) == (False, True)
        off = {**body, "enabled": False, "segment": segment("bob", id=segment_id)}
        assert gateway.put(path, off).json["enabled"] is False
        assert (lets_in("ada"), lets_in("bob")) == (False, False)

        name = f"featureFlagSegment{side.capitalize()}"
        [shown] = gateway.get(f"/api/flags/{made['id']}").json[name]
        assert (shown["enabled"], shown["segment"]["id"]) == (False, segment_id)
        gone = gateway.delete(path)
        assert (gone.status, gone.json["id"]) == (200, segment_id)
        assert gateway.get(f"/api/flags/{made['id']}").json[name] == []
        assert gateway.get(f"/api/segments/{segment_id}").status == 404
        assert gateway.delete(path).status == 404
        assert gateway.put(path, off).status == 404

    def test_a_list_belongs_to_its_flag_and_side(self, gateway: Gateway) -> None:
        one, two = create(gateway, "one"), create(gateway, "two")
        segment_id = add_list(gateway, one["id"], "inclusion", "ada")["segment"]["id"]
        body = {"id": one["id"], "enabled": True, "listType": "Individual", "segment": segment()}
        wrong = f"/api/flags/exclusionList/{segment_id}"
        assert gateway.put(wrong, body).status == 404
        assert gateway.delete(wrong).status == 404
        path = f"/api/flags/inclusionList/{segment_id}"
        assert gateway.put(path, {**body, "id": two["id"]}).status == 400
        assert gateway.put(path, {**body, "segment": segment(id=UNKNOWN)}).status == 400
        [shown] = gateway.get(f"/api/flags/{one['id']}").json["featureFlagSegmentInclusion"]
        assert len(shown["segment"]["individualForSegment"]) == 1

    def test_a_list_that_two_flags_have_is_replaced_through_either(self, gateway: Gateway) -> None:
        flags = [create(gateway, key)["id"] for key in ("one", "two")]
        shared = str(uuid.uuid4())
        for flag_id in flags:
            add_list(gateway, flag_id, "inclusion", "ada", id=shared)
        for flag_id in flags:
            changed = segment("bob", flag_id, id=shared)
            body = {"id": flag_id, "enabled": False, "listType": "other", "segment": changed}
            answer = gateway.put(f"/api/flags/inclusionList/{shared}", body)
            assert answer.status == 200, answer.text
            [shown] = gateway.get(f"/api/flags/{flag_id}").json["featureFlagSegmentInclusion"]
            assert (shown["enabled"], shown["listType"]) == (False, "other")
            members = [each["userId"] for each in shown["segment"]["individualForSegment"]]
            assert sorted(members) == sorted(["bob", flag_id])

    @pytest.mark.parametrize(
        "wrong",
        [
            {"enabled": "true"},
            {"enabled": None},
            {"listType": ""},
            {"listType": None},
            {"segment": None},
            {"segment": {}},
            {"segment": segment(type="secret")},
            {"segment": segment(userIds="ada")},
            {"segment": segment(groups=[("", "1a")])},
            {"segment": segment("\x00")},
        ],
        ids=lambda wrong: str(wrong)[:40],
    )
    def test_a_list_that_is_none_changes_nothing(self, gateway: Gateway, wrong: Any) -> None:
        made = create(gateway)
        kept = add_list(gateway, made["id"], "inclusion", "ada")
        before = gateway.get(f"/api/flags/{made['id']}").json
        body = {"id": made["id"], "enabled": True, "listType": "Individual", "segment": segment()}
        path = f"/api/flags/inclusionList/{kept['segment']['id']}"
        assert gateway.post("/api/flags/inclusionList", {**body, **wrong}).status == 400
        assert gateway.put(path, {**body, **wrong}).status == 400
        assert gateway.get(f"/api/flags/{made['id']}").json == before

    def test_a_flag_may_have_forty_lists_and_goes_with_them_all(self, gateway: Gateway) -> None:
        made = create(gateway)
        for number in range(40):
            add_list(gateway, made["id"], "inclusion" if number % 2 else "exclusion", "ada")
        listed = segment("ada", id=str(uuid.uuid4()))
        body = {"id": made["id"], "enabled": True, "listType": "Individual", "segment": listed}
        refused = gateway.post("/api/flags/inclusionList", body)
        assert (refused.status, refused.json["message"]) == (400, "at most 40 lists")
        assert gateway.get(f"/api/segments/{listed['id']}").status == 404, "nothing was stored"
        assert gateway.delete(f"/api/flags/{made['id']}").status == 200

    def test_a_list_that_another_flag_has_too_outlives_its_removal_from_one(
        self, gateway: Gateway
    ) -> None:
        one, two = create(gateway, "one"), create(gateway, "two")
        shared = str(uuid.uuid4())
        for made in (one, two):
            add_list(gateway, made["id"], "exclusion", "ada", id=shared)
        path = f"/api/flags/exclusionList/{shared}"
        init(gateway)
        assert flags_of(gateway) == []
        assert gateway.delete(path).status == 200
        assert flags_of(gateway) == ["one"]
        assert gateway.delete(path).status == 200
        assert flags_of(gateway) == ["one", "two"]
        assert gateway.get(f"/api/segments/{shared}").status == 404

    def test_a_long_list_is_taken(self, gateway: Gateway) -> None:
        made = create(gateway, filterMode="excludeAll")
        users = [f"user {number}" for number in range(2000)]
        add_list(gateway, made["id"], "inclusion", *users)
        init(gateway, users[-1], "ada")
        assert flags_of(gateway, users[-1]) == ["key"]
        assert flags_of(gateway) == []


class TestPages:
    def filled(self, gateway: Gateway) -> None:
        create(gateway, "b-key", name="Beta", tags=["x", "two"])
        create(gateway, "a-key", name="alpha", status="disabled", context=["add"])
        create(gateway, "c-key", name="Gamma", status="archived", description="beta")

    def names(self, gateway: Gateway, **body: Any) -> list[str]:
        return [node["name"] for node in page(gateway, **body)["nodes"]]

    def test_a_page_holds_some_of_all(self, gateway: Gateway) -> None:
        self.filled(gateway)
        found = page(gateway, skip=1, take=1)
        assert [node["name"] for node in found.pop("nodes")] == ["alpha"]
        assert found == {"total": 3, "skip": 1, "take": 1}
        assert page(gateway, skip=5)["nodes"] == []
        assert page(gateway, take=0)["total"] == 3

    @pytest.mark.parametrize(
        ("key", "string", "names"),
        [
            ("all", "BETA", ["Beta"]),
            ("all", "key", ["Beta", "alpha", "Gamma"]),
            ("all", "", ["Beta", "alpha", "Gamma"]),
            ("name", "a", ["Beta", "alpha", "Gamma"]),
            ("name", "mm", ["Gamma"]),
            ("key", "b-", ["Beta"]),
            ("status", "able", ["Beta", "alpha"]),
            ("status", "arch", ["Gamma"]),
            ("tag", "two", ["Beta"]),
            ("context", "add", ["alpha"]),
            ("name", "no such", []),
        ],
    )
    def test_flags_are_searched(
        self, gateway: Gateway, key: str, string: str, names: list[str]
    ) -> None:
        self.filled(gateway)
        search = {"key": key, "string": string}
        found = page(gateway, searchParams=search)
        assert [node["name"] for node in found["nodes"]] == names
        assert (found["total"], found["searchParams"]) == (len(names), search)

    def test_flags_are_found_by_id(self, gateway: Gateway) -> None:
        self.filled(gateway)
        made = create(gateway, "d-key")
        search = {"key": "id", "string": made["id"][:13]}
        assert self.names(gateway, searchParams=search) == [made["name"]]

    @pytest.mark.parametrize(
        ("key", "names"),
        [
            ("name", ["alpha", "Beta", "Gamma"]),
            ("key", ["alpha", "Beta", "Gamma"]),
            ("status", ["Gamma", "alpha", "Beta"]),
        ],
    )
    def test_flags_are_sorted(self, gateway: Gateway, key: str, names: list[str]) -> None:
        self.filled(gateway)
        assert self.names(gateway, sortParams={"key": key, "sortAs": "ASC"}) == names
        assert self.names(gateway, sortParams={"key": key, "sortAs": "DESC"}) == names[::-1]

    def test_flags_are_sorted_by_their_last_change(self, gateway: Gateway) -> None:
        self.filled(gateway)
        made = create(gateway, "d-key", name="Delta")
        body = {"flagId": made["id"], "status": "disabled"}
        gateway.send("PATCH", "/api/flags/status", body)
        newest = self.names(gateway, sortParams={"key": "updatedAt", "sortAs": "DESC"})
        assert newest[0] == "Delta"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"skip": -1},
            {"take": 1001},
            {"take": "20"},
            {"skip": None},
            {"searchParams": {"key": "colour", "string": ""}},
            {"searchParams": {"key": "all"}},
            {"searchParams": {"key": "all", "string": "\ud800"}},
            {"searchParams": {"key": "\ud800", "string": ""}},
            {"sortParams": {"key": "colour", "sortAs": "ASC"}},
            {"sortParams": {"key": "name", "sortAs": "up"}},
            {"sortParams": {"key": "\ud800", "sortAs": "ASC"}},
        ],
    )
    def test_a_page_that_is_none_is_refused(self, gateway: Gateway, wrong: Any) -> None:
        self.filled(gateway)
        answer = gateway.post("/api/flags/paginated", {"skip": 0, "take": 20, **wrong})
        assert answer.status == 400
        assert answer.json["request"]["take"] == wrong.get("take", 20)

    def test_a_node_shows_its_inclusion_lists_without_their_segments(
        self, gateway: Gateway
    ) -> None:
        made = create(gateway)
        add_list(gateway, made["id"], "inclusion", "ada")
        add_list(gateway, made["id"], "exclusion", "bob")
        [node] = page(gateway)["nodes"]
        [listed] = node["featureFlagSegmentInclusion"]
        assert (listed["listType"], "segment" in listed) == ("Individual", False)
        assert "featureFlagSegmentExclusion" not in node

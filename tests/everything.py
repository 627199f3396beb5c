"""Users of whom everything is stored that there is, in both APIs, set up over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.experiments.marks import Mark
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.services import Services
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import RecordRow
from tests.api.upgrade_setup import design, entry, flag, measure, segment, start
from tests.http import Gateway

HOSTILE = "ada a#b%c/é"
ALIASES = ("first alias #%/é", "second alias #%/é")
BOB = "bob the other one"

WITHIN: dict[str, Any] = {
    "assignmentUnit": "within-subjects",
    "consistencyRule": None,
    "conditionOrder": "ordered round robin",
}
OF_GROUPS: dict[str, Any] = {
    "assignmentUnit": "group",
    "group": "classId",
    "consistencyRule": "group",
    "enrollmentCompleteCondition": {"userCount": 2, "groupCount": 5},
}
STRATIFIED: dict[str, Any] = {
    "assignmentAlgorithm": "stratified random sampling",
    "stratificationFactor": {"stratificationFactorName": "pretest"},
}
KEY = {"idempotency-key": "k"}
FEATURE = {"type_id": 3, "start_date": "2020-01-01", "end_date": "2099-12-31"}


@dataclass
class World:
    """A server with everything that users can take part in; ids by what they are of."""

    gateway: Gateway
    ids: dict[str, str]
    variants: list[int]
    users: int = 0

    @classmethod
    def made(cls, gateway: Gateway) -> World:
        """Set everything up."""
        world = cls(gateway, {}, [])
        send = world.send
        feature_id = send("POST", "/api/feature", {**FEATURE, "name": "testlab"})["id"]
        body = [{"feature_id": feature_id, "value": value} for value in ("red", "blue")]
        made = send("POST", f"/api/feature/{feature_id}/variants", {"variants": body})
        world.variants = [variant["id"] for variant in made]
        send("GET", "/api/feature/current")
        designs = {
            "simple": design(("simple", "1"), ("simple", "2"), name="simple"),
            "listed": design(("listed", ""), name="listed", filterMode="excludeAll"),
            "excluding": design(("excluding", ""), name="excluding"),
            "grouped": design(("grouped", "1"), ("grouped", "2"), name="grouped", **OF_GROUPS),
            "within": design(
                ("within", "1"), ("within", "2"), name="within", codes=("a", "b"), **WITHIN
            ),
            "gone": design(("gone", ""), name="gone"),
        }
        send("POST", "/api/stratification", {"files": [{"file": f"uuid,pretest\n{BOB},low"}]})
        designs["stratified"] = design(("stratified", ""), name="stratified", **STRATIFIED)
        for name, each in designs.items():
            world.ids[name] = start(send, each)["id"]
        world.ids["measured"] = measure(send, "time", "grade")["id"]
        for key in ("on", "off"):
            world.ids[key] = send("POST", "/api/flags", flag(key))["id"]
        return world

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The parsed answer of a request that must succeed."""
        answer = self.gateway.send(method, path, body, headers)
        assert answer.status == 200, (method, path, answer.text)
        return answer.json

    def add_user(self, user_id: str, *aliases: str) -> None:
        """Let a user do everything that can be done, and some of it by aliases."""
        self.users += 1
        send = self.send
        groups = {"group": {"classId": ["1a", "1b"]}, "workingGroup": {"classId": "1a"}}
        send("POST", "/api/v5/init", {"id": user_id, **groups})
        send("PATCH", "/api/v5/useraliases", {"userId": user_id, "aliases": list(aliases)})
        text = f"uuid,pretest,age\n{json.dumps(user_id, ensure_ascii=False)},high,9"
        send("POST", "/api/stratification", {"files": [{"file": text}]})
        self._list(user_id, *aliases)
        self._mark(user_id, "simple", "1")
        self._mark((*aliases, user_id)[0], "simple", "2")
        for site in ("grouped", "within"):
            for target in ("1", "2"):
                self._mark(user_id, site, target)
        other = {"id": user_id, "workingGroup": {"classId": "1b"}}
        send("PATCH", "/api/v5/workinggroup", other)
        self._mark(user_id, "grouped", "1")
        for code in ("a", "b", "a", "b", "b"):
            self._mark(user_id, "within", "1", code)
        self._mark(user_id, "within", "2", "b")
        for site in ("listed", "gone", "stratified", "testlab"):
            self._mark(user_id, site, "")
        self._mark(user_id, "excluding", "", status="condition not applied")
        self._log(user_id)
        for asking in (user_id, *aliases):
            body = {"userId": asking, "context": "home"}
            assert "on" in send("POST", "/api/v5/featureflag", body)
        for each in (user_id, *aliases[:1]):
            address = {"variant_id": self.variants[0], "ip_address": "10.0.0.1"}
            send("POST", "/api/users", {"id": each, **address}, KEY)
            for variant_id in (*self.variants, self.variants[0]):
                send("POST", "/api/events", {"user_id": each, "variant_id": variant_id})
        shown = send("GET", f"/api/experiments/single/{self.ids['simple']}")
        chosen = {
            "experiment": {"id": shown["id"]},
            "experimentCondition": {"id": shown["conditions"][0]["id"]},
        }
        send("POST", "/api/previewusers/assign", {"id": user_id, "assignments": [chosen]})
        for each in (user_id, *aliases[:1]):
            self._send_once(each)
        RecordRow(keys.user(user_id), "~of another kind", data={"answer": user_id}).save()

    def mark_at_once(self, process: Services, user_id: str) -> None:
        """Marks and flags of a user, past HTTP, as they come while others are at work."""
        for point_key in (
            DecisionPointKey("simple", "1"),
            DecisionPointKey("grouped", "1"),
            DecisionPointKey("within", "1"),
        ):
            caller = process.participants.find(user_id)
            if caller is not None:
                process.marking.mark(caller.user, Mark(point_key))
        process.evaluation.flags(process.evaluation.visitor(user_id), "home")

    def _send_once(self, user_id: str) -> None:
        """Requests with a key: those with an effect, and one without."""
        marked = {"userId": user_id, "data": {"site": "simple", "target": "1"}}
        logged = {"userId": user_id, "value": [entry(4, {"grade": user_id})]}
        for path, body in (
            ("/api/events", {"user_id": user_id, "variant_id": self.variants[0]}),
            ("/api/v5/mark", {**marked, "status": "condition applied", "uniquifier": user_id}),
            ("/api/v5/log", logged),
            ("/api/v5/bloblog", logged),
        ):
            self.send("POST", path, body, KEY)

    def _list(self, user_id: str, *aliases: str) -> None:
        """Put a user on lists, with others who were there."""
        names = [user_id, "on all lists", *aliases[:1]]
        public = segment(*names, type="public", name=f"public {self.users}")
        inside = self.send("POST", "/api/segments", public)["id"]
        included = {
            "experimentId": self.ids["listed"],
            "list": segment(*names, name=f"included {self.users}"),
        }
        self.send("POST", "/api/experiments/inclusionList", included)
        holding = segment(name=f"holding {self.users}", subSegmentIds=[inside])
        body = {"experimentId": self.ids["gone"], "list": holding}
        self.send("POST", "/api/experiments/inclusionList", body)
        excluded = {"id": self.ids["off"], "enabled": True, "listType": "Individual"}
        excluded["segment"] = segment(*names, name=f"excluded {self.users}")
        self.send("POST", "/api/flags/exclusionList", excluded)

    def _mark(
        self,
        user_id: str,
        site: str,
        target: str,
        code: str | None = None,
        status: str = "condition applied",
    ) -> None:
        data: dict[str, Any] = {"site": site, "target": target}
        if code is not None:
            data["assignedCondition"] = {"conditionCode": code}
        body = {"userId": user_id, "data": data, "status": status, "uniquifier": user_id}
        self.send("POST", "/api/v5/mark", body)

    def _log(self, user_id: str) -> None:
        grouped: dict[str, dict[str, Any]] = {"a": {"time": 2}, user_id: {"time": 3, "grade": "B"}}
        entries = [entry(1, {"time": 1, "grade": user_id}, grouped), entry(2, {"time": 4})]
        self.send("POST", "/api/v5/log", {"userId": user_id, "value": entries})
        raw = json.dumps({"userId": user_id, "value": [entry(3, {"grade": "A"})]}).encode()
        answer = self.gateway.send("POST", "/api/v5/bloblog", raw=raw, headers={})
        assert answer.status == 200, answer.text

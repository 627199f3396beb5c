"""The data that measurements run on, made through the application's own API.

Contexts of UpGrade keep apart what is measured: `SMALL` has one experiment, `MEDIUM` ten and the
flags, `LARGE` as many as are asked for, `GROUPED` three group experiments. What is wanted by the
thousand is made once and copied in the store, with ids and names of its own.
"""

from __future__ import annotations

import itertools
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.application import Application, Asked
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import shared
from chalicelib.storage.dynamodb.tables import ConfigRow, FeatureRow, SequenceRow

SMALL, MEDIUM, LARGE, GROUPED = "add", "home", "sub", "mul"
SITE = "lesson"
METRIC = "time"
GROUPS = {"group": {"classId": ["c1"]}, "workingGroup": {"classId": "c1"}}
"""The groups of a user; `in_class` makes others."""
IN_ONE_BATCH = 25
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of each there is."""

    testlab: int = 10
    large: int = 100
    flags: int = 100
    medium: int = 10


NO_FEATURES = Sizes(testlab=1, large=1, flags=1, medium=1)
"""One of each kind."""


@dataclass
class World:
    """An application with data, and where to find them."""

    asked: Asked
    feature_id: int = 0
    variant_ids: tuple[int, ...] = ()
    experiment: Json = field(default_factory=dict)
    flag: Json = field(default_factory=dict)
    query_id: str = ""
    _numbers: Iterable[int] = field(default_factory=itertools.count)

    @property
    def application(self) -> Application:
        """The application, where it is in this process."""
        assert isinstance(self.asked, Application)  # noqa: S101 - a fault of the measurement
        return self.asked

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The parsed answer to a request that must succeed."""
        return self.asked.ask(method, path, body, headers)

    def client(self, name: str, body: Any, user_id: str, method: str = "POST") -> Any:
        """A call of UpGrade's client API."""
        return self.ask(method, f"/api/v6/{name}", body, {"user-id": user_id})

    def fresh(self, kind: str = "user") -> str:
        """A name that nothing has yet."""
        return f"{kind}-{next(iter(self._numbers)):06d}"

    def testlab_user(self, events: int = 0, variant: int = 0) -> str:
        """A new user of Test Lab with some events."""
        user_id = self.fresh()
        variant_id = self.variant_ids[variant]
        body = {"id": user_id, "variant_id": variant_id, "ip_address": "192.0.2.1"}
        self.ask("POST", "/api/users", body)
        for _ in range(events):
            self.ask("POST", "/api/events", {"user_id": user_id, "variant_id": variant_id})
        return user_id

    def upgrade_user(self, groups: Json | None = None) -> str:
        """A new user of UpGrade."""
        user_id = self.fresh()
        self.client("init", groups or {}, user_id)
        return user_id


def in_class(name: str) -> Json:
    """The groups of a user who is in one class."""
    return {"group": {"classId": [name]}, "workingGroup": {"classId": name}}


def feature(name: str, **fields: Any) -> Json:
    """The body that creates a current experiment of Test Lab."""
    dates = {"start_date": "2020-01-01", "end_date": "2099-12-31"}
    return {"name": name, "type_id": 3, "user_percentage": 0.1, **dates, **fields}


def design(name: str, context: str, target: str, **fields: Any) -> Json:
    """The body that creates an experiment of UpGrade at one decision point."""
    return {
        "id": str(uuid.uuid4()),
        "name": name,
        "description": "",
        "context": [context],
        "state": "inactive",
        "consistencyRule": "individual",
        "assignmentUnit": "individual",
        "postExperimentRule": "continue",
        "tags": [],
        "filterMode": "includeAll",
        "type": "Simple",
        "assignmentAlgorithm": "random",
        "conditions": [
            {
                "id": str(uuid.uuid4()),
                "conditionCode": code,
                "assignmentWeight": 50,
                "order": order,
            }
            for order, code in enumerate(("control", "variant"), 1)
        ],
        "partitions": [
            {
                "id": str(uuid.uuid4()),
                "site": SITE,
                "target": target,
                "order": 1,
                "excludeIfReached": False,
            }
        ],
        "conditionPayloads": [],
        "queries": [],
        **fields,
    }


def log_of(entries: int, day: int = 2) -> Json:
    """A log of some entries: one of simple metrics, the others each of a log record of its own."""
    at = f"2024-03-{day:02}T10:00:00.000Z"
    of_class = {"groupClass": "workspace", "groupKey": "areas"}
    values = [{"timestamp": at, "metrics": {"attributes": {METRIC: day}, "groupedMetrics": []}}]
    for number in range(entries - 1):
        own = {**of_class, "groupUniquifier": f"try {number}", "attributes": {METRIC: day}}
        values.append({"timestamp": at, "metrics": {"attributes": {}, "groupedMetrics": [own]}})
    return {"value": values}


def flag(name: str, context: str = MEDIUM) -> Json:
    """The body that creates a flag that is on for everybody."""
    return {
        "name": name,
        "key": name,
        "status": "enabled",
        "context": [context],
        "filterMode": "includeAll",
    }


def build(application: Application, sizes: Sizes | None = None) -> World:
    """Empty the database, and fill it."""
    sizes = sizes or Sizes()
    application.services.demo.clear()
    world = World(application)
    _add_testlab(world, sizes.testlab)
    _add_upgrade(world, sizes)
    world.ask("GET", "/api/feature/current")
    # Ids of events and of logged rows are leased by the thousand: now, not in what is measured.
    world.testlab_user(1)
    world.client("log", log_of(1), world.upgrade_user())
    return world


def measure_much(world: World, variants: int = 10, metrics: int = 10) -> None:
    """Give the world's experiment of Test Lab many variants, and a plan of many metrics."""
    asked = [{"feature_id": world.feature_id, "value": f"v{n}"} for n in range(variants)]
    path = f"/api/feature/{world.feature_id}/variants"
    made = world.ask("POST", path, {"variants": asked})
    world.variant_ids = tuple(variant["id"] for variant in made)
    planned = [
        {"name": f"metric {n}", "role": "secondary" if n else "primary"} for n in range(metrics)
    ]
    world.ask("PUT", f"/api/results/feature/{world.feature_id}/plan", {"metrics": planned})
    world.testlab_user(1)
    # As some minutes after the first start: until then it is asked once a minute.
    world.application.services.cohorts._complete = True


def build_by_api(asked: Asked, experiments: int, flags: int) -> World:
    """A small world made with nothing but requests, so that any server can have it."""
    world = World(asked)
    world.ask("DELETE", "/api/v6/clearDB")
    for number in range(10):
        made = world.ask("POST", "/api/feature", feature(f"feature-{number}"))
        world.feature_id = world.feature_id or made["id"]
    variants = [{"feature_id": world.feature_id, "value": value} for value in ("a", "b")]
    path = f"/api/feature/{world.feature_id}/variants"
    stored = world.ask("POST", path, {"variants": variants})
    world.variant_ids = tuple(variant["id"] for variant in stored)
    world.ask("POST", "/api/metric/save", _metrics())
    started(world, _measuring())
    for number in range(experiments):
        started(world, design(f"{MEDIUM} {number}", MEDIUM, f"{MEDIUM} {number}"))
    for number in range(flags):
        world.ask("POST", "/api/flags", flag(f"flag-{number}"))
    world.ask("GET", "/api/feature/current")
    return world


def _add_testlab(world: World, count: int) -> None:
    first = world.ask("POST", "/api/feature", feature("feature-0"))
    world.feature_id = first["id"]
    variants = [{"feature_id": first["id"], "value": value} for value in ("a", "b")]
    made = world.ask("POST", f"/api/feature/{first['id']}/variants", {"variants": variants})
    world.variant_ids = tuple(variant["id"] for variant in made)
    _copy(_feature_items(first["id"]), count - 1, _renumbered)
    reread(world)


def _add_upgrade(world: World, sizes: Sizes) -> None:
    world.ask("POST", "/api/metric/save", _metrics())
    world.experiment = started(world, _measuring())
    world.query_id = world.experiment["queries"][0]["id"]
    by_group = {"assignmentUnit": "group", "group": "classId", "consistencyRule": "group"}
    for number in range(3):
        started(world, design(f"group {number}", GROUPED, f"group {number}", **by_group))
    for context, count in ((MEDIUM, sizes.medium), (LARGE, sizes.large)):
        if count:
            made = started(world, design(f"{context} 0", context, f"{context} 0"))
            feature_id = _feature_id_of(world, made["id"])
            _copy(_feature_items(feature_id), count - 1, _renamed(f"{context} "))
    if sizes.flags:
        world.flag = world.ask("POST", "/api/flags", flag("flag-0"))
        pk = keys.flag(world.flag["id"])
        item = shared().client.get_item(TableName=_table(), Key={"pk": {"S": pk}})["Item"]
        _copy([item], sizes.flags - 1, _renamed("flag-"))
    reread(world)


def _measuring() -> Json:
    """An experiment that asks about the metrics."""
    queries = [
        {
            "name": key,
            "query": {"operationType": "avg"},
            "metric": {"key": key},
            "repeatedMeasure": "MOST RECENT",
        }
        for key in (METRIC, f"workspace@__@areas@__@{METRIC}")
    ]
    return design("measuring", SMALL, "small", queries=queries)


def _metrics() -> Json:
    attributes = [{"metric": METRIC, "datatype": "continuous"}]
    grouped = {"groupClass": "workspace", "allowedKeys": ["areas"], "attributes": attributes}
    return {"metricUnit": [*attributes, grouped], "context": [SMALL]}


def started(world: World, body: Json) -> Json:
    """Create an experiment and let it enroll."""
    made: Json = world.ask("POST", "/api/experiments", body)
    state = {"experimentId": made["id"], "state": "enrolling"}
    world.ask("POST", "/api/experiments/state", state)
    return made


def reread(world: World) -> None:
    """Move the catalogue's version, so that it is read anew with what was copied into it."""
    nothing = json.dumps({"items": [], "gone": [], "blocks": []})
    shared().client.update_item(
        TableName=_table(),
        Key={"pk": {"S": keys.CONFIG}},
        UpdateExpression="ADD #v :one SET #w = :nothing",
        ExpressionAttributeNames={
            "#v": ConfigRow.version.attr_name,
            "#w": ConfigRow.written.attr_name,
        },
        ExpressionAttributeValues={":one": {"N": "1"}, ":nothing": {"S": nothing}},
    )
    world.application.services.catalogue.fresh()


def _feature_id_of(world: World, experiment_id: str) -> int:
    catalogue = world.application.services.catalogue.fresh()
    [feature_id] = [
        feature.id
        for feature in catalogue.features
        if feature.design is not None and feature.design.id == experiment_id
    ]
    return int(feature_id)


def _table() -> str:
    name: str = FeatureRow.Meta.table_name
    return name


def _feature_items(feature_id: int) -> list[Json]:
    key = {"pk": {"S": keys.feature(feature_id)}}
    return [shared().client.get_item(TableName=_table(), Key=key)["Item"]]


Copy = Callable[[str, int, int], str]
"""Makes of an item's JSON, the number of the copy and a new id the JSON of the copy."""


def _renumbered(text: str, copy: int, _feature_id: int) -> str:
    return text.replace("feature-0", f"feature-{copy}")


def _renamed(prefix: str) -> Copy:
    def rename(text: str, copy: int, _feature_id: int) -> str:
        own = UUID.sub(lambda found: str(uuid.uuid5(uuid.UUID(found[0]), str(copy))), text)
        return own.replace(f"{prefix}0", f"{prefix}{copy}")

    return rename


def _copy(items: list[Json], count: int, change: Copy) -> None:
    """Store `count` copies of items of the catalogue, numbered on from the last id given out."""
    if count <= 0:
        return
    client, table = shared().client, _table()
    key = {"pk": {"S": keys.sequence("feature")}}
    added = client.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="ADD #v :n",
        ExpressionAttributeNames={"#v": SequenceRow.value.attr_name},
        ExpressionAttributeValues={":n": {"N": str(count)}},
        ReturnValues="UPDATED_NEW",
    )
    first = int(added["Attributes"]["value"]["N"]) - count + 1
    copies = [
        _one(item, number, first + number - 1, change)
        for number in range(1, count + 1)
        for item in items
    ]
    for start in range(0, len(copies), IN_ONE_BATCH):
        puts = [{"PutRequest": {"Item": item}} for item in copies[start : start + IN_ONE_BATCH]]
        client.batch_write_item(RequestItems={table: puts})


def _one(item: Json, copy: int, feature_id: int, change: Copy) -> Json:
    made: Json = json.loads(change(json.dumps(item), copy, feature_id))
    if "id" in made:
        made["id"] = {"N": str(feature_id)}
        made["pk"] = {"S": keys.feature(feature_id)}
        if "design" not in made:
            # Variants of copies are nobody's: their ids are far from those that are given out.
            variants = json.loads(made["variants"]["S"])
            for index, variant in enumerate(variants):
                variant["id"] = 1_000_000 + 100 * feature_id + index
            made["variants"] = {"S": json.dumps(variants, separators=(",", ":"))}
    else:
        data = json.loads(made["data"]["S"])
        data["number"] = feature_id
        made["data"] = {"S": json.dumps(data, separators=(",", ":"))}
    return made

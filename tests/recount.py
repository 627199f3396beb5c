"""All items of all tables, and what the counters among them should say."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.experiments.experiments import Unit
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import shared
from chalicelib.storage.dynamodb.raw import plain
from chalicelib.storage.dynamodb.tables import TABLES

Item = dict[str, Any]
Tables = dict[str, list[Item]]
Counts = Counter[tuple[Any, ...]]


def all_items() -> Tables:
    """The items of all tables as they are, in a fixed order."""
    found: Tables = {}
    for table in TABLES:
        scan = shared().client.get_paginator("scan")
        pages = scan.paginate(TableName=table.Meta.table_name, ConsistentRead=True)
        rows = [
            {name: _inflated(name, plain(value)) for name, value in item.items()}
            for page in pages
            for item in page["Items"]
        ]
        found[table.Meta.table] = sorted(rows, key=written)  # type: ignore[attr-defined]
    return found


def _inflated(name: str, value: object) -> object:
    """A value in which text can be looked for: kept answers are compressed."""
    if name != "answer" or not isinstance(value, str):
        return value
    return json.loads(zlib.decompress(base64.b64decode(value)))


def written(item: Item) -> str:
    """An item as text, with all that is JSON within it unescaped."""
    return json.dumps(item, ensure_ascii=False, sort_keys=True)


def items_naming(tables: Tables, user_id: str) -> list[str]:
    """All items that hold an id: as it is, as a part of a key, in JSON, or within it."""
    spellings = {
        user_id,
        keys.part(user_id),
        json.dumps(user_id)[1:-1],
        json.dumps(user_id, ensure_ascii=False)[1:-1],
    }
    spellings |= {json.dumps(each, ensure_ascii=False)[1:-1] for each in [*spellings]}
    return [
        f"{table}: {text}"
        for table, items in tables.items()
        for text in map(written, items)
        if any(spelling in text for spelling in spellings)
    ]


def stored_counts(tables: Tables) -> Counts:
    """What the counters say; those that say 0 are left out."""
    counts: Counts = Counter()
    for item in tables["variants"]:
        kind, *rest = item["sk"].split("#")
        feature_id = int(item["feature_id"])
        if kind == "enrolled":
            condition, point_text, _ = rest
            counts["users", feature_id] += item.get("users", 0)
            counts["condition users", feature_id, condition] += item.get("condition_users", 0)
            counts["point users", feature_id, condition, point_text] += item.get("point_users", 0)
        elif kind == "day":
            day, condition, point_text, _ = rest
            counts["day users", feature_id, day, condition] += item.get("condition_users", 0)
            counts["day groups", feature_id, day, condition] += item.get("condition_groups", 0)
            for name in (name for name in item if name[0] == "u" and name[1:].isdigit()):
                counts["hour", feature_id, day, int(name[1:]), condition, point_text] += item[name]
        elif kind == "totals":
            for name in ("event_total", "distinct_user_events_total", "total_users"):
                counts[name, int(rest[0])] += item.get(name, 0)
        elif kind == "excluded":
            counts["excluded " + rest[0], feature_id] += item["n"]
        elif kind in ("groups", "exposed"):
            counts[kind, feature_id] += item["n"]
        elif kind == "stratum":
            counts["stratum", feature_id, rest[0], int(rest[1])] += item["n"]
    for item in tables["users"]:
        if item["pk"].startswith("group#") and item["sk"].startswith("count#"):
            counts["group", item["pk"], int(item["sk"].split("#")[1])] += item["n"]
    return Counter({key: n for key, n in counts.items() if n})


def recounted(tables: Tables, catalogue: Catalogue) -> Counts:
    """What they should say, by the records."""
    counts: Counts = Counter()
    repeats = _by(tables["events"], "repeat#")
    for pk, items in _by(tables["users"], "user#").items():
        enrollments: defaultdict[int, list[Item]] = defaultdict(list)
        for item in items:
            kind, *rest = item["sk"].split("#")
            if kind == "enrollment":
                enrollments[int(rest[0])].append(item)
            elif kind == "exclusion":
                counts["excluded users", int(rest[0])] += 1
            elif kind == "exposures":
                counts.update(("exposed", int(feature_id)) for feature_id in item["numbers"])
            elif kind == "testlab" and "user_id" in item:
                counts["total_users", int(item.get("variant_id") or item["erased_variant_id"])] += 1
        for feature_id, own in enrollments.items():
            marks = repeats.get(f"repeat#{feature_id}#{pk.removeprefix('user#')}", [])
            _count_enrollments(counts, feature_id, own, marks, catalogue)
    for items in _by(tables["users"], "group#").values():
        for item in items:
            kind, *rest = item["sk"].split("#")
            if kind == "exclusion":
                counts["excluded groups", int(rest[0])] += 1
            if kind == "enrollment":
                data = json.loads(item["data"])
                day = datetime.fromtimestamp(data["at"] / 1000, UTC).date().isoformat()
                counts["day groups", int(rest[0]), day, keys.part(data["condition"])] += 1
            feature = catalogue.feature(int(rest[0])) if kind == "count" else None
            complete = feature.design.complete_condition if feature and feature.design else None
            if complete and complete.user_count and item["n"] >= complete.user_count:
                counts["groups", int(rest[0])] += 1
    for pk, items in _by(tables["events"], "variant#").items():
        variant_id = int(pk.split("#")[1])
        counts["event_total", variant_id] += len(items)
        counts["distinct_user_events_total", variant_id] += len({i["user_id"] for i in items})
    return counts


def _count_enrollments(
    counts: Counts, feature_id: int, own: list[Item], marks: list[Item], catalogue: Catalogue
) -> None:
    feature = catalogue.feature(feature_id)
    design = feature.design if feature else None
    counts["users", feature_id] += 1
    met: set[str] = set()
    there: set[tuple[str, str]] = set()
    for data, point_text in _met(own, marks):
        condition = keys.part(data["condition"] or keys.NO_CONDITION)
        if (condition, point_text) in there:
            continue
        there.add((condition, point_text))
        at = datetime.fromtimestamp(data["at"] / 1000, UTC)
        counts["condition users", feature_id, condition] += condition not in met
        counts["day users", feature_id, at.date().isoformat(), condition] += condition not in met
        met.add(condition)
        counts["point users", feature_id, condition, point_text] += 1
        counts["hour", feature_id, at.date().isoformat(), at.hour, condition, point_text] += 1
    for data in (json.loads(item["data"]) for item in own):
        if data["variant"] is not None:
            counts["total_users", data["variant"]] += 1
        for arm in design.conditions if design and data["stratum"] else ():
            if arm.id == data["condition"]:
                counter = keys.stratum_counter(data["stratum"], arm.variant_id)
                _, value, variant_id = counter.split("#")
                counts["stratum", feature_id, value, int(variant_id)] += 1
    first = json.loads(min(own, key=lambda item: json.loads(item["data"])["at"])["data"])
    if design is not None and design.unit is Unit.GROUP and first["group"]:
        counts["group", keys.group(design.group or "", first["group"]), feature_id] += 1


def _met(own: list[Item], marks: list[Item]) -> Iterator[tuple[Item, str]]:
    """What was met at which place: by enrollments, or within subjects by marks."""
    for item in sorted(marks, key=lambda item: item["sk"]) or own:
        point_text = item["sk"].split("#")[0 if marks else 2]
        yield json.loads(item["data"]), point_text


def _by(items: Iterable[Item], prefix: str) -> dict[str, list[Item]]:
    found: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item["pk"].startswith(prefix):
            found[item["pk"]].append(item)
    return found

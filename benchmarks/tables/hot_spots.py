"""How the writes of one busy variant spread over partition keys."""

from __future__ import annotations

import random
import sys
from collections import Counter, defaultdict

from benchmarks import application, budgets, seeding
from benchmarks.recorder import Recorder
from benchmarks.report import PERFORMANCE, Section, Table, verdict
from benchmarks.worlds import NO_FEATURES, World, build
from chalicelib.domain.features.users import TotalsShard

EVENTS, QUICK_EVENTS = 100_000, 5_000
SAMPLE, QUICK_SAMPLE = 400, 50
USERS = 40
TOLD = {
    "events, by variant": "splits by user",
    "users, by key": "one user's own",
}
"""Where the share of one key is no limit."""

SKEW = 1.1
"""Zipf's exponent: a few users send most of the events."""


def measure(*, quick: bool) -> list[Section]:
    """The table of the busiest keys."""
    world = build(application.start(), NO_FEATURES)
    seeding.read_partitions_alone()
    keys, per_event = _sampled(world, QUICK_SAMPLE if quick else SAMPLE)
    shards = _shards(QUICK_EVENTS if quick else EVENTS, world)
    table = Table(
        ("keys", "write units of an event", "largest share of one key", "events a second", "")
    )
    for kind, units in per_event.items():
        share = shards if kind == "totals, by shard" else keys[kind]
        rate = budgets.PARTITION_WRITES / (units * share)
        told = TOLD.get(kind) or verdict(share, budgets.HOTTEST_SHARE)
        table.add(kind, f"{units:.1f}", f"{share:.0%}", f"{rate:,.0f}", told)
    target = f"Target: at most {budgets.HOTTEST_SHARE:.0%} of the writes of a kind on one key."
    sizes = f"Shards are those of {EVENTS:,} events of one variant, the rest is a sample of them."
    text = f"{table.markdown()}\n\n{target} {sizes}"
    return [Section(PERFORMANCE, "hot-spots", text)]


def _sampled(world: World, count: int) -> tuple[dict[str, float], dict[str, float]]:
    """The largest share of one key, and the units of an event, by kind of key."""
    draw = random.Random(1)
    users = [world.testlab_user() for _ in range(USERS)]
    weights = [1 / rank**SKEW for rank in range(1, USERS + 1)]
    recorder = Recorder()
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for number in range(count):
        if number % 100 == 0:
            print(f"  {number} of {count} events", file=sys.stderr, flush=True)
        [user_id] = draw.choices(users, weights)
        body = {"user_id": user_id, "variant_id": world.variant_ids[0]}
        with recorder.request() as record:
            world.ask("POST", "/api/events", body)
        for call in record.calls:
            for written in call.written:
                kind, key = _kind(written.table, written.key)
                found[kind][key] += int(written.units)
    shares = {kind: max(keys.values()) / keys.total() for kind, keys in found.items()}
    units = {kind: keys.total() / count for kind, keys in found.items()}
    return shares, {kind: each for kind, each in units.items() if each >= 0.1}


def _kind(table: str, key: object) -> tuple[str, str]:
    assert isinstance(key, dict)  # noqa: S101 - the recorder's
    name = table.rpartition("-")[2]
    if name == "variants":
        return "totals, by shard", key["sk"]["S"]
    if name == "events":
        return "events, by variant", key["pk"]["S"]
    return f"{name}, by key", key["pk"]["S"]


def _shards(count: int, world: World) -> float:
    """The busiest shard's share of the totals of so many events."""
    catalogue = world.application.services.catalogue.fresh()
    feature = catalogue.feature(world.feature_id)
    picked = Counter(
        TotalsShard.pick(
            feature.id, world.variant_ids[0], feature.totals_shards, str(event_id), 0
        ).shard
        for event_id in range(1, count + 1)
    )
    return max(picked.values()) / count

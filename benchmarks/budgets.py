"""What is allowed: the one place that holds the budgets, and the floors beside them.

Trips are those of a warm process whose catalogue has not changed, with CATALOGUE_TTL_MS=0; with a
TTL each request that reads the catalogue has one fewer, and one read unit.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that any design could use, and why."""

    trips: int
    read: float
    write: float
    why: str


@dataclass(frozen=True, slots=True)
class Budget:
    """Round trips and units of a request."""

    trips: int
    read: float
    write: float
    floor: Floor


_REVISION = Floor(1, 1, 0, "whether the catalogue changed must be asked")
_SIDE_BY_SIDE = Floor(1, 2, 0, "catalogue and item can be read at the same time")
_COMMIT = Floor(2, 1, 4, "read the revision; move it with the item in one transaction")
_WRITE_ONE = Floor(2, 2, 1, "what decides is read at once; one item is written on a condition")

TESTLAB = {
    "GET /api/feature": Budget(1, 1, 0, _REVISION),
    "GET /api/feature, 304": Budget(1, 1, 0, _REVISION),
    "GET /api/feature/current": Budget(1, 1, 0, _REVISION),
    "GET /api/feature/current, 304": Budget(1, 1, 0, _REVISION),
    "GET /api/feature/{id}": Budget(1, 1, 0, _REVISION),
    "GET /api/feature/{id}, 304": Budget(1, 1, 0, _REVISION),
    "GET /api/feature/{id}/variants": Budget(1, 1, 0, _REVISION),
    "GET /api/feature/{id}/variants, 304": Budget(1, 1, 0, _REVISION),
    "GET /api/userblocks": Budget(1, 1, 0, _REVISION),
    "GET /api/userblocks/{name}": Budget(1, 1, 0, _REVISION),
    "GET /api/analysis/feature/{id}": Budget(2, 2, 0, _SIDE_BY_SIDE),
    "GET /api/users?limit=20": Budget(
        4, 11, 0, Floor(1, 1.5, 0, "a page is one query beside the catalogue's revision")
    ),
    "GET /api/events?limit=20": Budget(
        4, 21, 0, Floor(1, 2, 0, "a page is one query beside the catalogue's revision")
    ),
    "GET /api/events/feature/{id}": Budget(
        2, 3, 0, Floor(1, 2, 0, "a page is one query beside the catalogue's revision")
    ),
    "POST /api/users": Budget(
        2, 1, 5, Floor(2, 1, 5, "the row, its entry in the index and its count, all or none")
    ),
    "POST /api/events, the user's first": Budget(
        3, 2.5, 8, Floor(2, 2, 6, "user and catalogue at once; event, note and count, all or none")
    ),
    "POST /api/events": Budget(
        3, 2.5, 8, Floor(2, 2, 6, "user and catalogue at once; event, check and count, all or none")
    ),
}
"""What clients of Test Lab call, and its GETs. The lists are of 20 variants."""

TESTLAB_ADMINISTRATION = {
    "GET /api/results": Budget(2, 1.5, 0, Floor(1, 1.5, 0, "catalogue and lines at the same time")),
    "GET /api/results/feature/{id}": Budget(
        3, 4, 0, Floor(1, 3, 0, "catalogue, cohorts and the kept verdict at the same time")
    ),
    "POST /api/feature": Budget(4, 2, 5, _COMMIT),
    "PUT /api/feature/{id}": Budget(2, 1, 4, _COMMIT),
    "POST /api/feature/{id}/variants": Budget(
        4, 2, 9, Floor(2, 1, 8, "the revision, the feature and two variants, all or none")
    ),
    "DELETE /api/feature/{id}": Budget(2, 1, 4, _COMMIT),
    "PUT /api/userblocks": Budget(3, 2, 4, _COMMIT),
    "DELETE /api/users/{id}, with 3 events": Budget(
        7, 4, 23, Floor(3, 3, 13, "user and events are read, then removed with their counts")
    ),
}

UPGRADE = {
    "init, a new user": Budget(3, 2, 2, _WRITE_ONE),
    "init, a known user": Budget(2, 2, 0, _SIDE_BY_SIDE),
    "init, other groups": Budget(3, 2, 2, _WRITE_ONE),
    "groupmembership": Budget(3, 2, 2, _WRITE_ONE),
    "workinggroup": Budget(3, 2, 2, _WRITE_ONE),
    "useraliases, a new alias": Budget(
        4, 3, 4, Floor(2, 3, 4, "user, alias and catalogue at once; the alias and a note of it")
    ),
    "assign, 1 experiment": Budget(2, 2, 0, _SIDE_BY_SIDE),
    "assign, 10 experiments": Budget(2, 2, 0, _SIDE_BY_SIDE),
    "assign, 100 experiments": Budget(2, 2, 0, _SIDE_BY_SIDE),
    "assign, group experiments": Budget(
        3, 3, 0, Floor(2, 3, 0, "which group it is, the user's record says")
    ),
    "assign, by an alias": Budget(3, 3, 0, Floor(2, 3, 0, "whose alias it is must be read first")),
    "mark, first": Budget(
        3, 2, 10, Floor(2, 2, 4, "one record of the user and one counter, all or none")
    ),
    "mark, repeated": Budget(3, 2, 10, _SIDE_BY_SIDE),
    "mark, the group's first": Budget(
        4, 3, 18, Floor(3, 3, 6, "user, then group; a record of each and a counter")
    ),
    "mark, after a classmate": Budget(
        4, 3, 12, Floor(3, 3, 4, "user, then group; a record of the user and a counter")
    ),
    "mark, group, repeated": Budget(
        4, 3, 12, Floor(2, 3, 0, "which group it is, the user's record says")
    ),
    "mark, ending the experiment": Budget(
        5, 3, 16, Floor(4, 3, 8, "the mark, the counters, the commit of the new state")
    ),
    "log, 1 entry, a new log record": Budget(
        4, 3, 4, Floor(2, 3, 2, "all reads at once; the log record, then the note of it")
    ),
    "log, 1 entry": Budget(
        4, 3, 2, Floor(2, 3, 1, "all reads at once; the log record on a condition")
    ),
    "log, 20 entries, new log records": Budget(
        4, 22, 80, Floor(2, 22, 40, "all reads at once; 20 log records and the notes of them")
    ),
    "log, 20 entries": Budget(
        4, 22, 40, Floor(2, 22, 20, "all reads at once; 20 log records on conditions")
    ),
    "bloblog, 1 entry": Budget(
        4, 3, 2, Floor(2, 3, 1, "all reads at once; the log record on a condition")
    ),
    "featureflag, 100 flags, all new": Budget(
        3, 2, 210, Floor(2, 2, 102, "two sets of flags at the user, and a counter for each flag")
    ),
    "featureflag, 100 flags": Budget(2, 2, 0, _SIDE_BY_SIDE),
    "reward": Budget(2, 2, 0, _SIDE_BY_SIDE),
}
"""What clients of UpGrade call, in one version or both."""

UPGRADE_ADMINISTRATION = {
    "GET /api/experiments/names": Budget(1, 1, 0, _REVISION),
    "GET /api/experiments/single/{id}": Budget(3, 3, 0, _REVISION),
    "POST /api/experiments/paginated": Budget(1, 1, 0, _REVISION),
    "POST /api/experiments": Budget(9, 6, 12, _COMMIT),
    "PUT /api/experiments/{id}": Budget(5, 4, 8, _COMMIT),
    "POST /api/experiments/state": Budget(3, 2, 6, _COMMIT),
    "GET /api/flags": Budget(1, 1, 0, _REVISION),
    "POST /api/flags": Budget(4, 2, 5, _COMMIT),
    "GET /api/segments": Budget(1, 1, 0, _REVISION),
    "GET /api/metric": Budget(1, 1, 0, _REVISION),
    "POST /api/batch-assign, 10 users": Budget(
        3, 11, 0, Floor(1, 11, 0, "catalogue and all users can be read at the same time")
    ),
    "POST /api/stats/enrollment": Budget(2, 2, 0, _SIDE_BY_SIDE),
    "POST /api/stats/enrollment/detail": Budget(2, 2, 0, _SIDE_BY_SIDE),
    "POST /api/query/analyse": Budget(
        4, 40, 0, Floor(3, 20, 0, "who logged the metric, their log records, their enrollments")
    ),
}
"""The administration of UpGrade; the analysis is of some ten users who logged the metric."""

_V5_ONLY, _V6_ONLY = {"bloblog, 1 entry"}, {"reward"}

PAGES = {
    "GET /dashboard": Budget(2, 1.5, 0, Floor(1, 1.5, 0, "catalogue and lines at the same time")),
    "GET /dashboard/feature/{id}": Budget(
        3, 4, 0, Floor(1, 3, 0, "catalogue, cohorts and the kept verdict at the same time")
    ),
    "GET /dashboard/feature/{id}/design": Budget(
        3, 3, 0, Floor(1, 3, 0, "catalogue, totals and the kept verdict at the same time")
    ),
    "GET /dashboard/experiment/{id}": Budget(
        4,
        4,
        0,
        Floor(1, 3, 0, "catalogue, snapshots, counts and the kept verdict at the same time"),
    ),
    "GET /dashboard/experiment/{id}/design": Budget(
        2, 2, 0, Floor(1, 2, 0, "catalogue and enrollment counts at the same time")
    ),
    "GET /dashboard/new/feature": Budget(
        2, 1.5, 0, Floor(1, 1.5, 0, "catalogue and lines at the same time")
    ),
    "GET /dashboard/new/design": Budget(
        2, 1.5, 0, Floor(1, 1.5, 0, "catalogue and lines at the same time")
    ),
    "GET /dashboard/flag/{id}": Budget(
        2, 2, 0, Floor(1, 2, 0, "catalogue and exposures at the same time")
    ),
    "GET /dashboard/segments": Budget(1, 1, 0, _REVISION),
    "GET /dashboard/segment/{id}": Budget(
        3, 3, 0, Floor(2, 2, 0, "the members are those of the version that the catalogue names")
    ),
    "GET /dashboard/metrics": Budget(1, 1, 0, _REVISION),
    "GET /dashboard/users": Budget(
        11, 11, 0, Floor(2, 3, 0, "the user's collection; what its aliases and groups have")
    ),
    "GET /dashboard/system": Budget(
        3, 3, 0, Floor(1, 3, 0, "catalogue, last run and purge queue at the same time")
    ),
}
"""The pages of the dashboard."""

BUDGETS = {
    **TESTLAB,
    **TESTLAB_ADMINISTRATION,
    **{f"v6 {name}": budget for name, budget in UPGRADE.items() if name not in _V5_ONLY},
    **{f"v5 {name}": budget for name, budget in UPGRADE.items() if name not in _V6_ONLY},
    **UPGRADE_ADMINISTRATION,
    **PAGES,
}
"""By the name of the request."""


def of(name: str) -> Budget:
    """The budget of a request that is measured."""
    return BUDGETS[name]


# Milliseconds of a processor beyond those of the bare client.

CPU_MS = {
    "GET /api/feature/current": {10: 0.25},
    "GET /api/feature/current, 304": {10: 0.15},
    "POST /api/events": {10: 1.0},
    "GET /api/results/feature/{id}": {10: 10.0},
    "POST /api/events, the user's first": {10: 1.0},
    "v6 assign, 1 experiment": {10: 0.6},
    "v6 assign, all experiments": {1: 0.6, 100: 6.0},
    "v6 featureflag, all flags": {100: 1.5},
}
"""By request and the number of features; of all others `CPU_DEFAULT_MS`."""

CPU_DEFAULT_MS = {10: 2.0}

HTML_MS = 50.0
"""Of a processor, for the HTML of a page with 1,000 experiments."""

FIRST_LOAD_MS = 300.0
"""From the first byte of a page to its first paint, and until it is loaded."""

ASSETS_KB = 250.0
"""Of all styles and scripts together, gzipped."""

EXPONENT = 0.05
"""Of trips and capacity as data grow: flat, but for the steps of whole units."""

GROWING: dict[tuple[str, str], tuple[float, float]] = {
    # Each flag that is new to a user is counted.
    ("features", "v6 featureflag, 100 flags, all new"): (1.1, 1.1),
    # Each variant is asked, though a page is soon full; lists for administrators.
    ("features", "GET /api/users?limit=20"): (1.1, 1.1),
    ("features", "GET /api/events?limit=20"): (1.1, 1.1),
    # A row of each day and variant; a megabyte of them is a trip.
    ("days", "GET /api/results/feature/{id}"): (0.2, 1.1),
}
"""What may grow, by dimension and request: exponents of trips and capacity."""

GROWING_BY_NATURE = {"v6 featureflag, 100 flags, all new", "GET /api/results/feature/{id}"}
"""What of it is no fault."""

FEATURES_EXPONENT = 1.1
"""Of the processor's time as features grow, where an answer holds them all."""

FLAT_CPU_EXPONENT = 0.25
"""Of the processor's time where the answer does not grow: the noise of small times."""

IMPORT_RATIO = 1.3
"""Of `import app` to that of a bare function on the same libraries."""

LATENCY_MS = 4.0
"""Of a trip to the store in the load test's stub, and in the estimate of Lambda's duration."""

OVERHEAD_MS = 2.0
"""By which the median may exceed trips times latency, with fewer than eight connections."""

EMBEDDED_P95_MS = 60.0
EMBEDDED_EVENTS = 5_000
"""POST /api/events on the embedded store with so many events."""

PARTITION_WRITES = 1_000
"""Write units a second that DynamoDB takes for one partition key."""

HOTTEST_SHARE = 0.25
"""Of all write units of a skewed load, that any one key may take."""

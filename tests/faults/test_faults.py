"""Whatever the database does to one call in five, what is stored adds up.

Eight clients call a server whose database drops connections before and after it did its work, cuts
answers, throttles, fails and is late. They repeat what is answered with 503. Then every counter
must be a recount of the items, nobody may have two conditions, and nobody may ever have been told
another condition than the one they are enrolled with.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from chalicelib.bootstrap import build, connect, utc_now
from chalicelib.domain.catalogue.testlab_assignments import feature_uuid, variant_uuid
from chalicelib.domain.experiments.experiments import Unit
from chalicelib.domain.features.users import Totals
from chalicelib.settings import Settings
from chalicelib.storage.dynamodb.connection import READ_TIMEOUT
from chalicelib.storage.stores import dynamo_stores
from tests.api.upgrade_setup import design, flag, query, start
from tests.database_proxy import proxied
from tests.faults import recount
from tests.faults.clients import Book, Client, Participant, Study
from tests.faults.faulty_database import FaultyDatabase
from tests.faults.results import Bystander
from tests.storage import cohort_setup
from tests.storage.cohort_setup import plan

SEED = 5
CLIENTS = 8
BYSTANDERS = 2
REQUESTS = 5000
USERS = 96
CLASSES = 12
FLAGS = 12
REPLACED = "z"
"""An experiment of Test Lab without a share of users, whose variants are replaced."""

USERS_PER_GROUP = 3
STRATA = ("low", "high")
FACTOR = "pretest"

LESSON = [("lesson", "start"), ("lesson", "end")]
TEAM = [("team", "start"), ("team", "end")]
PROBLEM = [("problem", "hint")]
STRATIFIED = [("strata", "start"), ("strata", "end")]
TESTLAB = [("x", ""), ("y", "")]
"""Where Test Lab's experiments of these names are."""

FIXED = ("lesson", "team", "x", "y")
"""Sites of experiments whose choice depends on nothing but the user, or the class."""


@dataclass
class World:
    """A server on a faulty database, and what was done with it."""

    url: str
    database: FaultyDatabase
    application: ModuleType
    study: Study
    book: Book = field(default_factory=Book)
    beside: Counter[str] = field(default_factory=Counter)
    """What was done in this process."""

    @property
    def feature_ids(self) -> dict[str, int]:
        """Of the experiments, by their ids."""
        catalogue = self.application.services.catalogue.fresh()
        return {
            feature_uuid(f.id) if f.design is None else f.design.id: f.id
            for f in catalogue.features
        }

    def codes(self) -> dict[str, str]:
        """Codes of all conditions by their ids."""
        catalogue = self.application.services.catalogue.fresh()
        own = {variant_uuid(v.id): v.value for f in catalogue.features for v in f.variants}
        return own | {c.id: c.code for _, e in catalogue.experiments() for c in e.conditions}


@pytest.fixture(scope="module")
def world(application: ModuleType, start_server: Any, dynamodb_endpoint: str) -> Iterator[World]:
    """The server after all that was done to it, on a database that is well again."""
    application.services.demo.clear()
    database = FaultyDatabase(SEED)
    with proxied(dynamodb_endpoint, database) as endpoint:
        prefix = application.settings.table_prefix
        # With the time limits of production.
        settings = {"DYNAMODB_TIMEOUT_MS": str(int(READ_TIMEOUT * 1000))}
        url = start_server(DYNAMODB_ENDPOINT=endpoint, TABLE_PREFIX=prefix, **settings).url
        world = World(url, database, application, set_up(Client(url, Book(), "setup")))
        participants = [
            Participant(Client(url, world.book, f"client {n}"), world.book, world.study, n)
            for n in range(CLIENTS)
        ]
        faulty = application.settings.model_copy(update={"dynamodb_endpoint": endpoint})
        bystanders = [bystander(faulty, world.study, number) for number in range(BYSTANDERS)]
        connect(faulty)
        database.faulty.set()
        busy = threading.Event()
        busy.set()
        with ThreadPoolExecutor(CLIENTS + BYSTANDERS) as pool:
            beside = [pool.submit(each.run, busy) for each in bystanders]
            try:
                list(pool.map(lambda each: each.run(REQUESTS // CLIENTS), participants))
            finally:
                busy.clear()
            for each in beside:
                each.result()
        database.faulty.clear()
        connect(application.settings)
        purge_all(application.settings)
        world.beside = sum((each.done for each in bystanders), Counter())
        yield world


def purge_all(settings: Settings) -> None:
    """Remove what is left of replaced variants, and of erasures that were given up."""
    for minutes in (2, 20, 40):  # the first pass, the second, and one that finds nothing
        services = build(settings, dynamo_stores(), partial(later, minutes))
        while services.purge.run_due():
            pass


def later(minutes: int) -> datetime:
    return utc_now() + timedelta(minutes=minutes)


def bystander(settings: Settings, study: Study, number: int) -> Bystander:
    services = build(settings, dynamo_stores())
    features = [each.id for each in services.catalogue.fresh().own_features()]
    if number == 0:
        for feature_id in features:
            plan(services, feature_id)
    [replaced] = [
        each.id
        for each in services.catalogue.fresh().own_features()
        if each.variants[0].id not in study.variants
    ]
    return Bystander(services, dynamo_stores(), features, replaced, number)


def set_up(client: Client) -> Study:
    """Experiments of all kinds, flags, a metric, and users in classes."""
    features = [_feature(client, name) for name, _ in TESTLAB]
    _feature(client, REPLACED, 0)
    metric = [{"metric": "time", "datatype": "continuous"}]
    client.call("POST", "/api/metric/save", {"metricUnit": metric, "context": ["home"]})
    users = [f"u{number}" for number in range(USERS)]
    rows = [f"{user_id},{STRATA[n % 2]}" for n, user_id in enumerate(users)]
    files = [{"file": "\n".join([f"uuid,{FACTOR}", *rows])}]
    client.call("POST", "/api/stratification", {"files": files})
    bodies = [
        design(*LESSON, queries=[query("time")]),
        design(
            *TEAM,
            assignmentUnit="group",
            consistencyRule="group",
            group="classId",
            enrollmentCompleteCondition={"userCount": USERS_PER_GROUP, "groupCount": 1000},
        ),
        design(
            *PROBLEM,
            assignmentUnit="within-subjects",
            consistencyRule=None,
            conditionOrder="ordered round robin",
        ),
        design(
            *STRATIFIED,
            assignmentAlgorithm="stratified random sampling",
            stratificationFactor={"stratificationFactorName": FACTOR},
        ),
    ]
    made = [start(client.call, body) for body in bodies]
    for number in range(FLAGS):
        client.call("POST", "/api/flags", flag(f"flag {number}"))
    classes = [f"class {number}" for number in range(CLASSES)]
    for n, user_id in enumerate(users):
        group = {"group": {"classId": classes}, "workingGroup": {"classId": classes[n % CLASSES]}}
        client.call("POST", "/api/v6/init", group, user_id)
    points = [*LESSON, *TEAM, *PROBLEM, *STRATIFIED, *TESTLAB]
    sites = ("lesson", "team", "problem", "strata")
    experiments = {site: each["id"] for site, each in zip(sites, made, strict=True)}
    experiments |= {name: uuid for (name, _), (uuid, _) in zip(TESTLAB, features, strict=True)}
    variants = [variant_id for _, variant_ids in features for variant_id in variant_ids]
    return Study(variants, experiments, points, users, users[::8], users[3::16], classes)


def _feature(client: Client, name: str, share: float = 0.5) -> tuple[str, list[int]]:
    """An experiment of Test Lab with half of the users: its UUID, and its variants."""
    body = {"type_id": 3, "name": name, "start_date": "2020-01-01", "end_date": "2099-12-31"}
    feature = client.call("POST", "/api/feature", {**body, "user_percentage": share})
    variants = [{"feature_id": feature["id"], "value": value} for value in "ab"]
    path = f"/api/feature/{feature['id']}/variants"
    made = client.call("POST", path, {"variants": variants})
    return feature_uuid(feature["id"]), [each["id"] for each in made]


def test_every_answer_was_granted_or_said_when_to_ask_again(
    world: World, record_testsuite_property: Any
) -> None:
    assert world.book.statuses.total() >= REQUESTS
    assert world.database.faults.total() > REQUESTS / 2
    assert len(world.database.faults) == 11, "every kind of fault happened"
    record_testsuite_property("calls of the database", world.database.calls)
    record_testsuite_property("faults", dict(world.database.faults))
    record_testsuite_property("answers", dict(world.book.statuses))


def test_the_totals_are_a_recount_of_users_and_events(world: World) -> None:
    counted = _of(world, recount.totals_of_rows(world.study.variants))
    assert _of(world, recount.totals()) == counted
    assert sum(each.total_users for each in counted.values()) > 0
    client = Client(world.url, Book(), "after")
    for feature in client.call("GET", "/api/feature"):
        for shown in client.call("GET", f"/api/analysis/feature/{feature['id']}"):
            if shown["id"] in counted:
                own = counted[shown["id"]]
                figures = (own.event_total, own.distinct_user_events_total, own.total_users)
                names = ("event_total", "distinct_user_events_total", "total_users")
                assert tuple(shown[name] for name in names) == figures


def _of(world: World, totals: dict[int, Totals]) -> dict[int, Totals]:
    """Those of variants that were not replaced: what is left of those goes after minutes."""
    return {key: each for key, each in totals.items() if key in world.study.variants}


def test_cohorts_are_a_recount_of_users_events_and_marks(
    world: World, record_testsuite_property: Any
) -> None:
    services, stores = world.application.services, dynamo_stores()
    counted = cohort_setup.counted(services, stores)
    assert counted == recount.cohorts_of_rows(services, stores, world.study.variants)
    cohorts, foreign = counted
    of_study = [each for key, each in cohorts.items() if key[0] in world.study.variants]
    assert len(of_study) >= len(world.study.variants)
    assert any(each.metrics[1].cubes for each in of_study)
    assert all(foreign[variant_id] for variant_id in world.study.variants)
    assert world.beside.keys() == {"enroll", "earn", "delete", "fold", "replace"}
    for feature in services.catalogue.fresh().own_features():
        list(stores.cohorts.fold(feature.id, date.max))
    assert cohort_setup.counted(services, stores) == counted
    record_testsuite_property("beside", dict(world.beside))


def test_each_call_that_carried_a_key_stored_its_user_or_event_once(world: World) -> None:
    book = world.book
    kept = {key: each for key, each in book.created.items() if key not in book.deleted}
    stored = recount.Stored.read().users
    assert {key: each for key, each in stored.items() if key in book.created} == kept
    asked = {
        (key[1], key[2]): count
        for key, count in book.called.items()
        if key and key[0] == "event" and key[1] in kept
    }
    events = recount.events_by_user()
    assert {key: n for key, n in events.items() if key[0] in book.created} == asked, (
        "every call was answered, and counts once"
    )
    assert len(book.deleted) > 10


def test_the_counters_of_experiments_and_flags_are_a_recount_of_the_records(world: World) -> None:
    catalogue = world.application.services.catalogue.fresh()
    conditions = {c.variant_id: c.id for _, e in catalogue.experiments() for c in e.conditions}
    stored = recount.Stored.read()
    counted, by_day = recount.counters(STRATA, conditions)
    expected = stored.counts(USERS_PER_GROUP)
    assert counted == expected
    assert {key: n for key, n in expected.items() if key[0] == "point users"} == by_day
    within = {n for n, e in catalogue.experiments() if e.unit is Unit.WITHIN_SUBJECTS}
    assert recount.daily(within) == stored.daily() != {}
    assert {key: n for key, n in stored.group_counts.items() if n} == stored.members()
    for kind in ("stratum", "complete groups", "exposures", "excluded users", "point groups"):
        assert any(key[0] == kind for key in expected), kind


def test_each_mark_within_subjects_that_carried_a_key_counts_once(world: World) -> None:
    experiment_id = world.study.experiments["problem"]
    feature_id = world.feature_ids[experiment_id]
    stored = recount.repeats()
    enrolled = {
        e.subject: e.repeats
        for e in recount.Stored.read().enrollments
        if e.feature_id == feature_id
    }
    assert {f"user#{user_id}": n for (_, user_id), n in stored.items()} == enrolled
    for user_id in world.study.users:
        if user_id not in world.study.refusers:
            called = world.book.called["mark", user_id, experiment_id]
            assert stored[feature_id, user_id] == called, user_id


def test_nobody_is_enrolled_twice_or_was_told_another_condition(world: World) -> None:
    stored, feature_ids, codes = recount.Stored.read(), world.feature_ids, world.codes()
    sites = {experiment_id: site for site, experiment_id in world.study.experiments.items()}
    enrolled: dict[tuple[str, str], str] = {}
    for site, experiment_id in world.study.experiments.items():
        for user_id in world.study.users if site != "problem" else ():
            conditions = stored.conditions(user_id, feature_ids[experiment_id])
            assert len(conditions) <= 1, (user_id, site)
            for condition in conditions - {None}:
                enrolled[user_id, experiment_id] = codes[str(condition)]
    told = {
        (user_id, experiment_id): code
        for user_id, experiment_id, code, after_mark in world.book.assigned
        if sites[experiment_id] != "problem"
        if sites[experiment_id] in FIXED or after_mark
        if not (sites[experiment_id] == "team" and user_id in world.study.movers)
        if enrolled.get((user_id, experiment_id), code) != code
    }
    assert told == {}
    client = Client(world.url, Book(), "after")
    for user_id in world.study.users:
        for each in client.call("POST", "/api/v6/assign", {"context": "home"}, user_id):
            condition = each["assignedCondition"][0]
            key = user_id, condition["experimentId"]
            assert condition["conditionCode"] == enrolled.get(key, condition["conditionCode"])


def test_a_class_has_one_condition(world: World) -> None:
    stored = recount.Stored.read()
    feature_id = world.feature_ids[world.study.experiments["team"]]
    of_class = {
        e.subject.split("#")[2]: e.condition for e in stored.groups if e.feature_id == feature_id
    }
    members = {(e.group, e.condition) for e in stored.enrollments if e.feature_id == feature_id}
    assert members <= set(of_class.items())


def test_the_newest_value_that_was_logged_is_the_one_that_is_kept(world: World) -> None:
    kept = {user_id: [row["time"] for row in rows] for user_id, rows in recount.logged().items()}
    assert kept == {user_id: [newest] for user_id, newest in world.book.logged.items()}


def test_flags_are_on_for_everybody_who_is_told(world: World) -> None:
    assert {frozenset(f"flag {number}" for number in range(FLAGS))} == set(world.book.flags)

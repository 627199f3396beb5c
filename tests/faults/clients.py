"""Clients that call, call again while the answer is 503, and keep a book of it."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

TIMEOUT = 60
TRIES = 40
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
UNAVAILABLE = 503


@dataclass
class Book:
    """What was asked, and what was answered."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    statuses: Counter[int] = field(default_factory=Counter)
    called: Counter[Any] = field(default_factory=Counter)
    """Calls by what they are to store; each was made again until it was answered."""

    created: dict[str, int] = field(default_factory=dict)
    """Users of Test Lab with their variants."""

    deleted: set[str] = field(default_factory=set)
    """Those of them who were deleted."""

    assigned: list[tuple[str, str, str, bool]] = field(default_factory=list)
    """User, experiment and condition (by code), and whether a mark had been answered before."""

    marked: set[tuple[str, str]] = field(default_factory=set)
    """Users and experiments."""

    logged: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """The newest minute that was logged of a user."""

    flags: list[frozenset[str]] = field(default_factory=list)


class Client:
    """One caller, with a connection of its own."""

    def __init__(self, url: str, book: Book, name: str) -> None:
        self._url = url
        self._book = book
        self._session = requests.Session()
        self._session.trust_env = False
        self._keys = (f"{name}-{number}" for number in itertools.count())

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        user_id: str | None = None,
        stores: Any = None,
    ) -> Any:
        """The answer to a request that is repeated while the server cannot do it.

        Each repetition carries the key of the first. `stores` names what the request is to store.
        No other refusal is expected, and none without a hint when to ask again.
        """
        headers = {"Idempotency-Key": next(self._keys)}
        if user_id is not None:
            headers["User-Id"] = user_id
        for _ in range(TRIES):
            answer = self._session.request(
                method, self._url + path, json=body, headers=headers, timeout=TIMEOUT
            )
            with self._book.lock:
                self._book.statuses[answer.status_code] += 1
            if answer.status_code != UNAVAILABLE:
                break
            assert answer.headers.get("Retry-After", "").isdecimal(), f"{method} {path}: no hint"
        assert answer.status_code == requests.codes.ok, f"{method} {path} {body}: {answer.text}"
        with self._book.lock:
            self._book.called[stores] += 1
        return answer.json()


@dataclass(frozen=True)
class Study:
    """What there is to take part in; `experiments` are ids by the sites of their points."""

    variants: Sequence[int]
    experiments: dict[str, str]
    points: Sequence[tuple[str, str]]
    users: Sequence[str]
    movers: Sequence[str]
    refusers: Sequence[str]
    classes: Sequence[str]


class Participant:
    """A client program that does for many users whatever comes to mind."""

    def __init__(self, client: Client, book: Book, study: Study, number: int) -> None:
        self._client = client
        self._book = book
        self._study = study
        self._number = number
        self._draw = random.Random(number)
        self._mine: list[str] = []
        self._names = itertools.count()
        self._known: dict[str, list[Any]] = {}
        self._doings: dict[Callable[[], None], int] = {
            self.create_user: 5, self.create_event: 15, self.delete_user: 1, self.poll: 6,
            self.init: 5, self.join: 4,
            self.move: 5, self.assign: 18, self.mark: 25, self.log: 9, self.ask_for_flags: 7,
        }  # fmt: skip

    def run(self, requests: int) -> None:
        """Make so many requests, not counting repetitions."""
        self.create_user()
        doings, weights = zip(*self._doings.items(), strict=True)
        for doing in self._draw.choices(doings, weights, k=requests - 1):
            doing()

    def create_user(self) -> None:
        user_id = f"t{self._number}-{next(self._names)}"
        variant_id = self._draw.choice(self._study.variants)
        body = {"id": user_id, "variant_id": variant_id, "ip_address": "192.0.2.1"}
        self._client.call("POST", "/api/users", body, stores=("user", user_id))
        self._mine.append(user_id)
        with self._book.lock:
            self._book.created[user_id] = variant_id

    def create_event(self) -> None:
        user_id = self._draw.choice(self._mine)
        variant_id = self._draw.choice(self._study.variants)
        body = {"user_id": user_id, "variant_id": variant_id}
        self._client.call("POST", "/api/events", body, stores=("event", user_id, variant_id))

    def delete_user(self) -> None:
        """Delete a user who is not the last one; the id is taken by nobody else."""
        if len(self._mine) > 1:
            user_id = self._mine.pop(self._draw.randrange(len(self._mine)))
            self._client.call("DELETE", f"/api/users/{user_id}")
            with self._book.lock:
                self._book.deleted.add(user_id)

    def poll(self) -> None:
        self._client.call("GET", "/api/feature/current")

    def init(self) -> None:
        user_id = self._draw.choice((*self._study.users, f"new {self._draw.randrange(40)}"))
        self._client.call("POST", "/api/v6/init", {}, user_id)

    def join(self) -> None:
        """Say to which schools a user belongs; no experiment goes by schools."""
        schools = self._draw.sample(["north", "south", "west"], 2)
        body = {"group": {"classId": list(self._study.classes), "schoolId": schools}}
        self._client.call("PATCH", "/api/v6/groupmembership", body, self._anybody())

    def move(self) -> None:
        """Move a user to another class."""
        body = {"workingGroup": {"classId": self._draw.choice(self._study.classes)}}
        user_id = self._draw.choice(self._study.movers)
        self._client.call("PATCH", "/api/v6/workinggroup", body, user_id)

    def assign(self) -> None:
        user_id = self._anybody()
        with self._book.lock:
            marked = set(self._book.marked)
        answer = self._client.call("POST", "/api/v6/assign", {"context": "home"}, user_id)
        self._known[user_id] = answer
        for each in answer:
            condition = each["assignedCondition"][0]
            experiment_id, code = condition["experimentId"], condition["conditionCode"]
            noted = user_id, experiment_id, code, (user_id, experiment_id) in marked
            with self._book.lock:
                self._book.assigned.append(noted)

    def mark(self) -> None:
        user_id = self._anybody()
        site, target = self._draw.choice(self._study.points)
        data: dict[str, Any] = {"site": site, "target": target}
        for each in self._known.get(user_id, ()):
            if (each["site"], each["target"]) == (site, target):
                condition = each["assignedCondition"][0]
                named = ("conditionCode", "experimentId")
                data["assignedCondition"] = {name: condition[name] for name in named}
        refused = user_id in self._study.refusers
        status = "condition not applied" if refused else "condition applied"
        experiment_id = self._study.experiments[site]
        self._client.call(
            "POST",
            "/api/v6/mark",
            {"data": data, "status": status},
            user_id,
            stores=("mark", user_id, experiment_id),
        )
        with self._book.lock:
            self._book.marked.add((user_id, experiment_id))

    def log(self) -> None:
        user_id = self._draw.choice(self._study.users)
        with self._book.lock:
            self._book.logged[user_id] += 1
            minute = self._book.logged[user_id]
        entry = {
            "timestamp": (FIRST + timedelta(minutes=minute)).isoformat(),
            "metrics": {"attributes": {"time": minute}, "groupedMetrics": []},
        }
        self._client.call("POST", "/api/v6/log", {"value": [entry]}, user_id, ("log", user_id))

    def ask_for_flags(self) -> None:
        body = {"context": "home"}
        answer = self._client.call("POST", "/api/v6/featureflag", body, self._anybody())
        with self._book.lock:
            self._book.flags.append(frozenset(answer))

    def _anybody(self) -> str:
        return self._draw.choice(self._study.users)

"""Clients that poll the catalogue by dates, of processes that know it more or less."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.api.protocol.conditional import not_modified, validators
from chalicelib.domain.catalogue.catalogue import CatalogueChange, ClientSettings
from chalicelib.domain.errors import Unavailable
from chalicelib.services.running.catalogue import PAUSE, CatalogueService
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import fake_stores, watched

PROCESSES = 3
STALE_FOR = 300.0
"""Seconds; nothing that is drawn lasts as long, so no poll fails and none comes too late."""

START = datetime(2026, 1, 15, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Poll:
    client: int
    process: int


@dataclass(frozen=True)
class Change:
    """A commit of a process; what happens until it is stored, `late` ms after each of it."""

    process: int
    late: int
    meanwhile: tuple[Poll | Change, ...] = ()


@dataclass(frozen=True)
class Outage:
    """From here on a process gets no answer of the store, or gets one again."""

    process: int
    begins: bool


Step = tuple[int, Poll | Change | Outage]
"""Milliseconds that pass, and what happens then."""

processes = st.integers(0, PROCESSES - 1)
clients = st.integers(0, 2 * PROCESSES - 1)
polls = st.builds(Poll, clients, processes)
late = st.integers(0, 100)
"""Five of them, as a change may hold, are within the shortest time of a commit."""
changes = st.builds(
    Change,
    processes,
    late,
    st.lists(polls | st.builds(Change, processes, late), max_size=2).map(tuple),
)
passing = st.sampled_from([0, 0, 1, 40, 300, 999, 1000, 1001, 2500])
quiet_steps = st.lists(st.tuples(passing, polls | changes), max_size=24)
outages = st.builds(Outage, processes, st.booleans())
steps_with_outages = st.lists(st.tuples(passing, polls | changes | outages), max_size=24)


@dataclass
class Client:
    """Polls with the date of its last answer, or with the time of its last request."""

    echoes: bool
    home: int
    version: int | None = None
    date: str | None = None
    asked_at: datetime | None = None

    def since(self) -> str | None:
        if self.version is None or self.asked_at is None:
            return None
        return self.date if self.echoes else format_datetime(self.asked_at, usegmt=True)


@dataclass
class World:
    """Some processes on one store, and a clock that they share."""

    ttl: float
    timeout: float
    roaming: bool
    draw: float = 0.0
    clock: FixedClock = field(default_factory=lambda: FixedClock(START))
    memory: Memory = field(default_factory=Memory)
    down: set[int] = field(default_factory=set)
    last_commit: datetime = START

    def __post_init__(self) -> None:
        self.waiting: dict[int, Callable[[], None]] = {}
        self.services = [self._process(number) for number in range(PROCESSES)]
        self.clients = [
            Client(echoes, home) for home in range(PROCESSES) for echoes in (True, False)
        ]

    def _process(self, number: int) -> CatalogueService:
        def before(call: str) -> None:
            if number in self.down:
                raise Unavailable("no answer")
            if call == "catalogue.commit" and (meanwhile := self.waiting.pop(number, None)):
                meanwhile()

        return CatalogueService(
            watched(fake_stores(self.memory), before=before).catalogue,
            self.clock,
            self.ttl,
            lambda: (self.clock.now - START).total_seconds(),
            timeout=self.timeout,
            stale_for=STALE_FOR,
            draw=lambda: self.draw,
        )

    def do(self, action: Poll | Change | Outage) -> None:
        if isinstance(action, Poll):
            self.poll(self.clients[action.client], action.process)
        elif isinstance(action, Change):
            self.change(action)
        else:
            (self.down.add if action.begins else self.down.discard)(action.process)

    def change(self, change: Change) -> None:
        """Commit; each commit but the innermost is stored after others, so within its time."""

        def meanwhile() -> None:
            for action in change.meanwhile:
                self.clock.advance(timedelta(milliseconds=change.late))
                self.do(action)
            self.clock.advance(timedelta(milliseconds=change.late))

        self.waiting[change.process] = meanwhile

        def toggle(catalogue: object) -> CatalogueChange:
            del catalogue
            return CatalogueChange(settings=ClientSettings())

        with suppress(Unavailable):
            self.services[change.process].change(toggle)
            self.last_commit = self.clock.now
        self.waiting.pop(change.process, None)

    def poll(self, client: Client, process: int) -> int:
        """The status of an answer, of the client's own process or of any."""
        service = self.services[process if client.echoes or self.roaming else client.home]
        asked_at, since = self.clock.now, client.since()
        with service.one_view(stale_ok=True):
            revision = service.snapshot().revision
            validity = service.validity(revision)
        answered = validators(revision, validity)
        dated, tag = str(answered["Last-Modified"]), str(answered["ETag"])
        ahead = parsedate_to_datetime(dated) - self.clock.now
        assert ahead <= service.settling + timedelta(seconds=3)
        client.asked_at = asked_at
        headers = {} if since is None else {"if-modified-since": since}
        if not_modified(headers, tag, validity):
            return 304
        client.version, client.date = revision.version, dated
        return 200


@given(
    st.sampled_from([0.0, 0.3, 1.0, 5.0]),
    st.sampled_from([0.5, 1.0]),
    st.floats(0, 1),
    quiet_steps | steps_with_outages,
)
@example(0.0, 1.0, 0.0, [(0, Outage(1, True)), (999, Change(0, 0)), (2500, Poll(3, 0))])
def test_nobody_who_polls_by_dates_misses_a_change(
    ttl: float, timeout: float, draw: float, steps: list[Step]
) -> None:
    roaming = not any(isinstance(action, Outage) for _, action in steps)
    world = World(ttl, timeout, roaming, draw)
    world.do(Change(0, 0))
    for service in world.services:
        service.snapshot()
    for milliseconds, action in steps:
        world.clock.advance(timedelta(milliseconds=milliseconds))
        world.do(action)
    world.down.clear()
    if not roaming:  # Whom the store failed does not ask it again for that long.
        world.clock.advance(timedelta(seconds=max(ttl, PAUSE), milliseconds=1))
    settling = world.services[0].settling
    world.clock.now = max(world.clock.now, world.last_commit + settling)
    behind = []
    for client in world.clients:
        world.poll(client, client.home)
        if client.version != world.memory.revision.version:
            behind.append(client)
    # Whose last stale answer came in the very second of a change's date seems to echo that date:
    # it cannot be told apart, and gets the change with its next poll.
    assert not [client for client in behind if roaming or client.echoes]
    world.clock.advance(timedelta(seconds=1))
    for client in behind:
        assert world.poll(client, client.home) == 200
        assert client.version == world.memory.revision.version

    world.clock.now = max(world.clock.now, world.last_commit + settling + timedelta(seconds=4))
    for client in world.clients:
        world.poll(client, client.home)
    if not roaming:
        world.clock.advance(timedelta(seconds=STALE_FOR, milliseconds=1))
    for client in world.clients:
        assert world.poll(client, client.home) == 304

"""What goes on beside the clients: named events, erasures, replaced variants, and days that fold.

The API takes no names of events as yet, so these are calls of the use cases in this process, on
the same faulty database; each is made again until it is answered, and may so be stored twice.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial

from chalicelib.domain.errors import Conflict, Invalid, LostRace, NotFound, Unavailable
from chalicelib.domain.features.users import Measurement
from chalicelib.services import Services
from chalicelib.services.stores import Stores
from tests.unit.samples import drafts

VALUES = ("1", "-2.5", "0.0001", "700", "9999.9999")


@dataclass
class Bystander:
    """A process of its own; `replaced` is a feature whose variants are replaced now and then."""

    services: Services
    stores: Stores
    features: Sequence[int]
    replaced: int
    number: int
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.number)
        self._mine: list[str] = []

    def run(self, busy: threading.Event) -> None:
        """Do this and that while the clients are at it."""
        doings: dict[Callable[[], object], int] = {
            self.enroll: 4, self.earn: 20, self.delete: 2, self.fold: 3, self.replace: 1,
        }  # fmt: skip
        self.enroll()
        while busy.is_set():
            [doing] = self._draw.choices([*doings], [*doings.values()])
            doing()

    def enroll(self) -> None:
        user_id = f"m{self.number}-{len(self._mine)}"
        self._mine.append(user_id)
        self._until_answered("enroll", partial(self._enroll, user_id))

    def earn(self) -> None:
        revenue = Measurement("revenue", Decimal(self._draw.choice(VALUES)))
        measured = self._draw.choice([None, revenue, revenue])
        user_id, record = self._draw.choice(self._mine), self.services.events.record
        self._until_answered("earn", lambda: record(user_id, self._variant(), measurement=measured))

    def delete(self) -> None:
        user_id = self._draw.choice(self._mine)
        self._until_answered("delete", partial(self.services.users.delete, user_id))

    def fold(self) -> None:
        """Fold all days, that of today too, to which everybody is adding."""
        feature_id = self._draw.choice(self.features)
        self._until_answered("fold", lambda: [*self.stores.cohorts.fold(feature_id, date.max)])

    def replace(self) -> None:
        new = drafts(self.replaced, None, None)
        replace = self.services.features.replace_variants
        self._until_answered("replace", partial(replace, self.replaced, new))

    def _enroll(self, user_id: str) -> None:
        self.services.users.create(user_id, self._variant(), "192.0.2.1")

    def _variant(self) -> int:
        catalogue = self.services.catalogue.snapshot()
        feature = catalogue.feature(self._draw.choice(self.features))
        assert feature is not None
        return self._draw.choice(feature.variants).id

    def _until_answered(self, what: str, call: Callable[[], object]) -> None:
        while True:
            with suppress(Unavailable, LostRace):
                with suppress(NotFound, Conflict, Invalid):
                    call()
                    self.done[what] += 1
                return

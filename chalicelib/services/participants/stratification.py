"""Administration of stratification factors and users' values of them (UpGrade, section 10.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from chalicelib.domain.errors import Invalid, LostRace, NotFound
from chalicelib.domain.features.users import check_user_id
from chalicelib.domain.participants.strata import FactorUse, StratificationFactor
from chalicelib.services.participants.ports import StratumStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.pools import Pool
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries

FACTOR_BYTES = 255
"""Bytes of UTF-8 that the name of a factor may have."""

VALUE_BYTES = 1000
"""Bytes of UTF-8 that a user's value of a factor may have."""

USERS_PER_WRITE = 33
"""Users whose values go into one transaction: each has three items in it at the most."""

WRITES_AT_ONCE = 8


class StratificationService:
    """Stores users' values of factors, and tells who has which."""

    def __init__(self, catalogue: CatalogueService, store: StratumStore, clock: Clock) -> None:
        self._catalogue = catalogue
        self._strata = store
        self._clock = clock

    def put(self, factors: Mapping[str, Mapping[str, str]]) -> None:
        """Store users' values of some factors; unknown users are created, an empty value removes.

        The users are stored some at a time. Killed in between, some have their new values and the
        others their old ones; the same call made again skips what is stored and does the rest.

        Raises:
            Invalid: if a factor, a value or a user id is too long; nothing is stored then.
        """
        for factor, values in factors.items():
            _check_length("factor", factor, FACTOR_BYTES)
            for user_id, value in values.items():
                check_user_id(user_id)
                _check_length(f"{factor} of a user", value, VALUE_BYTES)
        for factor, values in factors.items():
            self._put(factor, values)

    def _put(self, factor: str, values: Mapping[str, str]) -> None:
        # Before, so that a factor with values can be seen; after, in case it was deleted meanwhile.
        self._strata.register(StratificationFactor(factor, self._clock()))
        with Pool(WRITES_AT_ONCE) as pool:
            list(pool.map(lambda some: self._put_some(factor, some), _parts(values)))
        self._strata.register(StratificationFactor(factor, self._clock()))

    def _put_some(self, factor: str, values: Mapping[str, str]) -> None:
        tries = retries("users")
        while True:
            next(tries)
            try:
                self._strata.store(factor, values, self._clock())
            except LostRace:
                continue
            return

    def uses(self) -> list[FactorUse]:
        """All factors that a user has a value of."""
        experiments = [each for _, each in self._catalogue.fresh().experiments()]
        uses = []
        for factor in sorted(self._strata.factors(), key=lambda factor: factor.name):
            counts = Counter(value for some in self._strata.users(factor.name) for _, value in some)
            ids = [each.id for each in experiments if each.stratification_factor == factor.name]
            if counts:
                uses.append(FactorUse(factor, dict(sorted(counts.items())), tuple(ids)))
        return uses

    def values(self, factor: str) -> list[tuple[str, str]]:
        """The users with a value of a factor, by their ids, and the values.

        Raises:
            NotFound: if nobody has one.
        """
        found = sorted(pair for some in self._strata.users(factor) for pair in some)
        if not found:
            raise NotFound(f"Stratification factor not found: {factor}")
        return found

    def delete(self, factor: str) -> StratificationFactor | None:
        """Remove all values of a factor, and the factor; what it was, None if there was none.

        The users are told some at a time. Killed in between, the same call made again goes on.
        """
        known = next((each for each in self._strata.factors() if each.name == factor), None)
        with Pool(WRITES_AT_ONCE) as pool:
            for some in self._strata.users(factor):
                users = [user_id for user_id, _ in some]
                list(pool.map(lambda part: self._drop(factor, part), _lists(users)))
        self._strata.unregister(factor)
        return known

    def _drop(self, factor: str, user_ids: Sequence[str]) -> None:
        tries = retries("users")
        while True:
            next(tries)
            try:
                self._strata.drop(factor, user_ids)
            except LostRace:
                continue
            return


def _parts(values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    items = iter(values.items())
    while some := dict(islice(items, USERS_PER_WRITE)):
        yield some


def _lists(user_ids: Sequence[str]) -> list[Sequence[str]]:
    return [
        user_ids[start : start + USERS_PER_WRITE]
        for start in range(0, len(user_ids), USERS_PER_WRITE)
    ]


def _check_length(what: str, text: str, limit: int) -> None:
    if (size := len(text.encode())) > limit:
        raise Invalid(f"{what}: at most {limit} bytes in UTF-8, not {size}")

"""Users' values of stratification factors in DynamoDB.

A value stands in the user's own collection, where assign finds it, and in one of the factor, for
lists and deletion. Both are written in one transaction, so each says what the other says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from chalicelib.domain.errors import LostRace
from chalicelib.domain.participants.participants import Profile
from chalicelib.domain.participants.strata import StratificationFactor
from chalicelib.services.running.pools import Pool
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.tables import RecordRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms
from chalicelib.storage.participants.records import profile_values


class DynamoStratumStore:
    """`StratumStore` on the table `users`."""

    def register(self, factor: StratificationFactor) -> None:
        data = {"name": factor.name, "created_at": to_ms(factor.created_at)}
        row = RecordRow(keys.STRATA, keys.part(factor.name), data=data)
        with suppress(LostRace), store_errors():
            row.save(condition=RecordRow.pk.does_not_exist())

    @store_errors()
    def factors(self) -> Sequence[StratificationFactor]:
        return [
            StratificationFactor(row.data["name"], from_ms(row.data["created_at"]))
            for row in RecordRow.query(keys.STRATA, consistent_read=True)
        ]

    @store_errors()
    def unregister(self, factor: str) -> None:
        RecordRow(keys.STRATA, keys.part(factor)).delete()

    def store(self, factor: str, values: Mapping[str, str], at: datetime) -> None:
        known, stored = _known(factor, values)
        unknown = [user_id for user_id in values if user_id not in known]
        changed = {
            user_id: value for user_id, value in values.items() if value != stored.get(user_id, "")
        }
        if not unknown and not changed:
            return
        with transaction() as write:
            for user_id in unknown:
                profile = profile_values(Profile(user_id, created_at=at, updated_at=at))
                write.save(
                    RecordRow(keys.user(user_id), keys.PROFILE, data=profile, n=1),
                    condition=RecordRow.pk.does_not_exist(),
                )
            for user_id, value in changed.items():
                for row in _rows(factor, user_id, value):
                    if value:
                        write.save(row)
                    else:
                        write.delete(row)

    def users(self, factor: str) -> Iterator[Sequence[tuple[str, str]]]:
        with Pool(keys.STRATUM_SHARDS) as pool:
            shards = range(keys.STRATUM_SHARDS)
            yield from pool.map(lambda shard: _shard(factor, shard), shards)

    def drop(self, factor: str, user_ids: Sequence[str]) -> None:
        with transaction() as write:
            for user_id in user_ids:
                for row in _rows(factor, user_id):
                    write.delete(row)


@store_errors()
def _known(factor: str, values: Mapping[str, str]) -> tuple[set[str], dict[str, str]]:
    """The users that there are, of some, and their values."""
    users = {keys.user(user_id): user_id for user_id in values}
    sort_keys = (keys.PROFILE, keys.stratum(factor))
    wanted = [(pk, sk) for pk in users for sk in sort_keys]
    known: set[str] = set()
    stored: dict[str, str] = {}
    for row in RecordRow.batch_get(wanted, consistent_read=True):
        if row.sk == keys.PROFILE:
            known.add(users[row.pk])
        else:
            stored[users[row.pk]] = row.data["value"]
    return known, stored


@store_errors()
def _shard(factor: str, shard: int) -> list[tuple[str, str]]:
    rows = RecordRow.query(keys.users_of_factor(factor, shard), consistent_read=True)
    return [(row.data["user_id"], row.data["value"]) for row in rows]


def _rows(factor: str, user_id: str, value: str = "") -> tuple[RecordRow, RecordRow]:
    """The items that say that a user has a value: the user's own, and the factor's."""
    own = RecordRow(keys.user(user_id), keys.stratum(factor), data={"value": value})
    pk, sk = keys.user_of_factor(factor, user_id)
    return own, RecordRow(pk, sk, data={"user_id": user_id, "value": value})

"""All that is stored under a user's id, in DynamoDB: found and removed.

A user's own collection is found by the id. What stands elsewhere is found by notes there, or under
the id too: an entry of a list by the note of the list, a note of a metric by the log record that
has values of it. So those elsewhere go first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import LostRace
from chalicelib.domain.experiments.enrollment_counts import ExclusionCount
from chalicelib.domain.features.users import TotalsShard
from chalicelib.domain.outcomes.logs import LogRecord
from chalicelib.domain.participants.participants import GroupKey, GroupRecord, Participant
from chalicelib.domain.privacy.erasure import Ending, KeptRepeat
from chalicelib.services.privacy.ports import Dropped, Listing, OtherRecord, Remains
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.counters import add_count
from chalicelib.storage.dynamodb.raw import plain
from chalicelib.storage.dynamodb.tables import (
    PurgeRow,
    RecordRow,
    RepeatRow,
    UserRow,
)
from chalicelib.storage.experiments.enrollment_counts import (
    add_enrollment_counts,
    add_exclusions,
)
from chalicelib.storage.experiments.group_changes import leave_group
from chalicelib.storage.experiments.repeats import read_repeats
from chalicelib.storage.experiments.totals import count_users
from chalicelib.storage.outcomes.log_removal import (
    drop_log_records,
    drop_notes,
    has_log_records,
    log_records_of,
)
from chalicelib.storage.outcomes.logs import begun_metrics
from chalicelib.storage.participants.records import (
    drop_note_of_count,
    end_enrollments,
    move_on,
    point_text,
    unchanged,
)

ACTIONS = 95
"""Actions of one transaction, which may hold a hundred."""

RECORDS_AT_ONCE = 300
"""Records that are read at once: 1 MB, an answer's end, may take longer than a read may."""

MEMBER, ALIASES, EXPOSURES = "member", "aliases", "exposures"

REMOVED_APART = frozenset({
    "enrollment", "exclusion", "stratum", MEMBER, ALIASES, EXPOSURES, keys.PROFILE, keys.PREVIEW,
    keys.TESTLAB,
})  # fmt: skip
"""Kinds of records that count or stand elsewhere too: they go with what they belong to."""

KNOWN = REMOVED_APART | {"point", "lifted", keys.ANSWER, keys.BEGUN}
"""All kinds that the use cases know of."""


class DynamoUserDataStore:
    """`UserDataStore` on the tables `users`, `events` and `variants`."""

    def aliases(self, user_id: str) -> Sequence[str]:
        return sorted(alias for row in _rows(user_id, ALIASES) for alias in row.ids or ())

    def listings(self, user_id: str, segment_ids: Collection[str]) -> Sequence[Listing]:
        known = {keys.part(segment_id): segment_id for segment_id in segment_ids}
        found = (row.sk.split("#")[1:] for row in _rows(user_id, MEMBER))
        return [
            Listing(known.get(escaped) or keys.unescaped(escaped), int(version), escaped)
            for escaped, version in found
        ]

    def repeats(self, user_id: str, feature_id: int) -> Sequence[KeptRepeat]:
        return read_repeats(feature_id, user_id)

    def log_records(self, user_id: str) -> Iterator[Sequence[LogRecord]]:
        return log_records_of(user_id)

    def begun_metrics(self, user_id: str) -> Collection[str]:
        return {metric for row in _rows(user_id, keys.BEGUN) for metric in begun_metrics(row)}

    @store_errors()
    def others(self, user_id: str) -> Sequence[OtherRecord]:
        # Not through the kept answers: they may be many, and large.
        answers = keys.stored_response("")
        ranges = RecordRow.sk < answers, RecordRow.sk > f"{answers}~"
        pages = (
            page
            for each in ranges
            for page in RecordRow.query(
                keys.user(user_id), each, consistent_read=True, page_size=RECORDS_AT_ONCE
            ).page_iter
        )
        items = ({k: plain(v) for k, v in item.items()} for page in pages for item in page["Items"])
        return [
            OtherRecord(str(item["sk"]), {k: v for k, v in item.items() if k not in ("pk", "sk")})
            for item in items
            if _kind(str(item["sk"])) not in KNOWN
        ]

    @store_errors()
    def remains(self, user_id: str) -> Remains:
        of_user = _keys_of(user_id)
        if not of_user.isdisjoint((keys.PROFILE, keys.TESTLAB)):
            return Remains.USER
        return Remains.RECORDS if of_user or has_log_records(user_id) else Remains.NOTHING

    def drop_aliases(self, user_id: str, aliases: Collection[str]) -> None:
        gone = set(aliases)
        for row in _rows(user_id, ALIASES):
            if row.ids & gone:
                with transaction() as write:
                    _forget_aliases(write, row, gone)

    def drop_log_records(self, log_records: Sequence[LogRecord]) -> None:
        drop_log_records(log_records)

    def drop_notes(self, user_id: str, metric_keys: Collection[str]) -> Iterator[None]:
        return drop_notes(user_id, sorted(metric_keys))

    def drop_repeats(self, participant: Participant, repeats: Sequence[KeptRepeat]) -> Participant:
        with transaction() as write:
            moved = move_on(write, participant)
            for kept in repeats:
                write.delete(_repeat_row(participant.id, kept))
        return moved

    def end(
        self,
        participant: Participant,
        ending: Ending,
        groups: Mapping[GroupKey, GroupRecord],
        variants: Collection[TotalsShard],
    ) -> None:
        pk = keys.user(participant.id)
        strata = Counter(
            (each.feature_id, each.value, each.variant_id) for each in ending.uncounted
        )
        with transaction() as write:
            move_on(write, participant)
            add_enrollment_counts(write, ending.enrollment_counts, 0)
            counted = (n for n in ending.exclusions if n not in ending.dead)
            add_exclusions(write, (ExclusionCount(n, -1) for n in counted), 0)
            for left in ending.left:
                leave_group(write, groups[left.group], left)
            for (feature_id, value, variant_id), rows in strata.items():
                add_count(write, feature_id, keys.stratum_counter(value, variant_id), 0, -rows)
            for shard, users in Counter(variants).items():
                count_users(write, shard, -users)
            end_enrollments(write, participant, ending.enrollments)
            for (feature_id, point_key), conditions in ending.unmet.items():
                row = RecordRow(pk, keys.enrollment(feature_id, point_text(point_key)))
                write.update(
                    row,
                    actions=[RecordRow.met.delete(set(conditions))],
                    condition=RecordRow.pk.exists(),
                )
            for kept in ending.repeats:
                write.delete(_repeat_row(participant.id, kept))
            for feature_id in ending.exclusions:
                write.delete(RecordRow(pk, keys.exclusion(feature_id)))

    def drop_exposures(self, user_id: str) -> None:
        for row in _rows(user_id, EXPOSURES):
            with transaction() as write:
                write.delete(row, condition=RecordRow.numbers == row.numbers)
                for feature_id in sorted(map(int, row.numbers)):
                    add_count(write, feature_id, keys.EXPOSED, 0, -1)

    def drop_records(self, participant: Participant) -> Iterator[Dropped]:
        pk = keys.user(participant.id)
        with store_errors():
            found = sorted(_keys_of(participant.id))
        if keys.TESTLAB in found:
            with suppress(LostRace), transaction() as write:
                drop_note_of_count(write, pk)
        going = [sort_key for sort_key in found if _kind(sort_key) not in REMOVED_APART]
        for start in range(0, len(going), ACTIONS):
            some = going[start : start + ACTIONS]
            with transaction() as write:
                participant = move_on(write, participant)
                for sort_key in some:
                    write.delete(RecordRow(pk, sort_key))
            answers = sum(sort_key.startswith(keys.stored_response("")) for sort_key in some)
            yield Dropped(participant.revision, answers)

    @store_errors()
    def drop_listings(self, user_id: str, listings: Sequence[Listing]) -> None:
        with RecordRow.batch_write() as batch:
            for each in listings:
                pk = f"{keys.segment_prefix()}{each.key}"
                batch.delete(RecordRow(pk, keys.member_of(each.version, user_id)))

    def finish(self, participant: Participant, listings: Sequence[Listing]) -> None:
        pk = keys.user(participant.id)
        notes = [RecordRow(pk, f"{MEMBER}#{each.key}#{each.version}") for each in listings]
        while len(notes) > ACTIONS:
            some, notes = notes[:ACTIONS], notes[ACTIONS:]
            with transaction() as write:
                participant = move_on(write, participant)
                for note in some:
                    write.delete(note)
        if not notes and not participant.revision:
            return
        owner = participant.profile.owner
        named = [] if owner is None else _rows(owner, ALIASES)
        with transaction() as write:
            if participant.revision:
                write.delete(RecordRow(pk, keys.PROFILE), condition=unchanged(participant))
            for row in named:
                if participant.id in row.ids:
                    _forget_aliases(write, row, {participant.id})
            for note in notes:
                write.delete(note)

    def close_queue(self, user_id: str) -> None:
        row, entry = _get(UserRow, keys.user(user_id), keys.TESTLAB), None
        if row is None or row.user_id is None:
            entry = _get(PurgeRow, keys.PURGE, keys.erased_user(user_id))
        if entry is not None:
            with suppress(LostRace), store_errors():
                entry.delete(condition=PurgeRow.due == entry.due)


def _forget_aliases(write: TransactWrite, row: RecordRow, gone: Set[str]) -> None:
    """Take some ids off a note of aliases, and with the last one the note."""
    unchanged_note = RecordRow.ids == row.ids
    if row.ids <= gone:
        write.delete(row, condition=unchanged_note)
    else:
        off = RecordRow.ids.delete(row.ids & gone)
        write.update(row, actions=[off], condition=unchanged_note)


def _kind(sort_key: str) -> str:
    """The kind of record that a sort key names."""
    return sort_key.split("#")[0]


def _keys_of(user_id: str) -> Set[str]:
    """The sort keys of all that is at a user."""
    only_keys = ["pk", "sk"]
    pages = RecordRow.query(keys.user(user_id), consistent_read=True, attributes_to_get=only_keys)
    return {row.sk for row in pages}


@store_errors()
def _rows(user_id: str, kind: str) -> list[RecordRow]:
    """The records of a kind at a user."""
    of_kind = RecordRow.sk.startswith(f"{kind}#")
    return list(RecordRow.query(keys.user(user_id), of_kind, consistent_read=True))


@store_errors()
def _get(table: Any, pk: str, sk: str) -> Any:
    """One item; None if it is not there."""
    try:
        return table.get(pk, sk, consistent_read=True)
    except table.DoesNotExist:
        return None


def _repeat_row(user_id: str, kept: KeptRepeat) -> RepeatRow:
    repeat = kept.repeat
    sort_key = keys.repeat(point_text(repeat.point_key), kept.index)
    return RepeatRow(keys.repeats(repeat.feature_id, user_id), sort_key)

"""All that is stored under a user's id, in DynamoDB: found and removed.

A user's own collection is found by the id. What stands elsewhere is found by notes there, or under
the id too: an entry of a list by the note of the list, a note of a metric by the sheet that has
values of it. So those elsewhere go first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.erasure import Ending, KeptRepeat
from chalicelib.domain.errors import LostRace
from chalicelib.domain.logs import Sheet
from chalicelib.domain.participants import GroupKey, GroupRecord, Participant
from chalicelib.domain.tallies import ExclusionTally
from chalicelib.domain.users import Totals, TotalsShard
from chalicelib.services.erasure_ports import Listing, OtherRecord
from chalicelib.storage import keys
from chalicelib.storage.connection import store_errors, transaction
from chalicelib.storage.group_changes import leave_group
from chalicelib.storage.logs import sheet_key, sheet_of
from chalicelib.storage.marks import read_repeats
from chalicelib.storage.raw import plain
from chalicelib.storage.reading import at_once, read_rows
from chalicelib.storage.records import place_key
from chalicelib.storage.tables import (
    LoggedRow,
    PurgeRow,
    RecordRow,
    RepeatRow,
    SheetRow,
    UserRow,
)
from chalicelib.storage.tallies import add_count, add_exclusions, add_tallies
from chalicelib.storage.totals import count

ACTIONS = 95
"""Actions of one transaction, which may hold a hundred."""

SHEETS_AT_ONCE = 200
"""Sheets that are read at once, if they are small: an answer of DynamoDB ends at 1 MB."""

MEMBER, ALIASES, EXPOSURES = "member#", "aliases#", "exposures#"

KNOWN = (
    "enrollment#", "exclusion#", "point#", "lifted#", "stratum#", MEMBER, ALIASES, EXPOSURES,
    keys.PROFILE, keys.PREVIEW, keys.TESTLAB,
)  # fmt: skip
"""What the sort keys begin with that the use cases know of."""

REMOVED_APART = (
    "enrollment#", "exclusion#", "stratum#", MEMBER, ALIASES, EXPOSURES, keys.PROFILE,
    keys.PREVIEW, keys.TESTLAB,
)  # fmt: skip
"""The same of those that count or stand elsewhere too: they go with what they belong to."""


class DynamoUserDataStore:
    """`UserDataStore` on the tables `users`, `events` and `variants`."""

    def aliases(self, user_id: str) -> Sequence[str]:
        return sorted(alias for row in _rows(user_id, ALIASES) for alias in row.ids or ())

    def listings(self, user_id: str, current: Mapping[str, int]) -> Sequence[Listing]:
        known = {keys.part(segment_id): segment_id for segment_id in current}
        found = {
            (escaped, int(version)): None
            for escaped, version in (row.sk.split("#")[1:] for row in _rows(user_id, MEMBER))
        }
        places = {
            (keys.segment(segment_id), keys.member_of(version, user_id)): (escaped, version)
            for escaped, segment_id in known.items()
            if (version := current[segment_id])
        }
        for row in read_rows(RecordRow, list(places)):
            found[places[row.pk, row.sk]] = None
        return [
            Listing(known.get(escaped) or keys.unescaped(escaped), version, escaped)
            for escaped, version in found
        ]

    def repeats(self, user_id: str, number: int) -> Sequence[KeptRepeat]:
        return read_repeats(number, user_id)

    def sheets(self, user_id: str) -> Iterator[Sequence[Sheet]]:
        after: str | None = None
        while rows := _sheets(user_id, after):
            yield [sheet_of(row) for row in rows]
            after = rows[-1].sk

    @store_errors()
    def others(self, user_id: str) -> Sequence[OtherRecord]:
        pages = RecordRow.query(keys.user(user_id), consistent_read=True).page_iter
        items = ({k: plain(v) for k, v in item.items()} for page in pages for item in page["Items"])
        return [
            OtherRecord(str(item["sk"]), {k: v for k, v in item.items() if k not in ("pk", "sk")})
            for item in items
            if not str(item["sk"]).startswith(KNOWN)
        ]

    def drop_aliases(self, user_id: str, aliases: Collection[str]) -> None:
        for row in _rows(user_id, ALIASES):
            if (row.ids or set()) <= set(aliases):
                with store_errors():
                    row.delete(condition=RecordRow.ids == row.ids)
            else:
                raise LostRace("further aliases were made meanwhile")

    def drop_sheets(self, sheets: Sequence[Sheet]) -> None:
        packs: list[list[_SheetRemoval]] = []
        room = 0
        for removal in map(_SheetRemoval, sheets):
            removal.drop_surplus()
            if removal.actions > room:
                packs.append([])
                room = ACTIONS
            packs[-1].append(removal)
            room -= removal.actions
        at_once(_remove_together, packs)

    def drop_notes(self, user_id: str, metric_keys: Collection[str]) -> None:
        at_once(lambda key: _drop_notes(user_id, key), list(metric_keys))

    @store_errors()
    def drop_repeats(self, user_id: str, repeats: Sequence[KeptRepeat]) -> None:
        with RepeatRow.batch_write() as batch:
            for kept in repeats:
                batch.delete(_repeat_row(user_id, kept))

    def end(
        self,
        participant: Participant,
        ending: Ending,
        groups: Mapping[GroupKey, GroupRecord],
        variants: Collection[TotalsShard],
    ) -> None:
        pk = keys.user(participant.id)
        strata = Counter((each.number, each.value, each.condition) for each in ending.uncounted)
        with transaction() as write:
            _move_on(write, participant)
            add_tallies(write, ending.tallies, 0)
            add_exclusions(write, (ExclusionTally(n, -1) for n in ending.exclusions), 0)
            for left in ending.left:
                leave_group(write, groups[left.group], left)
            for (number, value, condition), rows in strata.items():
                add_count(write, number, keys.stratum_counter(value, condition), 0, -rows)
            for shard, users in Counter(variants).items():
                count(write, shard, Totals(total_users=-users))
            for enrollment in ending.enrollments:
                key = keys.enrollment(enrollment.number, place_key(enrollment.place))
                write.delete(RecordRow(pk, key))
            for (number, place), conditions in ending.unmet.items():
                row = RecordRow(pk, keys.enrollment(number, place_key(place)))
                write.update(row, actions=[RecordRow.met.delete(set(conditions))])
            for kept in ending.repeats:
                write.delete(_repeat_row(participant.id, kept))
            for number in ending.exclusions:
                write.delete(RecordRow(pk, keys.exclusion(number)))

    def drop_exposures(self, user_id: str) -> None:
        for row in _rows(user_id, EXPOSURES):
            with transaction() as write:
                write.delete(row, condition=RecordRow.numbers == row.numbers)
                for number in sorted(map(int, row.numbers)):
                    add_count(write, number, keys.EXPOSED, 0, -1)

    def drop_records(self, participant: Participant) -> int:
        with store_errors():
            rows = [
                row
                for row in RecordRow.query(
                    keys.user(participant.id),
                    consistent_read=True,
                    attributes_to_get=["pk", "sk"],
                )
                if not row.sk.startswith(REMOVED_APART)
            ]
        for start in range(0, len(rows), ACTIONS):
            with transaction() as write:
                participant = _move_on(write, participant)
                for row in rows[start : start + ACTIONS]:
                    write.delete(row)
        return participant.revision

    @store_errors()
    def drop_listings(self, user_id: str, listings: Sequence[Listing]) -> None:
        with RecordRow.batch_write() as batch:
            for each in listings:
                pk = f"{keys.segment_prefix()}{each.key}"
                batch.delete(RecordRow(pk, keys.member_of(each.version, user_id)))

    def finish(self, participant: Participant, listings: Sequence[Listing]) -> None:
        pk = keys.user(participant.id)
        notes = [RecordRow(pk, f"{MEMBER}{each.key}#{each.version}") for each in listings]
        while len(notes) > ACTIONS:
            some, notes = notes[:ACTIONS], notes[ACTIONS:]
            with transaction() as write:
                participant = _move_on(write, participant)
                for note in some:
                    write.delete(note)
        if not notes and not participant.revision:
            return
        with transaction() as write:
            if participant.revision:
                unchanged = RecordRow.n == participant.revision
                write.delete(RecordRow(pk, keys.PROFILE), condition=unchanged)
            for note in notes:
                write.delete(note)

    def close_queue(self, user_id: str) -> None:
        row, entry = _get(UserRow, keys.user(user_id), keys.TESTLAB), None
        if row is None:
            entry = _get(PurgeRow, keys.PURGE, keys.erased_user(user_id))
        if entry is not None:
            with suppress(LostRace), store_errors():
                entry.delete(condition=PurgeRow.due == entry.due)


class _SheetRemoval:
    """A sheet to be removed, with the notes of its metrics."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        metrics = sorted(sheet.metrics())
        self._notes, self._surplus = metrics[: ACTIONS - 1], metrics[ACTIONS - 1 :]

    @property
    def actions(self) -> int:
        return 1 + len(self._notes)

    @store_errors()
    def drop_surplus(self) -> None:
        """Remove the notes that find no room beside the sheet: by it they are found."""
        with LoggedRow.batch_write() as batch:
            for metric in self._surplus:
                batch.delete(self._note(metric))

    def add_to(self, write: TransactWrite) -> None:
        sheet = self._sheet
        row = SheetRow(keys.logs(sheet.user_id), sheet_key(sheet.key))
        write.delete(row, condition=SheetRow.n == sheet.revision)
        for metric in self._notes:
            write.delete(self._note(metric))

    def _note(self, metric_key: str) -> LoggedRow:
        sheet = self._sheet
        return LoggedRow(keys.metric(metric_key), keys.logged(sheet.user_id, sheet_key(sheet.key)))


def _remove_together(removals: Sequence[_SheetRemoval]) -> None:
    with transaction() as write:
        for each in removals:
            each.add_to(write)


def _drop_notes(user_id: str, metric_key: str) -> None:
    """Remove the notes of a metric that name sheets which are not there."""
    with store_errors():
        notes = list(
            LoggedRow.query(
                keys.metric(metric_key),
                LoggedRow.sk.startswith(keys.logged(user_id, "")),
                consistent_read=True,
            )
        )
    for note in notes:
        with suppress(LostRace), transaction() as write:
            write.condition_check(
                SheetRow, keys.logs(user_id), note.sheet, condition=SheetRow.pk.does_not_exist()
            )
            write.delete(note)


def _move_on(write: TransactWrite, participant: Participant) -> Participant:
    """Insist that nobody changed the user's records, and move the revision; as it is then."""
    if not participant.revision:
        return participant
    write.update(
        RecordRow(keys.user(participant.id), keys.PROFILE),
        actions=[RecordRow.n.set(participant.revision + 1)],
        condition=RecordRow.n == participant.revision,
    )
    return replace(participant, revision=participant.revision + 1)


@store_errors()
def _rows(user_id: str, prefix: str) -> list[RecordRow]:
    """Some of the records at a user."""
    return list(
        RecordRow.query(keys.user(user_id), RecordRow.sk.startswith(prefix), consistent_read=True)
    )


@store_errors()
def _get(table: Any, pk: str, sk: str) -> Any:
    """One item; None if it is not there."""
    try:
        return table.get(pk, sk, consistent_read=True)
    except table.DoesNotExist:
        return None


@store_errors()
def _sheets(user_id: str, after: str | None) -> list[SheetRow]:
    return list(
        SheetRow.query(
            keys.logs(user_id),
            None if after is None else SheetRow.sk > after,
            consistent_read=True,
            limit=SHEETS_AT_ONCE,
            page_size=SHEETS_AT_ONCE,
        )
    )


def _repeat_row(user_id: str, kept: KeptRepeat) -> RepeatRow:
    repeat = kept.repeat
    sort_key = keys.repeat(place_key(repeat.place), kept.index)
    return RepeatRow(keys.repeats(repeat.number, user_id), sort_key)

"""Handing out all that is stored of a user, in both APIs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import IntEnum
from functools import partial
from itertools import accumulate

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.user_lists import NamingList, naming_lists
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.features.users import Event, User, check_named
from chalicelib.domain.outcomes.logs import LogRecord
from chalicelib.domain.participants.participants import Participant
from chalicelib.domain.participants.preview_users import PreviewUser
from chalicelib.domain.privacy.erasure import has_repeats
from chalicelib.services.access.ports import IdempotencyStore
from chalicelib.services.features.ports import EventStore, UserStore
from chalicelib.services.participants.ports import ParticipantStore, PreviewUserStore
from chalicelib.services.privacy.erasure import refuse_alias
from chalicelib.services.privacy.ports import OtherRecord, UserDataStore, UserListStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.paging import PAGE_BYTES
from chalicelib.services.running.ports import Clock

AT_ONCE = 300
"""Events and marks that are read at once."""

LARGE_AT_ONCE = 25
"""Log records and answers that are read at once: one may have 400 KB."""

ANSWERS_LENGTH = 1_000_000
"""Characters of answers that are told together, unless a single one is longer."""

WORK_TIME = timedelta(seconds=10)
"""How long one part may take: API Gateway gives up after 29 seconds."""

KEY_BYTES = 1024
"""Bytes that a sort key may have."""


class Section(IntEnum):
    """What is told of an id, in this order."""

    RECORDS = 0
    EVENTS = 1
    REPEATS = 2
    LOG_RECORDS = 3
    ANSWERS = 4


AFTER = {Section.EVENTS: re.compile(r"[0-9]{0,16}"), Section.ANSWERS: re.compile(r"[0-9a-f]{0,64}")}
"""What keys of some sections are made of."""


@dataclass(frozen=True, slots=True)
class ExportPosition:
    """Where a part of an export ended: behind the key `after` of a list.

    `number` says which one of a section: the variant of events, the feature of repeats.

    Raises:
        Invalid: if no list has such a key.
    """

    user_id: str
    section: Section = Section.RECORDS
    number: int = 0
    after: str = ""

    def __post_init__(self) -> None:
        form = AFTER.get(self.section)
        if len(self.after.encode()) > KEY_BYTES or (form and not form.fullmatch(self.after)):
            raise Invalid("nothing has this key")


@dataclass(frozen=True, slots=True)
class UserRecords:
    """What is stored under an id, but for lists that grow with every request.

    `old_lists` are the ids of lists that the user has a note of though they are in force no more.
    """

    participant: Participant
    user: User | None
    preview: PreviewUser | None
    lists: Sequence[NamingList]
    old_lists: Sequence[str]
    others: Sequence[OtherRecord]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stored."""
        records = self.participant
        kept = (
            records.revision,
            records.exposures,
            records.strata,
            self.user,
            self.preview,
            self.lists,
            self.old_lists,
            self.others,
        )
        return not any(kept)


@dataclass(frozen=True, slots=True)
class UserData:
    """A part of the data stored under an id; only the first part about an id has `records`."""

    id: str
    records: UserRecords | None = None
    events: tuple[Event, ...] = ()
    repeats: tuple[Repeat, ...] = ()
    log_records: tuple[LogRecord, ...] = ()
    answers: tuple[IdempotencyRecord, ...] = ()

    def joined(self, other: UserData) -> UserData:
        """This and what comes after it."""
        return replace(
            self,
            events=self.events + other.events,
            repeats=self.repeats + other.repeats,
            log_records=self.log_records + other.log_records,
            answers=self.answers + other.answers,
        )


Size = Callable[[UserData, Catalogue], int]
"""How many bytes an answer needs that tells it."""

Read = Callable[[str], "tuple[str, UserData] | None"]
"""Some records behind a key, and the key of the last; None if there are none."""


@dataclass(frozen=True, slots=True)
class ExportPart:
    """A part of the data of a user and of the user's aliases; `next` if there is more."""

    user: UserData
    aliases: Sequence[UserData]
    catalogue: Catalogue
    next: ExportPosition | None


class UserExportService:
    """Reads all that is stored of users."""

    def __init__(
        self,
        catalogue: CatalogueService,
        participants: ParticipantStore,
        users: UserStore,
        events: EventStore,
        preview_users: PreviewUserStore,
        data: UserDataStore,
        lists: UserListStore,
        answers: IdempotencyStore,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._participants = participants
        self._users = users
        self._events = events
        self._preview_users = preview_users
        self._data = data
        self._lists = lists
        self._answers = answers
        self._clock = clock

    def export(self, user_id: str, after: ExportPosition | None, size: Size) -> ExportPart:
        """What is stored of a user and of the user's aliases, as much as one answer holds.

        Each part is read when it is asked for: what changes meanwhile, later ones may have.

        Raises:
            Invalid: if the id is empty.
            IsAlias: if it is an alias of a user who is there.
            NotFound: if nothing is stored under the id.
        """
        check_named(user_id)
        refuse_alias(self._participants, user_id)
        catalogue, deadline = self._catalogue.fresh(), self._clock() + WORK_TIME
        found: dict[str, UserData] = {}
        room, last = PAGE_BYTES, None
        for position, some in self._all(user_id, after or ExportPosition(user_id), catalogue):
            needed = size(some, catalogue)
            if last is not None and (needed > room or self._clock() >= deadline):
                return _part(user_id, found, catalogue, last)
            found[some.id] = found[some.id].joined(some) if some.id in found else some
            room, last = room - needed, position
        part = _part(user_id, found, catalogue, None)
        if _is_empty(part) and after is None:
            raise NotFound(f"nothing is stored of a user {user_id}")
        return part

    def _all(
        self, user_id: str, begin: ExportPosition, catalogue: Catalogue
    ) -> Iterator[tuple[ExportPosition, UserData]]:
        """What is stored of a user and then of the aliases, from a position on."""
        if begin.user_id == user_id:
            yield from self._own(begin, catalogue)
            begin = ExportPosition("")
        for alias in self._data.aliases(user_id):
            if alias < begin.user_id:
                continue
            known = self._participants.get(alias)
            if known is not None and known.profile.owner == user_id:
                here = begin if alias == begin.user_id else ExportPosition(alias)
                yield from self._own(here, catalogue)

    def _own(
        self, begin: ExportPosition, catalogue: Catalogue
    ) -> Iterator[tuple[ExportPosition, UserData]]:
        user_id = begin.user_id
        participant, user = self._participants.read(user_id), self._users.get(user_id)
        if begin.section is Section.RECORDS:
            records = self._records(participant, user, catalogue)
            yield ExportPosition(user_id, Section.EVENTS), UserData(user_id, records)
        for section, number, read in self._growing(participant, user):
            if (section, number) < (begin.section, begin.number):
                continue
            is_begun = (section, number) == (begin.section, begin.number)
            after = begin.after if is_begun else ""
            while (found := read(after)) is not None:
                after, some = found
                yield ExportPosition(user_id, section, number, after), some

    def _growing(
        self, participant: Participant, user: User | None
    ) -> Iterator[tuple[Section, int, Read]]:
        """The lists that grow with every request, in their order."""
        user_id = participant.id
        for variant_id in sorted(user.variants_with_events if user else ()):
            yield Section.EVENTS, variant_id, partial(self._some_events, user_id, variant_id)
        for feature_id, enrollments in sorted(participant.enrollments.items()):
            if has_repeats(enrollments):
                yield Section.REPEATS, feature_id, partial(self._some_repeats, user_id, feature_id)
        yield Section.LOG_RECORDS, 0, partial(self._some_log_records, user_id)
        yield Section.ANSWERS, 0, partial(self._some_answers, user_id)

    def _some_events(
        self, user_id: str, variant_id: int, after: str
    ) -> tuple[str, UserData] | None:
        found = self._events.of_user(user_id, variant_id, AT_ONCE, int(after or 0))
        return (str(found[-1].id), UserData(user_id, events=tuple(found))) if found else None

    def _some_repeats(
        self, user_id: str, feature_id: int, after: str
    ) -> tuple[str, UserData] | None:
        found = self._lists.repeats(user_id, feature_id, after, AT_ONCE)
        repeats = tuple(repeat for _, repeat in found)
        return (found[-1][0], UserData(user_id, repeats=repeats)) if found else None

    def _some_log_records(self, user_id: str, after: str) -> tuple[str, UserData] | None:
        found = self._lists.log_records(user_id, after, LARGE_AT_ONCE)
        log_records = tuple(log_record for _, log_record in found)
        return (found[-1][0], UserData(user_id, log_records=log_records)) if found else None

    def _some_answers(self, user_id: str, after: str) -> tuple[str, UserData] | None:
        found = self._answers.of_user(user_id, self._clock(), after, LARGE_AT_ONCE)
        # They are stored compressed: what was a page there may be too much here.
        lengths = accumulate(len(record.answer.body) for record in found)
        fitting = sum(length <= ANSWERS_LENGTH for length in lengths)
        found = found[: max(fitting, 1)]
        return (found[-1].key.digest, UserData(user_id, answers=tuple(found))) if found else None

    def _records(
        self, participant: Participant, user: User | None, catalogue: Catalogue
    ) -> UserRecords:
        user_id = participant.id
        listings = self._data.listings(user_id, catalogue.segments)
        lists = naming_lists(
            catalogue, user_id, ((each.segment_id, each.version) for each in listings)
        )
        in_force = {each.segment.id for each in lists}
        return UserRecords(
            participant=participant,
            user=user,
            preview=self._preview_users.get(user_id),
            lists=lists,
            old_lists=sorted({each.segment_id for each in listings} - in_force),
            others=self._data.others(user_id),
        )


def _part(
    user_id: str, found: dict[str, UserData], catalogue: Catalogue, after: ExportPosition | None
) -> ExportPart:
    own = found.pop(user_id, UserData(user_id))
    return ExportPart(own, list(found.values()), catalogue, after)


def _is_empty(part: ExportPart) -> bool:
    own = part.user
    lists = own.events, own.repeats, own.log_records, own.answers, part.aliases
    return (own.records is None or own.records.is_empty) and not any(lists)

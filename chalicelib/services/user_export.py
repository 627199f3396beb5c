"""Handing out all that is stored of a user, in both APIs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.catalogue import Catalogue
from chalicelib.domain.erasure import has_repeats
from chalicelib.domain.errors import NotFound
from chalicelib.domain.idempotency import IdempotencyRecord
from chalicelib.domain.logs import Sheet
from chalicelib.domain.marking import Repeat
from chalicelib.domain.participants import Participant
from chalicelib.domain.preview_users import PreviewUser
from chalicelib.domain.user_lists import NamingList, naming_lists
from chalicelib.domain.users import Event, User, check_named
from chalicelib.services.catalogue import CatalogueService
from chalicelib.services.erasure import refuse_alias
from chalicelib.services.erasure_ports import OtherRecord, UserDataStore
from chalicelib.services.participant_ports import ParticipantStore, PreviewUserStore
from chalicelib.services.ports import Clock, EventStore, IdempotencyStore, UserStore

EVERYTHING = 1_000_000
"""More events than a user has."""

ANSWERS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class UserData:
    """All that is stored under an id; `aliases` are the same of the user's aliases.

    `old_lists` are the ids of lists that the user has a note of though they are in force no more.
    """

    participant: Participant
    user: User | None
    events: Sequence[Event]
    repeats: Sequence[Repeat]
    preview: PreviewUser | None
    lists: Sequence[NamingList]
    old_lists: Sequence[str]
    sheets: Sequence[Sheet]
    answers: Sequence[IdempotencyRecord]
    others: Sequence[OtherRecord]
    aliases: Mapping[str, UserData]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stored under the id."""
        records = self.participant
        kept = (
            records.revision,
            records.exposures,
            records.strata,
            self.user,
            self.preview,
            self.lists,
            self.old_lists,
            self.sheets,
            self.answers,
            self.others,
            self.aliases,
        )
        return not any(kept)


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
        answers: IdempotencyStore,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._participants = participants
        self._users = users
        self._events = events
        self._preview_users = preview_users
        self._data = data
        self._answers = answers
        self._clock = clock

    def export(self, user_id: str) -> tuple[UserData, Catalogue]:
        """All that is stored of a user and of the user's aliases, and the catalogue for names.

        Raises:
            Invalid: if the id is empty.
            IsAlias: if it is an alias of a user who is there.
            NotFound: if nothing is stored under the id.
        """
        check_named(user_id)
        refuse_alias(self._participants, user_id)
        catalogue = self._catalogue.fresh()
        found = self._read(user_id, catalogue)
        if found.is_empty:
            raise NotFound(f"nothing is stored of a user {user_id}")
        return found, catalogue

    def _read(self, user_id: str, catalogue: Catalogue) -> UserData:
        participant, user = self._participants.read(user_id), self._users.get(user_id)
        current = {segment.id: segment.version for segment in catalogue.segments.values()}
        listings = self._data.listings(user_id, current)
        lists = naming_lists(
            catalogue, user_id, ((each.segment_id, each.version) for each in listings)
        )
        in_force = {each.segment.id for each in lists}
        return UserData(
            participant=participant,
            user=user,
            events=[
                event
                for variant_id in sorted(user.variants_with_events if user else ())
                for event in self._events.of_user(user_id, variant_id, EVERYTHING)
            ],
            repeats=[
                kept.repeat
                for number, enrollments in sorted(participant.enrollments.items())
                if has_repeats(enrollments)
                for kept in self._data.repeats(user_id, number)
            ],
            preview=self._preview_users.get(user_id),
            lists=lists,
            old_lists=sorted({each.segment_id for each in listings} - in_force),
            sheets=[sheet for some in self._data.sheets(user_id) for sheet in some],
            answers=list(self._kept_answers(user_id)),
            others=self._data.others(user_id),
            aliases={
                alias: self._read(alias, catalogue)
                for alias in self._data.aliases(user_id)
                if (known := self._participants.get(alias)) is not None
                and known.profile.owner == user_id
            },
        )

    def _kept_answers(self, user_id: str) -> Iterator[IdempotencyRecord]:
        now, after = self._clock(), ""
        while found := self._answers.of_user(user_id, now, after, ANSWERS_AT_ONCE):
            yield from found
            after = found[-1].key.digest

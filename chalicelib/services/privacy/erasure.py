"""Erasing all that is stored of a user, in both APIs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.user_lists import NamingList, naming_lists
from chalicelib.domain.errors import Conflict, LostRace, Unavailable
from chalicelib.domain.features.users import TotalsShard, check_named
from chalicelib.domain.participants.participants import Participant
from chalicelib.domain.privacy.erasure import (
    Ending,
    KeptRepeat,
    experiments_of,
    participation_end,
    spare_repeats,
)
from chalicelib.services.features.ports import UserStore
from chalicelib.services.features.purge import PurgeService
from chalicelib.services.participants.ports import ParticipantStore, PreviewUserStore, StratumStore
from chalicelib.services.privacy.ports import Remains, UserDataStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries

WORK_TIME = timedelta(seconds=20)
"""How long one request may work: API Gateway gives up after 29 seconds."""


REPEATS_AT_ONCE = 90
"""Marks within subjects that are dropped before a look at the clock."""


class IsAlias(Conflict):
    """The id is an alias: the user's data are under that of the `owner`."""

    def __init__(self, user_id: str, owner: str) -> None:
        super().__init__(
            f"{user_id} is an alias of {owner}, whose data include it: ask for {owner}"
        )
        self.owner = owner


@dataclass(slots=True)
class ErasureReport:
    """The report of an erasure; of a call that finishes another's work, of what that had left.

    `lists` named the user or an alias, `aliases` are the ids that were erased too; whatever these
    had is counted with the user's. `testlab` says whether there was a row in Test Lab, `preview`
    whether there was a preview user. `repeats` are marks within subjects.
    """

    user_id: str
    lists: list[NamingList] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    enrollments: int = 0
    exclusions: int = 0
    points: int = 0
    exposures: int = 0
    logs: int = 0
    testlab: bool = False
    events: int = 0
    repeats: int = 0
    preview: bool = False
    strata: int = 0
    answers: int = 0


class ErasureService:
    """Erases users.

    Each step is bounded and can be killed, and what the rest is found by goes last; so the same
    call made again finishes. Whatever a client does meanwhile goes too, or makes the user anew.
    """

    def __init__(
        self,
        catalogue: CatalogueService,
        participants: ParticipantStore,
        users: UserStore,
        preview_users: PreviewUserStore,
        strata: StratumStore,
        data: UserDataStore,
        purge: PurgeService,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._participants = participants
        self._users = users
        self._preview_users = preview_users
        self._strata = strata
        self._data = data
        self._purge = purge
        self._clock = clock

    def erase(self, user_id: str) -> ErasureReport:
        """Erase a user and all aliases in both APIs; an unknown one counts as erased.

        It returns only when a last look has found nothing: a request that was under way, and had
        read the user before, may have stored something since.

        Raises:
            Invalid: if the id is empty.
            IsAlias: if it is an alias of a user who is there.
            Unavailable: if it takes longer than a request may: the same call goes on.
        """
        check_named(user_id)
        refuse_alias(self._participants, user_id)
        report = ErasureReport(user_id)
        progress = _Progress(self._clock, self._clock() + WORK_TIME)
        self._erase(user_id, report, progress)
        while self._data.remains(user_id) is not Remains.NOTHING:
            progress.made()
            self._erase(user_id, report, progress)
        return report

    def _erase(self, user_id: str, report: ErasureReport, progress: _Progress) -> None:
        self._erase_aliases(user_id, report, progress)
        self._erase_in_testlab(user_id, report, progress)
        self._erase_logs(user_id, report, progress)
        while True:
            try:
                self._erase_records(user_id, report, progress)
                break
            except LostRace:
                progress.lost()

    def _erase_aliases(self, user_id: str, report: ErasureReport, progress: _Progress) -> None:
        """Erase all aliases: each leaves the owner's notes with its profile, and comes once."""
        while aliases := self._data.aliases(user_id):
            foreign = []
            for alias in aliases:
                known = self._participants.get(alias)
                if known is None or known.profile.owner != user_id:
                    foreign.append(alias)
                    continue
                self._erase(alias, report, progress)
                # Who is there again is somebody else: no note names them an alias any more.
                while self._data.remains(alias) is Remains.RECORDS:
                    progress.made()
                    self._erase(alias, report, progress)
                if alias not in report.aliases:
                    report.aliases.append(alias)
            try:
                self._data.drop_aliases(user_id, foreign)
            except LostRace:
                progress.lost()

    def _erase_in_testlab(self, user_id: str, report: ErasureReport, progress: _Progress) -> None:
        while (user := self._users.get(user_id)) is not None:
            report.testlab = True
            report.events += self._purge.erase(user)
            progress.made()
        self._data.close_queue(user_id)

    def _erase_logs(self, user_id: str, report: ErasureReport, progress: _Progress) -> None:
        metrics: set[str] = set()
        while log_records := next(self._data.log_records(user_id), ()):
            metrics.update(metric for log_record in log_records for metric in log_record.metrics())
            try:
                self._data.drop_log_records(log_records)
            except LostRace:
                progress.lost()
            else:
                report.logs += sum(len(log_record.rows) for log_record in log_records)
                progress.made()
        for _ in self._data.drop_notes(user_id, metrics.union(self._data.begun_metrics(user_id))):
            progress.made()

    def _erase_records(self, user_id: str, report: ErasureReport, progress: _Progress) -> None:
        """Erase the records of UpGrade, the profile last.

        Raises:
            LostRace: if somebody changed them meanwhile.
        """
        participant = self._participants.read(user_id)
        participant = self._end_participation(participant, report, progress)
        self._data.drop_exposures(user_id)
        report.exposures += len(participant.exposures)
        if (preview := self._preview_users.get(user_id)) is not None:
            self._preview_users.remove(preview)
            report.preview = True
        for factor in sorted(participant.strata):
            self._strata.drop(factor, [user_id])
            report.strata += 1
            progress.made()
        for dropped in self._data.drop_records(participant):
            participant = replace(participant, revision=dropped.revision)
            report.answers += dropped.answers
            progress.made()
        report.points += len(participant.points)
        catalogue = self._catalogue.fresh()
        listings = self._data.listings(user_id, catalogue.segments)
        self._data.drop_listings(user_id, listings)
        self._data.finish(participant, listings)
        named = ((each.segment_id, each.version) for each in listings)
        report.lists.extend(naming_lists(catalogue, user_id, named))

    def _end_participation(
        self, participant: Participant, report: ErasureReport, progress: _Progress
    ) -> Participant:
        """End a user's part in all experiments; the user after that.

        Raises:
            LostRace: if somebody changed the records meanwhile, or those of a group.
        """
        user_id, catalogue = participant.id, self._catalogue.fresh()
        repeats: dict[int, Sequence[KeptRepeat]] = {}
        for feature_id in experiments_of(participant, catalogue):
            participant, repeats[feature_id] = self._counted_repeats(
                participant, feature_id, report, progress
            )
        for ending in participation_end(participant, repeats, catalogue):
            groups = self._participants.groups({left.group for left in ending.left})
            shards = list(_shards(catalogue, ending, user_id))
            self._data.end(participant, ending, groups, shards)
            participant = replace(participant, revision=participant.revision + 1)
            report.enrollments += len(ending.enrollments)
            report.exclusions += len(ending.exclusions)
            report.repeats += len(ending.repeats)
            progress.made()
        return participant

    def _counted_repeats(
        self, participant: Participant, feature_id: int, report: ErasureReport, progress: _Progress
    ) -> tuple[Participant, Sequence[KeptRepeat]]:
        """The marks within subjects that counted, after all others were dropped; and the user then.

        Raises:
            LostRace: if somebody changed the records meanwhile.
        """
        kept = self._data.repeats(participant.id, feature_id)
        spare = spare_repeats(participant.enrollments.get(feature_id, ()), kept)
        for start in range(0, len(spare), REPEATS_AT_ONCE):
            some = spare[start : start + REPEATS_AT_ONCE]
            participant = self._data.drop_repeats(participant, some)
            report.repeats += len(some)
            progress.made()
        gone = set(spare)
        return participant, [each for each in kept if each not in gone]


class _Progress:
    """How long a call has worked, and how often it lost a race since it last got on."""

    def __init__(self, clock: Clock, deadline: datetime) -> None:
        self._clock = clock
        self._deadline = deadline
        self._tries: Iterator[int] | None = None

    def made(self) -> None:
        """Note a step.

        Raises:
            Unavailable: if there is no time for a further one.
        """
        self._tries = None
        if self._clock() >= self._deadline:
            raise Unavailable("there is more than one call can erase: send the same one again")

    def lost(self) -> None:
        """Wait a little before another attempt.

        Raises:
            Unavailable: if others are faster again and again.
        """
        if self._tries is None:
            self._tries = retries("the user")
            next(self._tries)
        next(self._tries)


def refuse_alias(participants: ParticipantStore, user_id: str) -> None:
    """Refuse the id of an alias whose owner is there: who asks for the user's data wants that one.

    Raises:
        IsAlias: naming the owner.
    """
    named = participants.get(user_id)
    owner = named.profile.owner if named is not None else None
    if owner is not None and participants.get(owner) is not None:
        raise IsAlias(user_id, owner)


def _shards(catalogue: Catalogue, ending: Ending, seed: str) -> Iterable[TotalsShard]:
    """Where the totals of the variants that live have a user less."""
    for feature_id, variant_id, day in ending.variants:
        found = catalogue.variant(variant_id)
        if found is not None:
            feature, _ = found
            shard = TotalsShard.pick(feature_id, variant_id, feature.totals_shards, seed, 0)
            yield shard if day is None else shard.of_past(day)

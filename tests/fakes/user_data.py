"""All that is stored of a user, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from chalicelib.domain.experiments.enrollment_counts import ExclusionCount
from chalicelib.domain.features.users import TotalsShard
from chalicelib.domain.outcomes.logs import LogRecord
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import GroupKey, GroupRecord, Participant, Profile
from chalicelib.domain.privacy.erasure import Ending, KeptRepeat
from chalicelib.services.privacy.ports import Dropped, Listing, OtherRecord, Remains
from tests.fakes.memory import Memory, erased_user, require


class FakeUserDataStore:
    """`Memory.others` are records at users, by user id and key, that nothing else knows of."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def aliases(self, user_id: str) -> Sequence[str]:
        with self._memory.lock:
            rows = list(self._memory.participants.values())
        return sorted(row.id for row in rows if row.profile.owner == user_id)

    def listings(self, user_id: str, segment_ids: Collection[str]) -> Sequence[Listing]:  # noqa: ARG002
        with self._memory.lock:
            found = {
                (segment_id, version)
                for segment_id, versions in self._memory.participant(user_id).members.items()
                for version in versions
            }
        return [Listing(segment_id, version, segment_id) for segment_id, version in sorted(found)]

    def repeats(self, user_id: str, feature_id: int) -> Sequence[KeptRepeat]:
        point_keys: Counter[DecisionPointKey] = Counter()
        kept = []
        with self._memory.lock:
            for repeat in self._memory.repeats.get((feature_id, user_id), ()):
                kept.append(KeptRepeat(repeat, point_keys[repeat.point_key]))
                point_keys[repeat.point_key] += 1
        return kept

    def log_records(self, user_id: str) -> Iterator[Sequence[LogRecord]]:
        with self._memory.lock:
            found = [
                log_record
                for (owner, _), log_record in self._memory.log_records.items()
                if owner == user_id
            ]
        yield from ([log_record] for log_record in found)

    def begun_metrics(self, _user_id: str) -> Collection[str]:
        """A log record is stored with all its notes here."""
        return ()

    def others(self, user_id: str) -> Sequence[OtherRecord]:
        with self._memory.lock:
            found = dict(sorted(self._memory.others.items()))
        return [
            OtherRecord(key, values) for (owner, key), values in found.items() if owner == user_id
        ]

    def remains(self, user_id: str) -> Remains:
        memory = self._memory
        with memory.lock:
            row = memory.participant(user_id)
            if row.revision or user_id in memory.users:
                return Remains.USER
            owners = {key[0] for key in (*memory.log_records, *memory.others, *memory.answers)}
            if user_id in owners | memory.preview_users.keys() or row != _nobody(user_id):
                return Remains.RECORDS
        return Remains.NOTHING

    def drop_aliases(self, user_id: str, aliases: Collection[str]) -> None:
        """Profiles themselves are all that this memory notes."""

    def drop_log_records(self, log_records: Sequence[LogRecord]) -> None:
        with self._memory.lock:
            for log_record in log_records:
                key = log_record.user_id, log_record.key
                stored = self._memory.log_records.get(key)
                require(stored is not None and stored.revision == log_record.revision)
                del self._memory.log_records[key]

    def drop_notes(self, _user_id: str, _metric_keys: Collection[str]) -> Iterator[None]:
        """Log records themselves are all that this memory notes."""
        return iter([None])

    def drop_repeats(self, participant: Participant, repeats: Sequence[KeptRepeat]) -> Participant:
        with self._memory.lock:
            row = self._memory.participant(participant.id)
            require(row.revision == participant.revision)
            require(row.profile.created_at == participant.profile.created_at)
            moved = row.revision + bool(row.revision)
            self._store(replace(row, revision=moved))
            self._drop_repeats(participant.id, repeats)
        return replace(participant, revision=moved)

    def _drop_repeats(self, user_id: str, repeats: Sequence[KeptRepeat]) -> None:
        with self._memory.lock:
            for repeat in (kept.repeat for kept in repeats):
                stored = self._memory.repeats.get((repeat.feature_id, user_id), [])
                if repeat in stored:
                    # Of equal ones the last, for the first is the one that counted.
                    del stored[len(stored) - 1 - stored[::-1].index(repeat)]

    def end(
        self,
        participant: Participant,
        ending: Ending,
        groups: Mapping[GroupKey, GroupRecord],
        variants: Collection[TotalsShard],
    ) -> None:
        with self._memory.lock:
            row = self._memory.next(participant, participant.profile)
            for left in ending.left:
                before, after = groups[left.group].counts, self._memory.group(left.group).counts
                require(before.get(left.feature_id) == after.get(left.feature_id))
                self._memory.leave_group(left)
            self._memory.enrollment_counts.extend(ending.enrollment_counts)
            counted = [n for n in ending.exclusions if n not in ending.dead]
            self._memory.excluded.extend(ExclusionCount(n, -1) for n in counted)
            for each in ending.uncounted:
                self._memory.strata[each.feature_id, each.value, each.variant_id] -= 1
            for shard in variants:
                self._memory.count_users(shard, -1)
            self._drop_repeats(participant.id, ending.repeats)
            enrollments = {
                feature_id: tuple(
                    replace(e, met=e.met - ending.unmet.get((feature_id, e.point_key), frozenset()))
                    for e in own
                    if all(
                        (e.feature_id, e.point_key) != (x.feature_id, x.point_key)
                        for x in ending.enrollments
                    )
                )
                for feature_id, own in row.enrollments.items()
            }
            self._memory.participants[row.id] = replace(
                row,
                enrollments={feature_id: own for feature_id, own in enrollments.items() if own},
                exclusions={
                    n: each for n, each in row.exclusions.items() if n not in ending.exclusions
                },
            )

    def drop_exposures(self, user_id: str) -> None:
        with self._memory.lock:
            row = self._memory.participant(user_id)
            self._memory.exposed.subtract(row.exposures)
            self._store(replace(row, exposures=frozenset()))

    def drop_records(self, participant: Participant) -> Iterator[Dropped]:
        memory = self._memory
        with memory.lock:
            row = memory.participant(participant.id)
            require(row.revision == participant.revision)
            require(row.profile.created_at == participant.profile.created_at)
            self._store(replace(row, points={}, lifted={}))
            for other in [key for key in memory.others if key[0] == participant.id]:
                del memory.others[other]
            answers = [key for key in memory.answers if key[0] == participant.id]
            for answer in answers:
                del memory.answers[answer]
        return iter([Dropped(participant.revision, len(answers))])

    def drop_listings(self, user_id: str, listings: Sequence[Listing]) -> None:
        with self._memory.lock:
            for each in listings:
                self._memory.lists.get((each.segment_id, each.version), {}).pop(user_id, None)

    def finish(self, participant: Participant, listings: Sequence[Listing]) -> None:
        gone = {(each.segment_id, each.version) for each in listings}
        with self._memory.lock:
            row = self._memory.participant(participant.id)
            require(row.revision == participant.revision)
            require(row.profile.created_at == participant.profile.created_at)
            members = {
                segment_id: frozenset(v for v in versions if (segment_id, v) not in gone)
                for segment_id, versions in row.members.items()
            }
            kept = {segment_id: versions for segment_id, versions in members.items() if versions}
            self._store(replace(row, profile=Profile(row.id), revision=0, members=kept))

    def close_queue(self, user_id: str) -> None:
        with self._memory.lock:
            if user_id not in self._memory.users:
                self._memory.queue.pop(erased_user(user_id), None)

    def _store(self, row: Participant) -> None:
        if row == _nobody(row.id):
            self._memory.participants.pop(row.id, None)
        else:
            self._memory.participants[row.id] = row


def _nobody(user_id: str) -> Participant:
    return Participant(Profile(user_id))

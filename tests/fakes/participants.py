"""Records of users and groups, profiles, preview users and strata, in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.experiments.enrollment_counts import ExclusionCount, of_ending
from chalicelib.domain.experiments.group_change import GroupChange
from chalicelib.domain.participants.participants import GroupKey, GroupRecord, Participant, Profile
from chalicelib.domain.participants.preview_users import PreviewUser
from chalicelib.domain.participants.strata import StratificationFactor
from tests.fakes.memory import TRANSACTION_ACTIONS, Memory, require


class FakeParticipantStore:
    """A user of revision 0 is unknown as yet, though segments and the like may name them."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def read(self, user_id: str) -> Participant:
        with self._memory.lock:
            row = self._memory.participant(user_id)
            return replace(row, testlab=self._memory.testlab(user_id))

    def get(self, user_id: str) -> Participant | None:
        row = self.read(user_id)
        return row if row.revision else None

    def groups(self, groups: Collection[GroupKey]) -> Mapping[GroupKey, GroupRecord]:
        with self._memory.lock:
            return {key: self._memory.group(key) for key in groups}


class FakeProfileStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def create(self, profiles: Sequence[Profile]) -> None:
        assert len(profiles) <= TRANSACTION_ACTIONS
        with self._memory.lock:
            require(not any(self._memory.participant(profile.id).revision for profile in profiles))
            for profile in profiles:
                self._memory.store(
                    replace(self._memory.participant(profile.id), profile=profile, revision=1)
                )

    def update(
        self,
        participant: Participant,
        profile: Profile,
        change: GroupChange,
        at: datetime,
    ) -> None:
        with self._memory.lock:
            row = self._memory.next(participant, profile)
            self._memory.enrollment_counts.extend(
                -enrollment_count for enrollment_count in of_ending(change.enrollments)
            )
            stored = participant.exclusions.keys() & set(change.lifted)
            self._memory.excluded.extend(ExclusionCount(feature_id, -1) for feature_id in stored)
            for gone in change.left:
                self._memory.leave_group(gone)
            for enrolled in change.uncounted:
                self._memory.strata[enrolled.feature_id, enrolled.value, enrolled.variant_id] -= 1
            left = {
                feature_id: tuple(e for e in enrollments if e not in change.enrollments)
                for feature_id, enrollments in row.enrollments.items()
            }
            self._memory.store(
                replace(
                    row,
                    enrollments={feature_id: kept for feature_id, kept in left.items() if kept},
                    exclusions={
                        feature_id: exclusion
                        for feature_id, exclusion in row.exclusions.items()
                        if feature_id not in change.lifted
                    },
                    lifted={**row.lifted, **dict.fromkeys(change.lifted, at)},
                )
            )


class FakePreviewUserStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, user_id: str) -> PreviewUser | None:
        return self._memory.preview_users.get(user_id)

    def all(self) -> Sequence[PreviewUser]:
        return list(self._memory.preview_users.values())

    def put(self, user: PreviewUser) -> None:
        with self._memory.lock:
            stored = self.get(user.id)
            require((stored.version if stored else 0) == user.version - 1)
            self._memory.preview_users[user.id] = user
            row = self._memory.participant(user.id)
            self._memory.participants[user.id] = replace(row, preview=user.conditions())

    def remove(self, user: PreviewUser) -> None:
        with self._memory.lock:
            stored = self.get(user.id)
            require(stored is not None and stored.version == user.version)
            del self._memory.preview_users[user.id]
            row = self._memory.participant(user.id)
            self._memory.participants[user.id] = replace(row, preview=None)


class FakeStratumStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def register(self, factor: StratificationFactor) -> None:
        with self._memory.lock:
            self._memory.factors.setdefault(factor.name, factor)

    def factors(self) -> Sequence[StratificationFactor]:
        with self._memory.lock:
            return list(self._memory.factors.values())

    def unregister(self, factor: str) -> None:
        self._memory.factors.pop(factor, None)

    def store(self, factor: str, values: Mapping[str, str], at: datetime) -> None:
        assert 3 * len(values) <= TRANSACTION_ACTIONS
        with self._memory.lock:
            for user_id, value in values.items():
                row = self._memory.participant(user_id)
                others = {f: v for f, v in row.strata.items() if f != factor}
                row = replace(row, strata={**others, factor: value} if value else others)
                if not row.revision:
                    profile = Profile(user_id, created_at=at, updated_at=at)
                    row = replace(row, profile=profile, revision=1)
                self._memory.participants[user_id] = row

    def users(self, factor: str) -> Iterator[Sequence[tuple[str, str]]]:
        with self._memory.lock:
            rows = list(self._memory.participants.values())
        yield [(row.id, row.strata[factor]) for row in rows if factor in row.strata]

    def drop(self, factor: str, user_ids: Sequence[str]) -> None:
        assert 2 * len(user_ids) <= TRANSACTION_ACTIONS
        with self._memory.lock:
            for user_id in user_ids:
                row = self._memory.participant(user_id)
                others = {f: v for f, v in row.strata.items() if f != factor}
                self._memory.participants[user_id] = replace(row, strata=others)

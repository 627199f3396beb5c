"""What deleted experiments leave behind, in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from chalicelib.domain.participants.participants import Enrollment, GroupKey
from chalicelib.services.experiments.ports import Position
from tests.fakes.memory import Memory

R = TypeVar("R")

Removal = Callable[[], None]


class FakeDeadRecordStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def of_experiment(
        self, feature_id: int, after: Position | None, limit: int
    ) -> Sequence[Position]:
        with self._memory.lock:
            found = sorted(self._found(feature_id))
        return [each for each in found if after is None or each > after][:limit]

    def drop(self, feature_id: int, records: Sequence[Position]) -> Iterator[int]:
        with self._memory.lock:
            found = self._found(feature_id)
            there = [found[each] for each in records if each in found]
            for remove in there:
                remove()
        return iter([len(there)])

    def drop_rest(self, feature_id: int) -> Iterator[int]:
        memory = self._memory
        with memory.lock:
            removed = int(memory.results.pop(feature_id, None) is not None)
            removed += len(memory.snapshots.pop(feature_id, ()))
            for key in [each for each in memory.taken if each[0] == feature_id]:
                del memory.taken[key]
                removed += 1
            removed += _drop(
                memory.enrollment_counts,
                [e for e in memory.enrollment_counts if e.feature_id == feature_id],
            )
            removed += _drop(
                memory.excluded, [e for e in memory.excluded if e.feature_id == feature_id]
            )
            removed += memory.complete_groups.pop(feature_id, 0)
            for stratum in [each for each in memory.strata if each[0] == feature_id]:
                removed += memory.strata.pop(stratum)
            for shard in [each for each in memory.totals if each.feature_id == feature_id]:
                del memory.totals[shard]
                removed += 1
        return iter([removed])

    def _found(self, feature_id: int) -> dict[Position, Removal]:
        found: dict[Position, Removal] = {}
        for user_id, own in self._memory.participants.items():
            pk = f"user {user_id}"
            for enrollment in own.enrollments.get(feature_id, ()):
                found[pk, f"enrollment {enrollment.point_key}"] = partial(
                    self._end, user_id, enrollment
                )
            if feature_id in own.exclusions:
                found[pk, "exclusion"] = partial(self._admit, user_id, feature_id)
            if feature_id in own.lifted:
                found[pk, "lifted"] = partial(self._forget_lifted, user_id, feature_id)
        for key, group in self._memory.groups.items():
            of_group = (group.enrollments, group.exclusions, group.counts)
            at = [point_key for n, point_key in group.enrolled_at if n == feature_id]
            if at or any(feature_id in records for records in of_group):
                found[f"group {key}", ""] = partial(self._forget_group, key, feature_id)
        return found

    def _end(self, user_id: str, enrollment: Enrollment) -> None:
        feature_id = enrollment.feature_id
        row = self._memory.participants[user_id]
        own = tuple(each for each in row.enrollments[feature_id] if each != enrollment)
        enrollments = {**row.enrollments, feature_id: own}
        self._memory.repeats.pop((feature_id, user_id), None)
        self._memory.participants[user_id] = replace(
            row, enrollments={n: each for n, each in enrollments.items() if each}
        )

    def _admit(self, user_id: str, feature_id: int) -> None:
        row = self._memory.participants[user_id]
        exclusions = _without(row.exclusions, feature_id)
        self._memory.participants[user_id] = replace(row, exclusions=exclusions)

    def _forget_lifted(self, user_id: str, feature_id: int) -> None:
        row = self._memory.participants[user_id]
        self._memory.participants[user_id] = replace(row, lifted=_without(row.lifted, feature_id))

    def _forget_group(self, key: GroupKey, feature_id: int) -> None:
        group = self._memory.groups[key]
        self._memory.groups[key] = replace(
            group,
            enrollments=_without(group.enrollments, feature_id),
            exclusions=_without(group.exclusions, feature_id),
            counts=_without(group.counts, feature_id),
            enrolled_at=frozenset(each for each in group.enrolled_at if each[0] != feature_id),
        )


def _without(records: Mapping[int, R], feature_id: int) -> dict[int, R]:
    return {other: each for other, each in records.items() if other != feature_id}


def _drop(counted: list[R], gone: Collection[R]) -> int:
    counted[:] = [each for each in counted if each not in gone]
    return len(gone)

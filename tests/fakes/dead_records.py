"""What deleted experiments leave behind, in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Enrollment, GroupKey
from chalicelib.services.participants.participant_ports import Position
from chalicelib.storage.dynamodb import keys
from tests.fakes.memory import Memory

R = TypeVar("R")

Removal = Callable[[], None]


class FakeDeadRecordStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def of_experiment(self, number: int, after: Position | None, limit: int) -> Sequence[Position]:
        with self._memory.lock:
            found = sorted(self._found(number))
        return [each for each in found if after is None or each > after][:limit]

    def drop(self, number: int, records: Sequence[Position]) -> Iterator[int]:
        with self._memory.lock:
            found = self._found(number)
            there = [found[each] for each in records if each in found]
            for remove in there:
                remove()
        return iter([len(there)])

    def drop_rest(self, number: int) -> Iterator[int]:
        memory = self._memory
        with memory.lock:
            removed = int(memory.results.pop(number, None) is not None)
            removed += _drop(
                memory.enrollment_counts,
                [e for e in memory.enrollment_counts if e.number == number],
            )
            removed += _drop(memory.excluded, [e for e in memory.excluded if e.number == number])
            removed += memory.complete_groups.pop(number, 0)
            for stratum in [each for each in memory.strata if each[0] == number]:
                removed += memory.strata.pop(stratum)
            for shard in [each for each in memory.totals if each.feature_id == number]:
                del memory.totals[shard]
                removed += 1
        return iter([removed])

    def _found(self, number: int) -> dict[Position, Removal]:
        found: dict[Position, Removal] = {}
        for user_id, own in self._memory.participants.items():
            pk = keys.user(user_id)
            for enrollment in own.enrollments.get(number, ()):
                found[pk, keys.enrollment(number, _key(enrollment.point_key))] = partial(
                    self._end, user_id, enrollment
                )
            if number in own.exclusions:
                found[pk, keys.exclusion(number)] = partial(self._admit, user_id, number)
            if number in own.lifted:
                found[pk, keys.lifted(number)] = partial(self._forget_lifted, user_id, number)
        for key, group in self._memory.groups.items():
            of_group = (group.enrollments, group.exclusions, group.counts)
            at = [point_key for n, point_key in group.enrolled_at if n == number]
            if at or any(number in records for records in of_group):
                found[keys.group(key.type, key.id), ""] = partial(self._forget_group, key, number)
        return found

    def _end(self, user_id: str, enrollment: Enrollment) -> None:
        number = enrollment.number
        row = self._memory.participants[user_id]
        own = tuple(each for each in row.enrollments[number] if each != enrollment)
        enrollments = {**row.enrollments, number: own}
        self._memory.repeats.pop((number, user_id), None)
        self._memory.participants[user_id] = replace(
            row, enrollments={n: each for n, each in enrollments.items() if each}
        )

    def _admit(self, user_id: str, number: int) -> None:
        row = self._memory.participants[user_id]
        exclusions = _without(row.exclusions, number)
        self._memory.participants[user_id] = replace(row, exclusions=exclusions)

    def _forget_lifted(self, user_id: str, number: int) -> None:
        row = self._memory.participants[user_id]
        self._memory.participants[user_id] = replace(row, lifted=_without(row.lifted, number))

    def _forget_group(self, key: GroupKey, number: int) -> None:
        group = self._memory.groups[key]
        self._memory.groups[key] = replace(
            group,
            enrollments=_without(group.enrollments, number),
            exclusions=_without(group.exclusions, number),
            counts=_without(group.counts, number),
            enrolled_at=frozenset(each for each in group.enrolled_at if each[0] != number),
        )


def _key(point_key: DecisionPointKey) -> str:
    return keys.point_key(point_key.site, point_key.target)


def _without(records: Mapping[int, R], number: int) -> dict[int, R]:
    return {other: each for other, each in records.items() if other != number}


def _drop(counted: list[R], gone: Collection[R]) -> int:
    counted[:] = [each for each in counted if each not in gone]
    return len(gone)

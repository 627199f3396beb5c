"""Logs, kept results, and the enrollments of those who logged, in memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.experiments.metrics import may_be_grouped
from chalicelib.domain.outcomes.logs import LogRecord, LogRecordKey, Merge
from chalicelib.domain.outcomes.metric_results import QueryResult
from chalicelib.domain.outcomes.results.results import Summary
from chalicelib.domain.outcomes.snapshots import NONE_TAKEN, Snapshot, Taken
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import UNKNOWN_POINT, Enrollment
from chalicelib.services.outcomes.ports import LOG_RECORD_BYTES, EnrolledPage, EnrolledUser
from tests.fakes.memory import START, Memory, require


class FakeLogStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def new_id(self) -> int:
        with self._memory.lock:
            return self._memory.reserve("log", 1)[0]

    def log_records(
        self, user_id: str, log_record_keys: Collection[LogRecordKey]
    ) -> Mapping[LogRecordKey, LogRecord]:
        with self._memory.lock:
            found = {key: self._memory.log_records.get((user_id, key)) for key in log_record_keys}
        return {key: log_record for key, log_record in found.items() if log_record is not None}

    def store(
        self, merges: Sequence[Merge], record: IdempotencyRecord | None = None
    ) -> Collection[LogRecordKey]:
        lost = []
        for log_record in (merge.log_record for merge in merges):
            data = [dict(row.data) for row in log_record.rows]
            if len(json.dumps(data, ensure_ascii=False).encode()) > LOG_RECORD_BYTES:
                raise Invalid("too much is logged of one user and key")
        with self._memory.lock:
            self._memory.require_unanswered(record)
            for log_record in (merge.log_record for merge in merges):
                stored = self._memory.log_records.get((log_record.user_id, log_record.key))
                if (stored.revision if stored else 0) != log_record.revision - 1:
                    lost.append(log_record.key)
            if record is not None and lost:
                return [merge.log_record.key for merge in merges]
            for log_record in (merge.log_record for merge in merges):
                if log_record.key not in lost:
                    self._memory.log_records[log_record.user_id, log_record.key] = log_record
            self._memory.keep(record)
        return lost

    def of_metric(self, metric_key: str) -> Iterator[Sequence[LogRecord]]:
        for log_record in list(self._memory.log_records.values()):
            if metric_key in log_record.metrics():
                yield [log_record]

    def of_users(
        self, user_ids: Collection[str], metric_keys: Collection[str]
    ) -> Sequence[LogRecord]:
        grouped = any(map(may_be_grouped, metric_keys))
        with self._memory.lock:
            return [
                log_record
                for (user_id, key), log_record in self._memory.log_records.items()
                if user_id in user_ids and (grouped or key == LogRecordKey())
            ]


class FakeResultStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def keep(self, feature_id: int, results: Sequence[QueryResult]) -> None:
        self._memory.results[feature_id] = list(results)

    def kept(self, feature_id: int) -> Sequence[QueryResult]:
        return self._memory.results.get(feature_id, [])


class FakeSnapshotStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def put(self, feature_id: int, snapshot: Snapshot) -> bool:
        key = feature_id, snapshot.sums.query_id
        with self._memory.lock:
            before = self._memory.taken.get(key, NONE_TAKEN)
            if before.day is not None and before.day >= snapshot.day:
                return False
            if snapshot.final and before.final:
                return False
            self._memory.snapshots.setdefault(feature_id, []).append(snapshot)
            self._memory.taken[key] = replace(
                before, day=snapshot.day, at=snapshot.at, final=before.final or snapshot.final
            )
        return True

    def note_try(self, feature_id: int, query_ids: Collection[str], at: datetime) -> None:
        with self._memory.lock:
            for query_id in query_ids:
                before = self._memory.taken.get((feature_id, query_id), NONE_TAKEN)
                self._memory.taken[feature_id, query_id] = replace(before, tried=at)

    def taken(self, feature_id: int) -> Mapping[str, Taken]:
        with self._memory.lock:
            return {
                query_id: taken
                for (of_feature, query_id), taken in self._memory.taken.items()
                if of_feature == feature_id
            }

    def of_experiment(self, feature_id: int) -> Sequence[Snapshot]:
        with self._memory.lock:
            return list(self._memory.snapshots.get(feature_id, ()))


class FakeUserEnrollmentStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def page(self, feature_id: int, since: str, limit: int) -> EnrolledPage:
        with self._memory.lock:
            listed = [
                (user_id, own)
                for user_id, own in sorted(self._memory.participants.items())
                if user_id >= since
                and any(feature_id in each for each in (own.enrollments, own.exclusions))
            ]
        found = [
            EnrolledUser(user_id, user_id, own.enrollments[feature_id])
            for user_id, own in listed[:limit]
            if feature_id in own.enrollments
        ]
        return EnrolledPage(found, listed[limit][0] if len(listed) > limit else None)

    def enrollments(
        self, feature_id: int, point_keys: Collection[DecisionPointKey], user_ids: Collection[str]
    ) -> Mapping[str, Sequence[Enrollment]]:
        known = {*point_keys, UNKNOWN_POINT}
        with self._memory.lock:
            found = {
                user_id: [e for e in own.enrollments.get(feature_id, ()) if e.point_key in known]
                for user_id in user_ids
                if (own := self._memory.participants.get(user_id)) is not None
            }
        return {user_id: enrollments for user_id, enrollments in found.items() if enrollments}

    def repeats(self, feature_id: int, user_ids: Collection[str]) -> Mapping[str, Sequence[Repeat]]:
        with self._memory.lock:
            found = {
                user_id: self._memory.repeats.get((feature_id, user_id)) for user_id in user_ids
            }
        return {user_id: repeats for user_id, repeats in found.items() if repeats}


class FakeSummaryStore:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def all(self) -> Sequence[Summary]:
        return [self._memory.summaries[key] for key in sorted(self._memory.summaries)]

    def one(self, feature_id: int) -> Summary | None:
        return self._memory.summaries.get(feature_id)

    def put(self, summary: Summary) -> None:
        with self._memory.lock:
            before = self._memory.summaries.get(summary.feature_id)
            if before is not None and before.latched is not None:
                runs = [each.started_at or START for each in (before, summary)]
                same = runs[0] == runs[1] and before.latched == summary.latched
                require(same or runs[0] < runs[1])
            self._memory.summaries[summary.feature_id] = summary

    def remove(self, feature_id: int) -> None:
        self._memory.summaries.pop(feature_id, None)

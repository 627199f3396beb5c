"""The enrollments of single users in DynamoDB, for the analysis of what they logged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import UNKNOWN_POINT, Enrollment
from chalicelib.services.running.pools import Pool
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.reading import read_rows
from chalicelib.storage.dynamodb.tables import RecordRow
from chalicelib.storage.experiments.repeats import read_repeats
from chalicelib.storage.participants.records import enrollment_of, point_text

READERS = 16


class DynamoUserEnrollmentStore:
    """`UserEnrollmentStore` on the tables `users` and `events`."""

    def enrollments(
        self, feature_id: int, point_keys: Collection[DecisionPointKey], user_ids: Collection[str]
    ) -> Mapping[str, Sequence[Enrollment]]:
        by_key = {keys.user(user_id): user_id for user_id in user_ids}
        sort_keys = [
            keys.enrollment(feature_id, point_text(point_key))
            for point_key in {*point_keys, UNKNOWN_POINT}
        ]
        found: defaultdict[str, list[Enrollment]] = defaultdict(list)
        for row in read_rows(RecordRow, [(pk, sk) for pk in by_key for sk in sort_keys]):
            found[by_key[row.pk]].append(enrollment_of(row))
        return found

    def repeats(self, feature_id: int, user_ids: Collection[str]) -> Mapping[str, Sequence[Repeat]]:
        users = sorted(user_ids)
        with Pool(READERS) as pool:
            found = pool.map(lambda user_id: read_repeats(feature_id, user_id), users)
            return {
                user_id: [kept.repeat for kept in own]
                for user_id, own in zip(users, found, strict=True)
                if own
            }

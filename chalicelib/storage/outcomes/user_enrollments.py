"""The enrollments of single users in DynamoDB, for the analysis of what they logged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import UNKNOWN_POINT, Enrollment
from chalicelib.services.outcomes.ports import EnrolledPage, EnrolledUser
from chalicelib.services.running.pools import Pool
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.reading import READERS, read_rows
from chalicelib.storage.dynamodb.tables import RecordRow
from chalicelib.storage.experiments.repeats import read_repeats
from chalicelib.storage.participants.records import enrollment_of, point_text, profile_of


class DynamoUserEnrollmentStore:
    """`UserEnrollmentStore` on the tables `users` and `events`."""

    def page(self, feature_id: int, since: str, limit: int) -> EnrolledPage:
        listed, following = _listed(feature_id, f"{keys.USERS}{since}", limit)
        of_users = [(pk, sk) for pk, sk in listed if sk.startswith(keys.ENROLLMENTS)]
        found: defaultdict[str, list[Enrollment]] = defaultdict(list)
        for row in read_rows(RecordRow, of_users):
            found[row.pk].append(enrollment_of(row))
        ids = _user_ids(found)
        users = (
            EnrolledUser(_place(pk), ids[pk], tuple(found[pk])) for pk in sorted(found) if pk in ids
        )
        return EnrolledPage(tuple(users), None if following is None else _place(following))

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


@store_errors()
def _listed(
    feature_id: int, since: str, limit: int
) -> tuple[Sequence[tuple[str, str]], str | None]:
    """Keys of `limit` records of users, then of the last one's others, and whose comes next."""
    found: list[tuple[str, str]] = []
    # Groups have their records before those of users.
    for row in RecordRow.by_experiment.query(
        feature_id, RecordRow.pk >= since, page_size=limit + 1
    ):
        if len(found) >= limit and row.pk != found[-1][0]:
            return found, row.pk
        found.append((row.pk, row.sk))
    return found, None


def _place(user_key: str) -> str:
    """The place of a user in the index."""
    return user_key.removeprefix(keys.USERS)


def _user_ids(user_keys: Iterable[str]) -> Mapping[str, str]:
    """The ids of users by their partition keys; of digests, those of users who have a profile."""
    known = {pk: keys.user_of(pk) for pk in user_keys}
    digests = [(pk, keys.PROFILE) for pk, user_id in known.items() if user_id is None]
    profiles = {row.pk: profile_of(row).id for row in read_rows(RecordRow, digests)}
    return {pk: user_id for pk, user_id in known.items() if user_id is not None} | profiles

"""The marks of within-subjects experiments in DynamoDB: an item each."""

from __future__ import annotations

from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Participant
from chalicelib.domain.privacy.erasure import KeptRepeat
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors
from chalicelib.storage.dynamodb.tables import RepeatRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms
from chalicelib.storage.participants.records import point_text


@store_errors()
def read_repeats(feature_id: int, user_id: str) -> list[KeptRepeat]:
    """The marks of a user in a within-subjects experiment."""
    rows = RepeatRow.query(keys.repeats(feature_id, user_id), consistent_read=True)
    return [kept_repeat(feature_id, row) for row in rows]


def kept_repeat(feature_id: int, row: RepeatRow) -> KeptRepeat:
    """The mark that an item holds."""
    repeat = Repeat(
        feature_id,
        DecisionPointKey(row.data["site"], row.data["target"]),
        row.data["condition"],
        row.data["uniquifier"],
        from_ms(row.data["at"]),
    )
    return KeptRepeat(repeat, int(row.sk.rpartition("#")[2]))


def repeat_row(participant: Participant, repeat: Repeat) -> RepeatRow:
    """The item of the next mark of a user at its decision point."""
    index = sum(
        enrollment.repeats
        for enrollment in participant.enrollments.get(repeat.feature_id, ())
        if enrollment.point_key == repeat.point_key
    )
    return RepeatRow(
        keys.repeats(repeat.feature_id, participant.id),
        keys.repeat(point_text(repeat.point_key), index),
        data={
            "site": repeat.point_key.site,
            "target": repeat.point_key.target,
            "condition": repeat.condition_id,
            "uniquifier": repeat.uniquifier,
            "at": to_ms(repeat.at),
        },
    )

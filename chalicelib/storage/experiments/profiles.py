"""The profiles of users in DynamoDB. What a new working group ends are enrollments, and counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.experiments.group_change import GroupChange
from chalicelib.domain.participants.participants import Participant, Profile
from chalicelib.services.participants.ports import ParticipantStore
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import transaction
from chalicelib.storage.dynamodb.tables import RecordRow
from chalicelib.storage.experiments.group_changes import change_group, parts_of
from chalicelib.storage.participants.records import profile_values


class DynamoProfileStore:
    """`ProfileStore` on the tables `users` and `variants`."""

    def __init__(self, participants: ParticipantStore) -> None:
        self._participants = participants

    def create(self, profiles: Sequence[Profile]) -> None:
        aliases: defaultdict[str, list[str]] = defaultdict(list)
        for profile in profiles:
            if profile.owner is not None:
                aliases[profile.owner].append(profile.id)
        with transaction() as write:
            for profile in profiles:
                write.save(
                    RecordRow(
                        keys.user(profile.id), keys.PROFILE, data=profile_values(profile), n=1
                    ),
                    condition=RecordRow.pk.does_not_exist(),
                )
            # By these an owner's aliases are found, all of one call in one item.
            for owner, ids in aliases.items():
                note = RecordRow(keys.user(owner), keys.aliases(ids[0]))
                write.update(note, actions=[RecordRow.ids.add(set(ids))])

    def update(
        self, participant: Participant, profile: Profile, change: GroupChange, at: datetime
    ) -> None:
        groups = self._participants.groups({left.group for left in change.left})
        *first, last = parts_of(change)
        for part in first:
            change_group(participant, participant.profile, part, at, groups)
            participant = replace(participant, revision=participant.revision + 1)
        change_group(participant, profile, last, at, groups)

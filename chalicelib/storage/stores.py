"""The ports of one process, and what implements them on DynamoDB."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.services.access.ports import IdempotencyStore
from chalicelib.services.audiences.ports import MemberStore
from chalicelib.services.catalogue.ports import Eraser
from chalicelib.services.experiments.ports import (
    DeadRecordStore,
    EnrollmentCountStore,
    EnrollmentStore,
    RecordStore,
)
from chalicelib.services.features.ports import CohortStore, EventStore, TotalsStore, UserStore
from chalicelib.services.flags.ports import ExposureStore
from chalicelib.services.outcomes.ports import (
    LogStore,
    ResultStore,
    SnapshotStore,
    SummaryStore,
    UserEnrollmentStore,
)
from chalicelib.services.participants.ports import (
    ParticipantStore,
    PreviewUserStore,
    ProfileStore,
    StratumStore,
)
from chalicelib.services.privacy.ports import UserDataStore, UserListStore
from chalicelib.services.running.ports import CatalogueStore, NoteStore, PurgeQueue
from chalicelib.storage.access.idempotency import DynamoIdempotencyStore
from chalicelib.storage.audiences.members import DynamoMemberStore
from chalicelib.storage.catalogue.catalogue import DynamoCatalogueStore
from chalicelib.storage.catalogue.clear import DynamoEraser
from chalicelib.storage.dynamodb.notes import DynamoNoteStore
from chalicelib.storage.experiments.dead_records import DynamoDeadRecordStore
from chalicelib.storage.experiments.enrollment_counts import DynamoEnrollmentCountStore
from chalicelib.storage.experiments.enrollments import DynamoEnrollmentStore
from chalicelib.storage.experiments.listing import DynamoRecordStore
from chalicelib.storage.experiments.profiles import DynamoProfileStore
from chalicelib.storage.experiments.totals import DynamoTotalsStore
from chalicelib.storage.features.cohorts import DynamoCohortStore
from chalicelib.storage.features.events import DynamoEventStore
from chalicelib.storage.features.purge import DynamoPurgeQueue
from chalicelib.storage.features.users import DynamoUserStore
from chalicelib.storage.flags.exposures import DynamoExposureStore
from chalicelib.storage.outcomes.logs import DynamoLogStore
from chalicelib.storage.outcomes.results import DynamoResultStore
from chalicelib.storage.outcomes.snapshots import DynamoSnapshotStore
from chalicelib.storage.outcomes.summaries import DynamoSummaryStore
from chalicelib.storage.outcomes.user_enrollments import DynamoUserEnrollmentStore
from chalicelib.storage.participants.participants import DynamoParticipantStore
from chalicelib.storage.participants.preview_users import DynamoPreviewUserStore
from chalicelib.storage.participants.strata import DynamoStratumStore
from chalicelib.storage.privacy.user_data import DynamoUserDataStore
from chalicelib.storage.privacy.user_lists import DynamoUserListStore


@dataclass(frozen=True, slots=True)
class Stores:
    """The ports of one process."""

    catalogue: CatalogueStore
    users: UserStore
    events: EventStore
    totals: TotalsStore
    cohorts: CohortStore
    notes: NoteStore
    queue: PurgeQueue
    eraser: Eraser
    participants: ParticipantStore
    profiles: ProfileStore
    members: MemberStore
    exposures: ExposureStore
    enrollments: EnrollmentStore
    enrollment_counts: EnrollmentCountStore
    logs: LogStore
    results: ResultStore
    summaries: SummaryStore
    snapshots: SnapshotStore
    user_enrollments: UserEnrollmentStore
    records: RecordStore
    dead_records: DeadRecordStore
    preview_users: PreviewUserStore
    strata: StratumStore
    idempotency: IdempotencyStore
    user_data: UserDataStore
    user_lists: UserListStore


def dynamo_stores(*, exact_totals: bool = True) -> Stores:
    """All ports on the connected database; `exact_totals` as in `DynamoEventStore`."""
    participants = DynamoParticipantStore()
    return Stores(
        catalogue=DynamoCatalogueStore(),
        users=DynamoUserStore(),
        events=DynamoEventStore(exact_totals=exact_totals),
        totals=DynamoTotalsStore(),
        cohorts=DynamoCohortStore(),
        notes=DynamoNoteStore(),
        queue=DynamoPurgeQueue(),
        eraser=DynamoEraser(),
        participants=participants,
        profiles=DynamoProfileStore(participants),
        members=DynamoMemberStore(),
        exposures=DynamoExposureStore(),
        enrollments=DynamoEnrollmentStore(),
        enrollment_counts=DynamoEnrollmentCountStore(),
        logs=DynamoLogStore(),
        results=DynamoResultStore(),
        summaries=DynamoSummaryStore(),
        snapshots=DynamoSnapshotStore(),
        user_enrollments=DynamoUserEnrollmentStore(),
        records=DynamoRecordStore(),
        dead_records=DynamoDeadRecordStore(),
        preview_users=DynamoPreviewUserStore(),
        strata=DynamoStratumStore(),
        idempotency=DynamoIdempotencyStore(),
        user_data=DynamoUserDataStore(),
        user_lists=DynamoUserListStore(),
    )

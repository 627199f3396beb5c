"""The ports of one process, all together."""

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

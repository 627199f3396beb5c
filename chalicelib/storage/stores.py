"""Implementations of the ports on DynamoDB."""

from __future__ import annotations

from chalicelib.services.stores import Stores
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

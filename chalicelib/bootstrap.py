"""Builds the object graph, once per process."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chalicelib.services import Services
from chalicelib.services.access.access import AccessService
from chalicelib.services.access.client_auth import ClientAuthService, ClientCredentials
from chalicelib.services.access.idempotency import IdempotencyService
from chalicelib.services.access.sessions import SessionService
from chalicelib.services.audiences.list_members import ListMembers
from chalicelib.services.audiences.list_notes import ListNotes
from chalicelib.services.audiences.listings import ListingService
from chalicelib.services.audiences.segment_deletion import SegmentDeletionService
from chalicelib.services.audiences.segments import SegmentService
from chalicelib.services.catalogue.administration.experiments import ExperimentAdministration
from chalicelib.services.catalogue.administration.file_imports import FileImportService
from chalicelib.services.catalogue.administration.flags import FlagAdministration
from chalicelib.services.catalogue.administration.list_uses import ListUses
from chalicelib.services.catalogue.administration.segments import SegmentAdministration
from chalicelib.services.catalogue.demo import DemoService
from chalicelib.services.catalogue.entity_tags import EntityTagService
from chalicelib.services.catalogue.faults import FaultService
from chalicelib.services.catalogue.imports import ImportService
from chalicelib.services.catalogue.lists import ListService
from chalicelib.services.catalogue.runs import RunService
from chalicelib.services.catalogue.study_setup import StudySetupService
from chalicelib.services.experiments.assignment import AssignmentService
from chalicelib.services.experiments.batch_assignment import BatchAssignmentService
from chalicelib.services.experiments.enrollment_statistics import EnrollmentStatisticsService
from chalicelib.services.experiments.experiment_lists import ExperimentLists
from chalicelib.services.experiments.experiments import ExperimentService
from chalicelib.services.experiments.marking import MarkService
from chalicelib.services.experiments.transfer import TransferService
from chalicelib.services.features.administration import FeatureAdministration
from chalicelib.services.features.cohorts import CohortService
from chalicelib.services.features.events import AnalysisService, EventService
from chalicelib.services.features.features import FeatureService
from chalicelib.services.features.purge import PurgeService
from chalicelib.services.features.user_blocks import UserBlockService
from chalicelib.services.features.users import UserService
from chalicelib.services.flags.evaluation import EvaluationService
from chalicelib.services.flags.flags import FlagService
from chalicelib.services.outcomes.logs import LogService
from chalicelib.services.outcomes.metric_analysis import MetricAnalysisService
from chalicelib.services.outcomes.metrics import MetricService
from chalicelib.services.outcomes.plans import PlanService
from chalicelib.services.outcomes.result_rows import ResultRowService
from chalicelib.services.outcomes.results import ResultService
from chalicelib.services.outcomes.snapshots import SnapshotService
from chalicelib.services.participants.participants import ParticipantService
from chalicelib.services.participants.preview_users import PreviewUserService
from chalicelib.services.participants.stratification import StratificationService
from chalicelib.services.privacy.erasure import ErasureService
from chalicelib.services.privacy.user_export import UserExportService
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.compilation import CompilationService
from chalicelib.services.running.ports import Clock
from chalicelib.services.stores import Stores
from chalicelib.settings import Settings
from chalicelib.storage.dynamodb import connection, tables
from chalicelib.storage.stores import dynamo_stores

if TYPE_CHECKING:
    from chalicelib.services.pages import PageServices


def utc_now() -> datetime:
    """The time in whole milliseconds, the resolution in which times are stored."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def connect(settings: Settings) -> None:
    """Connect to the database that `settings` name; other than AWS's, make its tables."""
    if settings.embedded:
        # Development only: moto is not in the package that is deployed.
        from chalicelib.storage.dynamodb import embedded

        embedded.start()
    place = settings.aws_region, settings.table_prefix, settings.dynamodb_endpoint
    if settings.dynamodb_endpoint:
        connection.connect(*place, read_timeout=connection.STARTING_UP)
        tables.create_missing()
    timeout = settings.dynamodb_timeout_ms / 1000
    connection.connect(*place, read_timeout=timeout, signed=not settings.embedded)
    tables.bind_all()
    if settings.embedded:
        tables.create_missing()


def build(settings: Settings, stores: Stores | None = None, clock: Clock = utc_now) -> Services:
    """The use cases on `stores`, or on the connected database."""
    stores = stores or dynamo_stores(exact_totals=settings.exact_totals)
    list_notes = ListNotes(stores.members, stores.queue, clock)
    catalogue = CatalogueService(
        stores.catalogue,
        clock,
        settings.catalogue_ttl_ms / 1000,
        timeout=connection.CONNECT_TIMEOUT + settings.dynamodb_timeout_ms / 1000,
        stale_for=settings.stale_for_ms / 1000,
    )
    segment_deletion = SegmentDeletionService(catalogue, clock)
    purge = PurgeService(
        catalogue,
        stores.users,
        stores.events,
        stores.totals,
        stores.members,
        stores.dead_records,
        segment_deletion,
        stores.queue,
        clock,
    )
    contexts = tuple(settings.context_metadata)
    credentials = functools.partial(client_credentials, settings)
    compilation = CompilationService(catalogue, contexts)
    participants = ParticipantService(stores.participants, stores.profiles, compilation, clock)
    assignment = AssignmentService(
        compilation, stores.participants, stores.enrollment_counts, clock
    )
    metric_analysis = MetricAnalysisService(
        catalogue, stores.logs, stores.results, stores.user_enrollments
    )
    experiments = ExperimentService(
        catalogue, stores.catalogue, clock, settings.totals_shards, metric_analysis.keep
    )
    list_members = ListMembers(stores.members)
    segments = SegmentService(catalogue, list_notes, clock, settings.context_metadata, list_members)
    experiment_lists = ExperimentLists(catalogue, experiments)
    metrics = MetricService(catalogue, clock, contexts)
    cohorts = CohortService(
        catalogue, stores.users, stores.events, stores.cohorts, stores.notes, clock
    )
    snapshots = SnapshotService(
        catalogue,
        stores.logs,
        stores.user_enrollments,
        stores.participants,
        stores.enrollment_counts,
        stores.snapshots,
        clock,
    )
    flags = FlagService(catalogue, stores.catalogue, stores.exposures)
    user_blocks = UserBlockService(catalogue)
    access = AccessService(
        catalogue, clock, enabled=settings.needs_keys, open_testlab=settings.open_testlab
    )
    enrollment_statistics = EnrollmentStatisticsService(catalogue, stores.enrollment_counts, clock)
    imports = ImportService(
        catalogue, segments, segment_deletion, experiments, experiment_lists, flags, metrics
    )
    lists = ListService(segments, segment_deletion, experiments, experiment_lists, flags)
    faults = FaultService(catalogue, clock)
    listings = ListingService(segments)
    uses_of = functools.partial(ListUses, segments, listings, experiments, flags, metrics, faults)
    user_export = UserExportService(
        catalogue,
        stores.participants,
        stores.users,
        stores.events,
        stores.preview_users,
        stores.user_data,
        stores.user_lists,
        stores.idempotency,
        clock,
    )
    features = FeatureService(catalogue, stores.catalogue, purge, clock, settings.totals_shards)
    plans = PlanService(catalogue, stores.totals, stores.enrollment_counts, clock)
    results = ResultService(
        catalogue,
        stores.cohorts,
        cohorts,
        stores.enrollment_counts,
        snapshots,
        stores.summaries,
        clock,
        exact_totals=settings.exact_totals,
    )

    @functools.cache
    def load_pages() -> PageServices:
        # With the first page: two threads that come first at once may make two of each, none of
        # which keeps any state.
        from chalicelib.services.pages import PageServices

        return PageServices.of(
            services, stores, clock, totals_shards=settings.totals_shards, settings=settings.shown()
        )

    services = Services(
        catalogue=catalogue,
        features=features,
        feature_administration=FeatureAdministration(features, user_blocks),
        user_blocks=user_blocks,
        users=UserService(
            catalogue, stores.users, stores.participants, purge, clock, settings.ip_address_mode
        ),
        events=EventService(catalogue, stores.users, stores.events, clock),
        analysis=AnalysisService(catalogue, stores.totals),
        cohorts=cohorts,
        result_rows=ResultRowService(catalogue, stores.users, stores.logs, stores.user_enrollments),
        results=results,
        purge=purge,
        demo=DemoService(stores.eraser, clock, catalogue.settling, enabled=settings.demo_mode),
        participants=participants,
        experiments=experiments,
        experiment_administration=ExperimentAdministration(
            experiments, imports, lists, listings, metrics, faults, uses_of
        ),
        faults=faults,
        segments=segments,
        segment_administration=SegmentAdministration(segments, listings, uses_of),
        segment_deletion=segment_deletion,
        study_setup=StudySetupService(catalogue, lambda: credentials() is not None),
        preview_users=PreviewUserService(catalogue, stores.preview_users, clock),
        stratification=StratificationService(catalogue, stores.strata, clock),
        assignment=assignment,
        marking=MarkService(
            compilation,
            experiments,
            stores.participants,
            stores.enrollments,
            stores.enrollment_counts,
            clock,
        ),
        batch_assignment=BatchAssignmentService(assignment, participants, contexts),
        flags=flags,
        flag_administration=FlagAdministration(flags, lists, listings, uses_of),
        evaluation=EvaluationService(
            compilation, stores.participants, stores.exposures, clock, settings.totals_shards
        ),
        metrics=metrics,
        logs=LogService(compilation, stores.logs, clock),
        metric_analysis=metric_analysis,
        snapshots=snapshots,
        plans=plans,
        transfer=TransferService(
            compilation,
            stores.participants,
            stores.profiles,
            stores.enrollments,
            stores.records,
            clock,
            settings.totals_shards,
        ),
        enrollment_statistics=enrollment_statistics,
        access=access,
        sessions=SessionService(catalogue, access, clock),
        client_auth=ClientAuthService(catalogue, credentials),
        erasure=ErasureService(
            catalogue,
            stores.participants,
            stores.users,
            stores.preview_users,
            stores.strata,
            stores.user_data,
            purge,
            clock,
        ),
        user_export=user_export,
        lists=lists,
        imports=imports,
        file_imports=FileImportService(catalogue, imports),
        idempotency=IdempotencyService(stores.idempotency, clock),
        runs=RunService(stores.notes, clock),
        load_pages=load_pages,
        entity_tags=EntityTagService(catalogue, stores.members, list_members, contexts),
    )
    return services


def client_credentials(settings: Settings) -> ClientCredentials | None:
    """What clients' tokens are checked against: from the environment, or from SSM if named there.

    Raises:
        Unavailable: if SSM does not answer.
    """
    secret, key = settings.client_api_secret, settings.client_api_key
    if secret and key:
        return ClientCredentials(secret.get_secret_value(), key.get_secret_value())
    names = settings.client_api_secret_parameter, settings.client_api_key_parameter
    if not all(names):
        return None
    # Only where it is needed: it brings another client of AWS's into the start-up time.
    from chalicelib import parameters

    return ClientCredentials(*(parameters.secret(name) for name in names if name))

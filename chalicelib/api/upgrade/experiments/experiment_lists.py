"""Lists of experiments: /api/experiments/inclusionList and exclusionList."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from chalicelib.api.http.reading import Reading
from chalicelib.api.http.rendering import Rendered
from chalicelib.api.http.routes import Routes
from chalicelib.api.http.tagged import Concern
from chalicelib.api.pages.answer_pages import Row
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.audiences.listings import (
    check_same_list,
    list_draft,
    listing_of,
    listings_of,
)
from chalicelib.api.upgrade.audiences.long_lists import ReplaceQuery, check_replaced, shows_lists
from chalicelib.api.upgrade.audiences.segment_answers import DeletedList
from chalicelib.api.upgrade.audiences.segment_models import ListBody, Listings
from chalicelib.api.upgrade.audiences.shown_members import ROUTE, bounded, bounded_one, reply
from chalicelib.api.upgrade.experiments.designs import experiment_answers as answers
from chalicelib.api.upgrade.experiments.designs import shapes
from chalicelib.api.upgrade.experiments.designs.metric_models import metric_records
from chalicelib.api.upgrade.experiments.experiment_imports import exported
from chalicelib.api.upgrade.experiments.experiments import EXPERIMENT_OF_BODY, ExperimentId
from chalicelib.domain.catalogue.entity_tags import Kind
from chalicelib.domain.catalogue.lists import entries, has_list, listed
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)

INCLUSION, EXCLUSION = "/api/experiments/inclusionList", "/api/experiments/exclusionList"


def _holding(*, exclude: bool) -> Concern:
    """The experiment that has the list of the path; the first if several have it."""

    def holder(services: Services, arguments: Mapping[str, Any]) -> str | None:
        segment_id = arguments["segment_id"]
        found = (
            each.id
            for each in services.experiments.all()
            if has_list(each, segment_id, exclude=exclude)
        )
        return next(found, None)

    return Concern(Kind.EXPERIMENT, holder)


@routes.endpoint(INCLUSION, "POST", concerns=EXPERIMENT_OF_BODY)
def add_inclusion_list(
    services: Services, reading: Reading, body: ListBody, query: ReplaceQuery
) -> Rendered[shapes.AddedList]:
    """Let a list include its members."""
    return _add_list(services, reading, body, query, exclude=False)


@routes.endpoint(EXCLUSION, "POST", concerns=EXPERIMENT_OF_BODY)
def add_exclusion_list(
    services: Services, reading: Reading, body: ListBody, query: ReplaceQuery
) -> Rendered[shapes.AddedList]:
    """Let a list exclude its members."""
    return _add_list(services, reading, body, query, exclude=True)


def _add_list(
    services: Services, reading: Reading, body: ListBody, query: ReplaceQuery, *, exclude: bool
) -> Rendered[shapes.AddedList]:
    check_replaced(services, body.list, query, reading)
    draft = list_draft(body.list)
    experiment = services.lists.add_to_experiment(body.experiment_id, draft, exclude=exclude)
    return _answer(services, experiment, draft.segment.id, INCLUSION)


@routes.endpoint("/api/experiments/inclusionList/{segment_id}", "PUT", concerns=EXPERIMENT_OF_BODY)
def replace_inclusion_list(
    services: Services,
    reading: Reading,
    segment_id: ExperimentId,
    body: ListBody,
    query: ReplaceQuery,
) -> Rendered[shapes.AddedList]:
    """Replace the members of a list that includes."""
    return _replace_list(services, reading, segment_id, body, query, exclude=False)


@routes.endpoint("/api/experiments/exclusionList/{segment_id}", "PUT", concerns=EXPERIMENT_OF_BODY)
def replace_exclusion_list(
    services: Services,
    reading: Reading,
    segment_id: ExperimentId,
    body: ListBody,
    query: ReplaceQuery,
) -> Rendered[shapes.AddedList]:
    """Replace the members of a list that excludes."""
    return _replace_list(services, reading, segment_id, body, query, exclude=True)


def _replace_list(
    services: Services,
    reading: Reading,
    segment_id: str,
    body: ListBody,
    query: ReplaceQuery,
    *,
    exclude: bool,
) -> Rendered[shapes.AddedList]:
    segment = body.list.model_copy(update={"id": segment_id})

    def check() -> None:
        check_same_list(segment_id, body.list)
        check_replaced(services, segment, query, reading)

    experiment = services.lists.replace_in_experiment(
        body.experiment_id, list_draft(segment), exclude=exclude, check=check
    )
    return _answer(services, experiment, segment_id, f"{INCLUSION}/{{segment_id}}")


def _answer(
    services: Services, experiment: Experiment, segment_id: str, route: str
) -> Rendered[shapes.AddedList]:
    listing = listing_of(services, segment_id)
    return reply(bounded_one(partial(answers.added_list, experiment), listing, route))


@routes.endpoint(
    "/api/experiments/inclusionList/{segment_id}",
    "DELETE",
    concerns=_holding(exclude=False),
)
def delete_inclusion_list(services: Services, segment_id: ExperimentId) -> list[DeletedList]:
    """Remove a list that includes."""
    return _delete_list(services, segment_id, exclude=False)


@routes.endpoint(
    "/api/experiments/exclusionList/{segment_id}",
    "DELETE",
    concerns=_holding(exclude=True),
)
def delete_exclusion_list(services: Services, segment_id: ExperimentId) -> list[DeletedList]:
    """Remove a list that excludes."""
    return _delete_list(services, segment_id, exclude=True)


def _delete_list(services: Services, segment_id: str, *, exclude: bool) -> list[DeletedList]:
    segment = services.lists.remove_from_experiments(segment_id, exclude=exclude)
    return [{"id": segment.id, "name": segment.name}]


@shows_lists
def _shown_with_list(services: Services, segment_id: str) -> Iterator[Row[object]]:
    """The answers that show the experiments which have a list: of their own, and as files."""
    for experiment in services.experiments.all():
        if segment_id in listed(experiment):
            yield from _shown_whole(services, experiment)


def _shown_whole(services: Services, experiment: Experiment) -> Iterator[Row[object]]:
    metrics, faults = metric_records(services), services.faults.all()
    listings = listings_of(services, entries(experiment))

    def shown(some: Listings) -> shapes.Experiment:
        return answers.with_fault(
            answers.single(experiment, metrics=metrics, listings=some), faults
        )

    yield bounded(shown, listings, ROUTE)
    yield bounded(
        lambda some: exported(experiment, metrics=metrics, listings=some), listings, ROUTE
    )

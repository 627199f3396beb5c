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
from chalicelib.api.upgrade.audiences.list_drafts import check_same_list, list_draft
from chalicelib.api.upgrade.audiences.long_lists import ReplaceQuery, check_replaced, shows_lists
from chalicelib.api.upgrade.audiences.segment_answers import DeletedList
from chalicelib.api.upgrade.audiences.segment_models import ListBody
from chalicelib.api.upgrade.audiences.shown_members import ROUTE, bounded, bounded_one, reply
from chalicelib.api.upgrade.experiments.designs import experiment_answers as answers
from chalicelib.api.upgrade.experiments.designs import shapes
from chalicelib.api.upgrade.experiments.designs.metric_models import metric_records
from chalicelib.api.upgrade.experiments.experiment_imports import exported
from chalicelib.api.upgrade.experiments.experiments import EXPERIMENT_OF_BODY, ExperimentId
from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.catalogue.entity_tags import Kind
from chalicelib.domain.catalogue.lists import has_list
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.services import Services
from chalicelib.services.catalogue.administration.list_uses import ExperimentDetail, ListUses

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
    check = check_replaced(body.list, query, reading)
    stored = services.experiment_administration.add_list(
        body.experiment_id, list_draft(body.list), exclude=exclude, check=check
    )
    return _answer(*stored, INCLUSION)


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

    def check(uses: ListUses) -> None:
        check_same_list(segment_id, body.list)
        check_replaced(segment, query, reading)(uses)

    stored = services.experiment_administration.replace_list(
        body.experiment_id, list_draft(segment), exclude=exclude, check=check
    )
    return _answer(*stored, f"{INCLUSION}/{{segment_id}}")


def _answer(experiment: Experiment, listing: Listing, route: str) -> Rendered[shapes.AddedList]:
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
def _shown_with_list(uses: ListUses) -> Iterator[Row[object]]:
    """The answers that show the experiments which have a list: of their own, and as files."""
    for found in uses.experiments():
        yield from _shown_whole(found)


def _shown_whole(found: ExperimentDetail) -> Iterator[Row[object]]:
    experiment, metrics = found.experiment, metric_records(found.metrics)

    def shown(some: Listings) -> shapes.Experiment:
        answer = answers.single(experiment, metrics=metrics, listings=some)
        return answers.with_fault(answer, found.faults)

    yield bounded(shown, found.listings, ROUTE)
    yield bounded(
        lambda some: exported(experiment, metrics=metrics, listings=some), found.listings, ROUTE
    )

"""Administration of experiments: /api/experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from chalice.app import Response
from pydantic import AfterValidator

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.http.tagged import Concern, new, of_body, of_path
from chalicelib.api.pages.answer_pages import ListQuery, Pages, Row
from chalicelib.api.pages.answer_sizes import ANSWER_BYTES, fitting
from chalicelib.api.upgrade import experiment_answers as answers
from chalicelib.api.upgrade.dialect import DIALECT, GoneExperiment
from chalicelib.api.upgrade.experiment_answers import EXPERIMENT_SEARCH
from chalicelib.api.upgrade.experiment_models import (
    EditExperimentBody,
    ExperimentBody,
    StateBody,
)
from chalicelib.api.upgrade.experiment_requests import (
    edited_experiment,
    new_experiment,
    requested_lists,
)
from chalicelib.api.upgrade.listings import (
    check_same_list,
    each_experiment_with_lists,
    join_list,
    list_draft,
    listing_of,
    listings_of,
    put_segment,
)
from chalicelib.api.upgrade.long_lists import ReplaceQuery, check_replaced
from chalicelib.api.upgrade.metric_models import metric_records
from chalicelib.api.upgrade.pages import PageBody, page
from chalicelib.api.upgrade.records import Json, new_id, now, two_characters
from chalicelib.api.upgrade.segment_models import ListBody, Listings
from chalicelib.api.upgrade.shown_members import bounded, bounded_one, reply
from chalicelib.api.upgrade.texts import UUID_SCHEMA, checked_uuid
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.catalogue.answer_room import check_shown
from chalicelib.domain.catalogue.entity_tags import Kind
from chalicelib.domain.catalogue.lists import entries as list_entries
from chalicelib.domain.catalogue.lists import has_list
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.participants.decision_points import Place
from chalicelib.services.catalogue.imports import ExperimentDraft
from chalicelib.services.experiments.experiments import AT_ONCE, Numbered

blueprint = ApiBlueprint(__name__, DIALECT)

ExperimentId = Annotated[str, AfterValidator(checked_uuid), UUID_SCHEMA]

EXPERIMENT = of_path(Kind.EXPERIMENT, "experiment_id")
EXPERIMENT_OF_BODY = of_body(Kind.EXPERIMENT, lambda body: body.experiment_id)


def _holding(*, exclude: bool) -> Concern:
    """The experiment that has the list of the path; the first if several have it."""

    def holder(arguments: Mapping[str, Any]) -> str | None:
        segment_id = arguments["segment_id"]
        found = (
            each.id
            for each in blueprint.services.experiments.all()
            if has_list(each, segment_id, exclude=exclude)
        )
        return next(found, None)

    return Concern(Kind.EXPERIMENT, holder)


def _listings(experiments: Sequence[Experiment]) -> Listings:
    entries = (entry for experiment in experiments for entry in list_entries(experiment))
    return listings_of(blueprint.services, entries)


def _metrics() -> answers.Metrics:
    return metric_records(blueprint.services)


LIST = "/api/experiments"
NAMES = "/api/experiments/names"
PARTITIONS = "/api/experiments/partitions"
SINGLE = "/api/experiments/single/{experiment_id}"
ONE = "/api/experiments/{experiment_id}"
INCLUSION, EXCLUSION = "/api/experiments/inclusionList", "/api/experiments/exclusionList"

PAGES: Pages[Numbered] = Pages(LIST, lambda row: (row[0],), tuple[int])
NAME_PAGES: Pages[Numbered] = Pages(NAMES, lambda row: (row[0],), tuple[int])
POINT_PAGES: Pages[Place] = Pages(
    PARTITIONS, lambda place: (place.site, place.target), tuple[str, str]
)


def _single(experiment: Experiment, *, metrics: answers.Metrics, listings: Listings) -> Json:
    answer = answers.single(experiment, metrics=metrics, listings=listings)
    return answers.with_fault(answer, blueprint.services.faults.all())


def _shown(
    render: answers.Rendering, metrics: answers.Metrics, route: str,
    experiment: Experiment, listings: Listings,
) -> Row:  # fmt: skip
    return bounded(
        lambda shown: render(experiment, metrics=metrics, listings=shown), listings, route
    )


@blueprint.endpoint(LIST, "POST", concerns=new(Kind.EXPERIMENT))
def create_experiment(body: ExperimentBody) -> dict[str, Any]:
    """Create an experiment, with its lists if it brings some."""
    return _created([body])[0]


@blueprint.endpoint("/api/experiments/batch", "POST")
def create_experiments(
    body: Annotated[list[ExperimentBody], AtMost(AT_ONCE)],
) -> list[dict[str, Any]]:
    """Create several experiments, all of them or none."""
    return _created(body)


def _created(bodies: Sequence[ExperimentBody]) -> list[dict[str, Any]]:
    """The answer of experiments that were created; more than it holds is refused before."""
    metrics = _metrics()
    drafts = [_draft(each, metrics) for each in bodies]
    _, fits = fitting(answers.created(draft.design, metrics=metrics) for draft in drafts)
    if not fits:
        raise Invalid(
            f"the answer would have more than {ANSWER_BYTES} bytes: create fewer experiments in one"
            " call"
        )
    experiments = blueprint.services.imports.experiments(drafts)
    return [answers.created(experiment, metrics=metrics) for experiment in experiments]


def _draft(body: ExperimentBody, metrics: answers.Metrics) -> ExperimentDraft:
    design = new_experiment(
        body,
        contexts=blueprint.services.segments.contexts,
        now=now(),
        new_id=new_id,
        two_characters=two_characters,
        known_metrics=metrics,
    )
    check_shown(design)
    included, excluded = requested_lists(body)
    return ExperimentDraft(
        design, [list_draft(each) for each in included], [list_draft(each) for each in excluded]
    )


@blueprint.endpoint(LIST)
def list_experiments(query: ListQuery) -> Response:
    """The experiments, complete, the oldest first."""
    services, write = blueprint.services, partial(_shown, _single, _metrics(), LIST)
    rest = PAGES.rest(services.experiments.numbered(), query)
    read = partial(each_experiment_with_lists, services)
    taken = PAGES.take(rest, query, read, lambda row, lists: write(row[1], lists))
    return PAGES.response(taken, query)


@blueprint.endpoint(NAMES)
def experiment_names(query: ListQuery) -> Response:
    """Id and name of the experiments."""
    numbered = blueprint.services.experiments.numbered()
    return NAME_PAGES.answer(numbered, query, lambda row: answers.name(row[1]))


@blueprint.endpoint(PARTITIONS)
def points_in_use(query: ListQuery) -> Response:
    """Sites and targets that experiments have."""
    places = answers.places_in_use(blueprint.services.experiments.all())
    return POINT_PAGES.answer(places, query, answers.place_in_use)


@blueprint.endpoint("/api/experiments/contextMetaData")
def context_metadata() -> dict[str, Any]:
    """The contexts as they are configured."""
    return {"contextMetadata": blueprint.services.segments.context_metadata}


@blueprint.endpoint("/api/experiments/paginated", "POST")
def page_of_experiments(body: PageBody) -> Response:
    """Some of the experiments."""
    found = page(blueprint.services.experiments.all(), body, EXPERIMENT_SEARCH)
    faults = blueprint.services.faults.all()
    return found.response(found.rows, lambda e: answers.with_fault(answers.list_item(e), faults))


@blueprint.endpoint(SINGLE, concerns=EXPERIMENT)
def get_experiment(experiment_id: ExperimentId) -> Any:
    """One experiment, complete."""
    experiment = blueprint.services.experiments.get(experiment_id)
    row = _shown(_single, _metrics(), SINGLE, experiment, _listings([experiment]))
    return reply(row)


@blueprint.endpoint("/api/experiments/conditions/{experiment_id}")
def get_conditions(experiment_id: ExperimentId) -> list[dict[str, Any]]:
    """The conditions of an experiment."""
    return answers.conditions(blueprint.services.experiments.get(experiment_id))


@blueprint.endpoint("/api/experiments/state", "POST", concerns=EXPERIMENT_OF_BODY)
def change_state(body: StateBody) -> dict[str, Any]:
    """Move an experiment to another state; a scheduled one says when it is to start."""
    before, after = blueprint.services.experiments.move(
        body.experiment_id, body.state, body.schedule_date
    )
    return answers.state_changed(before, after, metrics=_metrics())


@blueprint.endpoint(ONE, "PUT", concerns=EXPERIMENT)
def edit_experiment(experiment_id: ExperimentId, body: EditExperimentBody) -> Any:
    """Replace an experiment, but for its lists."""
    services = blueprint.services

    def edit(before: Experiment) -> Experiment:
        return edited_experiment(
            body,
            before,
            contexts=services.segments.contexts,
            now=now(),
            new_id=new_id,
            two_characters=two_characters,
            known_metrics=_metrics(),
        )

    after = services.experiments.edit(experiment_id, edit)
    return reply(_shown(answers.edited, _metrics(), ONE, after, _listings([after])))


@blueprint.endpoint("/api/experiments/{experiment_id}", "DELETE", concerns=EXPERIMENT)
def delete_experiment(experiment_id: ExperimentId) -> list[dict[str, Any]]:
    """Delete an experiment with its lists."""
    services = blueprint.services
    try:
        experiment = services.experiments.delete(experiment_id)
    except NotFound as error:
        raise GoneExperiment("Experiment not found.") from error
    return answers.deleted(experiment)


@blueprint.endpoint(INCLUSION, "POST", concerns=EXPERIMENT_OF_BODY)
def add_inclusion_list(body: ListBody, query: ReplaceQuery) -> Any:
    """Let a list include its members."""
    return _add_list(body, query, exclude=False)


@blueprint.endpoint(EXCLUSION, "POST", concerns=EXPERIMENT_OF_BODY)
def add_exclusion_list(body: ListBody, query: ReplaceQuery) -> Any:
    """Let a list exclude its members."""
    return _add_list(body, query, exclude=True)


def _add_list(body: ListBody, query: ReplaceQuery, *, exclude: bool) -> Any:
    services = blueprint.services
    check_replaced(services, body.list, query, blueprint.current_request.headers)
    services.experiments.check_room(body.experiment_id, body.list.id, exclude=exclude)
    segment_id, experiment = join_list(
        services,
        body.list,
        lambda made: services.experiments.add_list(
            body.experiment_id, made.id, exclude=exclude, lists=[made]
        ),
    )
    listing = listing_of(services, segment_id)
    return reply(bounded_one(partial(answers.added_list, experiment), listing, INCLUSION))


@blueprint.endpoint(
    "/api/experiments/inclusionList/{segment_id}", "PUT", concerns=EXPERIMENT_OF_BODY
)
def replace_inclusion_list(segment_id: ExperimentId, body: ListBody, query: ReplaceQuery) -> Any:
    """Replace the members of a list that includes."""
    return _replace_list(segment_id, body, query, exclude=False)


@blueprint.endpoint(
    "/api/experiments/exclusionList/{segment_id}", "PUT", concerns=EXPERIMENT_OF_BODY
)
def replace_exclusion_list(segment_id: ExperimentId, body: ListBody, query: ReplaceQuery) -> Any:
    """Replace the members of a list that excludes."""
    return _replace_list(segment_id, body, query, exclude=True)


def _replace_list(segment_id: str, body: ListBody, query: ReplaceQuery, *, exclude: bool) -> Any:
    services = blueprint.services
    experiment = services.experiments.get(body.experiment_id)
    services.experiments.check_list(segment_id, exclude=exclude)
    if not has_list(experiment, segment_id, exclude=exclude):
        raise Invalid(f"the list {segment_id} belongs to another experiment")
    check_same_list(segment_id, body.list)
    segment = body.list.model_copy(update={"id": segment_id})
    check_replaced(services, segment, query, blueprint.current_request.headers)
    put_segment(services, segment)
    listing = listing_of(services, segment_id)
    return reply(
        bounded_one(partial(answers.added_list, experiment), listing, f"{INCLUSION}/{{segment_id}}")
    )


@blueprint.endpoint(
    "/api/experiments/inclusionList/{segment_id}", "DELETE", concerns=_holding(exclude=False)
)
def delete_inclusion_list(segment_id: ExperimentId) -> list[dict[str, Any]]:
    """Remove a list that includes."""
    return _delete_list(segment_id, exclude=False)


@blueprint.endpoint(
    "/api/experiments/exclusionList/{segment_id}", "DELETE", concerns=_holding(exclude=True)
)
def delete_exclusion_list(segment_id: ExperimentId) -> list[dict[str, Any]]:
    """Remove a list that excludes."""
    return _delete_list(segment_id, exclude=True)


def _delete_list(segment_id: str, *, exclude: bool) -> list[dict[str, Any]]:
    blueprint.services.experiments.check_list(segment_id, exclude=exclude)
    blueprint.services.experiments.remove_list(segment_id)
    segment = blueprint.services.segment_deletion.delete_unused(segment_id)
    return [{"id": segment.id, "name": segment.name}]

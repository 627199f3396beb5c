"""Administration of experiments: /api/experiments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Annotated, NoReturn, TypeVar, cast

from pydantic import AfterValidator

from chalicelib.api.http.rendering import Rendered
from chalicelib.api.http.routes import Routes
from chalicelib.api.http.tagged import new, of_body, of_path
from chalicelib.api.pages.answer_pages import ListQuery, Pages, Row
from chalicelib.api.pages.answer_sizes import ANSWER_BYTES, fitting
from chalicelib.api.upgrade.access.dialect import DIALECT, GoneExperiment
from chalicelib.api.upgrade.audiences.list_drafts import list_draft
from chalicelib.api.upgrade.audiences.shown_members import bounded, reply
from chalicelib.api.upgrade.experiments.designs import experiment_answers as answers
from chalicelib.api.upgrade.experiments.designs import shapes
from chalicelib.api.upgrade.experiments.designs.answer_parts import EXPERIMENT_SEARCH, Metrics
from chalicelib.api.upgrade.experiments.designs.experiment_models import (
    EditExperimentBody,
    ExperimentBody,
    StateBody,
)
from chalicelib.api.upgrade.experiments.designs.experiment_requests import (
    edited_experiment,
    new_experiment,
    requested_lists,
)
from chalicelib.api.upgrade.experiments.designs.metric_models import metric_records
from chalicelib.api.upgrade.wire.pages import PageBody, PageOf, page
from chalicelib.api.upgrade.wire.records import new_id, now, two_characters
from chalicelib.api.upgrade.wire.texts import UUID_SCHEMA, checked_uuid
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.audiences.listings import Listings
from chalicelib.domain.catalogue.answer_room import check_shown
from chalicelib.domain.catalogue.entity_tags import Kind
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.services import Services
from chalicelib.services.catalogue.administration.list_uses import ExperimentDetail
from chalicelib.services.catalogue.imports import ExperimentDraft
from chalicelib.services.experiments.experiments import AT_ONCE, HeldExperiment

routes = Routes(__name__, DIALECT)

A = TypeVar("A")

ExperimentId = Annotated[str, AfterValidator(checked_uuid), UUID_SCHEMA]

EXPERIMENT = of_path(Kind.EXPERIMENT, "experiment_id")
EXPERIMENT_OF_BODY = of_body(Kind.EXPERIMENT, lambda body: body.experiment_id)


LIST = "/api/experiments"
NAMES = "/api/experiments/names"
PARTITIONS = "/api/experiments/partitions"
SINGLE = "/api/experiments/single/{experiment_id}"
ONE = "/api/experiments/{experiment_id}"

PAGES: Pages[HeldExperiment] = Pages(LIST, lambda row: (row[0],), tuple[int])
NAME_PAGES: Pages[HeldExperiment] = Pages(NAMES, lambda row: (row[0],), tuple[int])
POINT_PAGES: Pages[DecisionPointKey] = Pages(
    PARTITIONS, lambda point_key: (point_key.site, point_key.target), tuple[str, str]
)


def _single(faults: Mapping[str, Fault]) -> answers.Rendering[shapes.Experiment]:
    def render(
        experiment: Experiment, *, metrics: Metrics, listings: Listings
    ) -> shapes.Experiment:
        answer = answers.single(experiment, metrics=metrics, listings=listings)
        return answers.with_fault(answer, faults)

    return render


def _shown(
    render: answers.Rendering[A], metrics: Metrics, route: str,
    experiment: Experiment, listings: Listings,
) -> Row[A]:  # fmt: skip
    return bounded(
        lambda shown: render(experiment, metrics=metrics, listings=shown), listings, route
    )


def _detail(render: answers.Rendering[A], found: ExperimentDetail, route: str) -> Row[A]:
    metrics = metric_records(found.metrics)
    return _shown(render, metrics, route, found.experiment, found.listings)


@routes.endpoint(LIST, "POST", concerns=new(Kind.EXPERIMENT))
def create_experiment(services: Services, body: ExperimentBody) -> shapes.CreatedExperiment:
    """Create an experiment, with its lists if it brings some."""
    return _created(services, [body])[0]


@routes.endpoint("/api/experiments/batch", "POST")
def create_experiments(
    services: Services,
    body: Annotated[list[ExperimentBody], AtMost(AT_ONCE)],
) -> list[shapes.CreatedExperiment]:
    """Create several experiments, all of them or none."""
    return _created(services, body)


def _created(
    services: Services, bodies: Sequence[ExperimentBody]
) -> list[shapes.CreatedExperiment]:
    """The answer of experiments that were created; more than it holds is refused before."""
    contexts = services.segments.contexts
    created = services.experiment_administration.create(partial(_drafts, bodies, contexts))
    metrics = metric_records(created.metrics)
    return [answers.created(experiment, metrics=metrics) for experiment in created.experiments]


def _drafts(
    bodies: Sequence[ExperimentBody], contexts: Collection[str], known: Sequence[Metric]
) -> list[ExperimentDraft]:
    metrics = metric_records(known)
    drafts = [draft_of(each, contexts, metrics) for each in bodies]
    _, fits = fitting(answers.created(draft.design, metrics=metrics) for draft in drafts)
    if not fits:
        raise Invalid(
            f"the answer would have more than {ANSWER_BYTES} bytes: create fewer experiments in one"
            " call"
        )
    return drafts


def draft_of(
    body: ExperimentBody, contexts: Collection[str], metrics: Collection[str]
) -> ExperimentDraft:
    """The experiment that a request asks for, with its lists; `metrics` are the keys of all.

    Raises:
        Invalid: if its parts do not go together, or no answer could show it.
    """
    design = new_experiment(
        body,
        contexts=contexts,
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


@routes.endpoint(LIST)
def list_experiments(services: Services, query: ListQuery) -> Rendered[list[shapes.Experiment]]:
    """The experiments, complete, the oldest first."""
    found = services.experiment_administration.all()
    write = partial(_shown, _single(found.faults), metric_records(found.metrics), LIST)
    rest = PAGES.rest(found.held.rows, query)
    taken = PAGES.take(rest, query, found.held.read, lambda row, lists: write(row[1], lists))
    return PAGES.response(taken, query)


@routes.endpoint(NAMES)
def experiment_names(services: Services, query: ListQuery) -> Rendered[list[shapes.ExperimentName]]:
    """Id and name of the experiments."""
    held = services.experiments.with_feature_ids()
    return NAME_PAGES.answer(held, query, lambda row: Row.of(answers.name(row[1])))


@routes.endpoint(PARTITIONS)
def points_in_use(services: Services, query: ListQuery) -> Rendered[list[shapes.DecisionPointKey]]:
    """Sites and targets that experiments have."""
    point_keys = answers.points_in_use_by(services.experiments.all())
    return POINT_PAGES.answer(point_keys, query, lambda key: Row.of(answers.point_in_use(key)))


@routes.endpoint("/api/experiments/contextMetaData")
def context_metadata(services: Services) -> shapes.Contexts:
    """The contexts as they are configured."""
    # As the settings have them.
    contexts = cast("dict[str, shapes.ContextMetadata]", services.segments.context_metadata)
    return {"contextMetadata": contexts}


@routes.endpoint("/api/experiments/paginated", "POST")
def page_of_experiments(
    services: Services, body: PageBody
) -> Rendered[PageOf[shapes.ListedExperiment]]:
    """Some of the experiments."""
    experiments, faults = services.experiment_administration.listed()
    found = page(experiments, body, EXPERIMENT_SEARCH)
    return found.response(found.rows, partial(_list_item, faults))


def _list_item(faults: Mapping[str, Fault], experiment: Experiment) -> shapes.ListedExperiment:
    return answers.with_fault(answers.list_item(experiment), faults)


@routes.endpoint(SINGLE, concerns=EXPERIMENT)
def get_experiment(services: Services, experiment_id: ExperimentId) -> Rendered[shapes.Experiment]:
    """One experiment, complete."""
    found = services.experiment_administration.get(experiment_id)
    return reply(_detail(_single(found.faults), found, SINGLE))


@routes.endpoint("/api/experiments/conditions/{experiment_id}")
def get_conditions(services: Services, experiment_id: ExperimentId) -> list[shapes.ShownCondition]:
    """The conditions of an experiment."""
    return answers.conditions(services.experiments.get(experiment_id))


@routes.endpoint("/api/experiments/state", "POST", concerns=EXPERIMENT_OF_BODY)
def change_state(services: Services, body: StateBody) -> shapes.MovedExperiment:
    """Move an experiment to another state; a scheduled one says when it is to start."""
    moved = services.experiment_administration.move(
        body.experiment_id, body.state, body.schedule_date
    )
    metrics = metric_records(moved.metrics)
    return answers.state_changed(moved.before, moved.after, metrics=metrics)


@routes.endpoint(ONE, "PUT", concerns=EXPERIMENT)
def edit_experiment(
    services: Services, experiment_id: ExperimentId, body: EditExperimentBody
) -> Rendered[shapes.EditedExperiment]:
    """Replace an experiment, but for its lists."""
    edit = partial(edited_by, body, services.segments.contexts)
    found = services.experiment_administration.edit(experiment_id, edit)
    return reply(_detail(answers.edited, found, ONE))


def edited_by(
    body: EditExperimentBody,
    contexts: Collection[str],
    before: Experiment,
    metrics: Sequence[Metric],
) -> Experiment:
    """The experiment as a request replaces it; `metrics` are all.

    Raises:
        Invalid: if its parts do not go together.
    """
    return edited_experiment(
        body,
        before,
        contexts=contexts,
        now=now(),
        new_id=new_id,
        two_characters=two_characters,
        known_metrics={metric.key for metric in metrics},
    )


@routes.endpoint("/api/experiments/{experiment_id}", "DELETE", concerns=EXPERIMENT)
def delete_experiment(
    services: Services, experiment_id: ExperimentId
) -> list[shapes.DeletedExperiment]:
    """Delete an experiment with its lists."""
    try:
        experiment = services.experiments.delete(experiment_id)
    except NotFound as error:
        raise GoneExperiment("Experiment not found.") from error
    return answers.deleted(experiment)


@routes.endpoint("/api/experiments/getGroupAssignmentStatus/{experiment_id}")
def group_assignment_status(services: Services, experiment_id: ExperimentId) -> int | None:
    """How many groups have users enough; null unless the experiment ends by such a number."""
    return services.marking.complete_groups(experiment_id)


@routes.endpoint("/api/experiments/mooclet-rewards/{experiment_id}")
def reward_summary(experiment_id: ExperimentId) -> NoReturn:  # noqa: ARG001 - it is checked
    """Refuse to sum rewards up: adaptive experiments are switched off, so there are none."""
    raise Invalid("Mooclet is not enabled in the environment")

"""UpGrade's designs: read, changed, moved on and made: /dashboard/experiment/{id}/design."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from chalicelib.api.dashboard.designs.bodies import checked, segment_of
from chalicelib.api.dashboard.designs.editing import edited, edited_json
from chalicelib.api.dashboard.designs.fields import (
    INDIVIDUALS,
    DesignDraft,
    DesignForm,
    EditForm,
    JsonForm,
    Lines,
    ListField,
    typed_form,
)
from chalicelib.api.dashboard.designs.pages import (
    TELLING_HOW_LONG,
    design_page,
    draft_from,
    draft_page,
)
from chalicelib.api.dashboard.files import ImportForm, kept, pasted
from chalicelib.api.dashboard.planning.plan_form import PlanForm
from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.serving.page import Download, Elsewhere, Page
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.api.upgrade.audiences.list_drafts import list_draft
from chalicelib.api.upgrade.audiences.segment_models import SegmentBody
from chalicelib.api.upgrade.experiments.designs.experiment_models import StateBody
from chalicelib.api.upgrade.experiments.designs.metric_models import metric_records
from chalicelib.api.upgrade.experiments.experiment_files import reader_of
from chalicelib.api.upgrade.experiments.experiment_imports import exported
from chalicelib.api.upgrade.experiments.experiments import ExperimentId
from chalicelib.api.upgrade.wire.texts import FilledName, Uuid
from chalicelib.services import Services
from chalicelib.services.catalogue.imports import ListDraft

routes = PageRoutes(__name__)

ONE = "/dashboard/experiment/{experiment_id}"
NEW = "/dashboard/new/design"


class StateForm(Form):
    """The state to go to, and when a scheduled design is to start."""

    state: str
    start: str = ""


class WinnerForm(Form):
    """The condition that all who took part are to have."""

    winner: str = ""


class CopyForm(Form):
    """The name of the copy."""

    copy_name: FilledName


class DeleteForm(Form):
    """The name of what is to be deleted."""

    delete_name: str = ""


class ListForm(Form):
    """A list to add: on which side, what it is a list of, and its members."""

    side: str = "include"
    kind: str = INDIVIDUALS
    list_name: str = ""
    members: Lines = ""
    segment: str = ""

    def draft(self, context: str) -> ListDraft:
        """The list as the API takes it.

        Raises:
            Invalid: if it is none.
        """
        row = ListField(side=self.side, kind=self.kind, members=self.members, segment=self.segment)
        name = self.list_name or f"{self.kind} ({self.side})"
        body = {**segment_of(row), "name": name, "context": context}
        return list_draft(checked(SegmentBody, body))


class GoneListForm(Form):
    """The list to take off, and from which side."""

    side: str = "include"
    segment: Uuid


def design_again(services: Services, typed: dict[str, str], wrong: str, experiment_id: str) -> Page:
    """The page of a design once more, with what was typed."""
    return design_page(services.pages.designs.shown(experiment_id.lower()), typed, wrong)


def draft_again(services: Services, typed: dict[str, str], wrong: str) -> Page:
    """The review of a draft once more."""
    draft = typed_form(DesignDraft, {**typed, "step": "review"})
    return draft_page(services.pages.designs.choices(with_traffic=True), draft, wrong)


def import_again(services: Services, typed: dict[str, str], wrong: str) -> Page:
    """The page of a new design once more, with the file that was pasted."""
    return draft_page(services.pages.designs.choices(), DesignDraft(), wrong, typed)


@routes.page(f"{ONE}/design")
def show_design(services: Services, experiment_id: ExperimentId) -> Page:
    """A design, all of it."""
    return design_page(services.pages.designs.shown(experiment_id))


@routes.form(f"{ONE}/design", again=design_again)
def edit_design(services: Services, experiment_id: ExperimentId, form: EditForm) -> Elsewhere:
    """Change what the form shows."""
    edit = partial(edited, form, services.segments.contexts)
    services.pages.designs.edit(experiment_id, edit)
    return _design(experiment_id, "design-saved")


@routes.form(f"{ONE}/design/json", again=design_again)
def edit_design_json(services: Services, experiment_id: ExperimentId, form: JsonForm) -> Elsewhere:
    """Replace the design, but for its lists."""
    edit = partial(edited_json, form, services.segments.contexts)
    services.pages.designs.edit(experiment_id, edit)
    return _design(experiment_id, "design-saved")


@routes.form(f"{ONE}/plan", again=design_again)
def plan_results(services: Services, experiment_id: ExperimentId, form: PlanForm) -> Elsewhere:
    """Replace the plan of its results."""
    services.plans.put(experiment_id, form.plan.plan(), form.plan_seen)
    return _design(experiment_id, "design-planned")


@routes.form(f"{ONE}/state", again=design_again)
def move_design(services: Services, experiment_id: ExperimentId, form: StateForm) -> Elsewhere:
    """Start it, stop it, or what else its states allow."""
    sent = {"experimentId": experiment_id, "state": form.state, "scheduleDate": form.start or None}
    body = checked(StateBody, sent)
    services.experiments.move(experiment_id, body.state, body.schedule_date)
    return _design(experiment_id, f"design-{body.state.value}")


@routes.form(f"{ONE}/ship", again=design_again)
def ship_winner(services: Services, experiment_id: ExperimentId, form: WinnerForm) -> Elsewhere:
    """Complete enrollment; all who took part get the winner."""
    services.pages.designs.ship(experiment_id, form.winner)
    return _design(experiment_id, "design-shipped")


@routes.form(f"{ONE}/copy", again=design_again)
def copy_design(services: Services, experiment_id: ExperimentId, form: CopyForm) -> Elsewhere:
    """Create a copy under another name."""
    copy = services.pages.designs.copy(experiment_id, form.copy_name)
    return _design(copy.id, "design-copied")


@routes.form(f"{ONE}/delete", again=design_again)
def delete_design(services: Services, experiment_id: ExperimentId, form: DeleteForm) -> Elsewhere:
    """Delete it, if it is named."""
    services.experiments.delete(experiment_id, form.delete_name)
    return Elsewhere("?done=design-deleted")


@routes.form(f"{ONE}/lists", again=design_again)
def add_list(services: Services, experiment_id: ExperimentId, form: ListForm) -> Elsewhere:
    """Let a list include or exclude its members."""
    services.pages.designs.add_list(experiment_id, form.draft, exclude=form.side == "exclude")
    return _design(experiment_id, "list-added")


@routes.form(f"{ONE}/lists/remove", again=design_again)
def remove_list(services: Services, experiment_id: ExperimentId, form: GoneListForm) -> Elsewhere:
    """Take a list off."""
    services.pages.designs.remove_list(experiment_id, form.segment, exclude=form.side == "exclude")
    return _design(experiment_id, "list-removed")


@routes.page(f"{ONE}/export")
def export_design(services: Services, experiment_id: ExperimentId) -> Download:
    """A design as a file."""
    found = services.experiment_administration.get(experiment_id)
    value = exported(
        found.experiment, metrics=metric_records(found.metrics), listings=found.listings
    )
    return kept(found.experiment.name, "design", value)


@routes.page(NEW)
def show_draft(services: Services, query_values: DesignDraft) -> Page:
    """A step of a new design; the address holds the draft."""
    told = query_values.step in TELLING_HOW_LONG
    return draft_page(services.pages.designs.choices(with_traffic=told), query_values)


@routes.form(NEW, again=draft_again)
def create_design(services: Services, form: DesignForm) -> Elsewhere:
    """Create the design that was drafted."""
    contexts = services.segments.contexts
    created = services.experiment_administration.create(
        lambda metrics: [draft_from(form, contexts, metrics)]
    )
    return _design(created.experiments[0].id, "design-created")


@routes.form(f"{NEW}/import", again=import_again)
def import_designs(services: Services, form: ImportForm) -> Elsewhere:
    """Create the designs of files, all of them or none, as they are there."""
    contexts = services.segments.contexts
    created = services.file_imports.experiments(
        lambda catalogue: pasted(form, "design", reader_of(catalogue, contexts).read)
    )
    return _design(created[0].id, "design-imported")


def _design(experiment_id: str, done: str) -> Elsewhere:
    return Elsewhere(f"/experiment/{quote(experiment_id, safe='')}/design?done={done}")

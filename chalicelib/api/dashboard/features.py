"""Toggles, rollouts and experiments of Test Lab: their design, their life, and new ones."""

from __future__ import annotations

from chalicelib.api.dashboard.serving.page import Elsewhere, Page
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.api.dashboard.testlab.design_page import after, number_of, page_of
from chalicelib.api.dashboard.testlab.forms import StepForm
from chalicelib.api.dashboard.testlab.wizard import Draft, NewFeatureForm
from chalicelib.api.testlab.fields import Integer
from chalicelib.domain.access.api_keys import Right
from chalicelib.services import Services

DESIGN = "/dashboard/feature/{feature_id}/design"
NEW = "/dashboard/new/feature"

routes = PageRoutes(__name__)


def design_again(services: Services, typed: dict[str, str], wrong: str, feature_id: str) -> Page:
    """The page of a feature once more, with what was typed."""
    return page_of(services.pages.feature_designs.of(number_of(feature_id)), typed, wrong)


def new_again(services: Services, typed: dict[str, str], wrong: str) -> Page:
    """The last step to a new feature once more, or the one that is wrong."""
    draft = Draft({**{name: [value] for name, value in typed.items()}, "step": ["review"]})
    return draft.page(services.pages.feature_creation.preview(draft.wish), wrong)


@routes.page(DESIGN)
def show_design(services: Services, feature_id: Integer) -> Page:
    """All of a feature, and what can be done with it."""
    return page_of(services.pages.feature_designs.of(feature_id))


@routes.form(DESIGN, again=design_again)
def take_step(services: Services, feature_id: Integer, form: StepForm) -> Elsewhere:
    """Change a feature, or take it to the next step of its life."""
    return after(services.pages.feature_steps.take(feature_id, form.step()))


@routes.page("/dashboard/new", right=Right.CHANGE)
def choose_kind() -> Page:
    """The kinds of what can be made."""
    return Page("new.html")


@routes.page(NEW, right=Right.CHANGE)
def new_feature(services: Services, query_values: dict[str, list[str]]) -> Page:
    """A step on the way to a new feature."""
    draft = Draft(query_values)
    return draft.page(services.pages.feature_creation.preview(draft.wish))


@routes.form(NEW, again=new_again)
def create_feature(services: Services, form: NewFeatureForm) -> Elsewhere:
    """Make a feature with all its parts."""
    feature = services.pages.feature_creation.create(form.new)
    return Elsewhere(f"/feature/{feature.id}/design?done=feature-created")

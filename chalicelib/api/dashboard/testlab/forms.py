"""The forms of a feature's page: one for each step, told apart by the field `do`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag, model_validator

from chalicelib.api.dashboard.planning.plan_form import PlanForm
from chalicelib.api.dashboard.serving.forms import Form, is_typed
from chalicelib.api.dashboard.testlab.fields import Percent, VariantRows, marked
from chalicelib.api.testlab.fields import Boolean, Day, Integer, Text
from chalicelib.domain.catalogue.testlab import steps
from chalicelib.domain.catalogue.testlab.steps import Moment

TAG = "form-"
"""What the kind of a form begins with, where a fault names it."""


class EditForm(Form):
    """What a draft holds."""

    do: Literal["edit"]
    name: Text
    description: Text = ""
    start_date: Day
    end_date: Day
    share: Percent | None = None
    is_running: Boolean
    seen: Text = ""

    def step(self) -> steps.Step:
        return steps.Edit(
            self.name,
            self.description,
            self.start_date,
            self.end_date,
            self.is_running,
            self.share,
            self.seen,
        )


class StartForm(Form):
    """To start, or to resume."""

    do: Literal["start"]

    def step(self) -> steps.Step:
        return steps.Start()


class PauseForm(Form):
    """To pause."""

    do: Literal["pause"]

    def step(self) -> steps.Step:
        return steps.Pause()


class EndForm(Form):
    """To end, and when."""

    do: Literal["end"]
    when: Moment

    def step(self) -> steps.Step:
        return steps.End(self.when)


class DeleteForm(Form):
    """To delete; the name is typed once more."""

    do: Literal["delete"]
    confirmed: Text = ""

    def step(self) -> steps.Step:
        return steps.Delete(self.confirmed)


class VariantsForm(Form):
    """Other variants; the name is typed once more."""

    do: Literal["variants"]
    confirmed: Text = ""
    variants: VariantRows = ()

    @model_validator(mode="before")
    @classmethod
    def _with_control(cls, fields: Any) -> Any:
        return marked(fields) if is_typed(fields) else fields

    def step(self) -> steps.Step:
        return steps.Reweigh(self.confirmed, tuple(row.draft() for row in self.variants))


class ReplanForm(PlanForm):
    """The plan of results."""

    do: Literal["plan"]

    def step(self) -> steps.Step:
        return steps.Replan(self.plan.plan(), self.plan_seen)


class ShipForm(Form):
    """The winner, and the name of the rollout."""

    do: Literal["ship"]
    variant_id: Integer
    name: Text

    def step(self) -> steps.Step:
        return steps.Ship(self.variant_id, self.name)


class CloneForm(Form):
    """The name of the copy, and its first day."""

    do: Literal["clone"]
    name: Text
    start_date: Day | None = None

    def step(self) -> steps.Step:
        return steps.Clone(self.name, self.start_date)


def _kind(fields: Any) -> str:
    return f"{TAG}{fields.get('do', [''])[-1]}"


StepForm = Annotated[
    Annotated[EditForm, Tag("form-edit")]
    | Annotated[StartForm, Tag("form-start")]
    | Annotated[PauseForm, Tag("form-pause")]
    | Annotated[EndForm, Tag("form-end")]
    | Annotated[DeleteForm, Tag("form-delete")]
    | Annotated[VariantsForm, Tag("form-variants")]
    | Annotated[ReplanForm, Tag("form-plan")]
    | Annotated[ShipForm, Tag("form-ship")]
    | Annotated[CloneForm, Tag("form-clone")],
    Discriminator(_kind),
]
"""A form of a feature's page."""

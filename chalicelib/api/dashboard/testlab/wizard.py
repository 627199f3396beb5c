"""The way to a new feature of Test Lab, step by step, with all that was typed in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator

from chalicelib.api.dashboard import words
from chalicelib.api.dashboard.serving.drafts import LONGEST, OUTGROWN, outgrown
from chalicelib.api.dashboard.serving.field_faults import faults_at_fields
from chalicelib.api.dashboard.serving.forms import Form, is_typed
from chalicelib.api.dashboard.serving.page import TOKEN, Page
from chalicelib.api.dashboard.serving.rows import typed_rows, with_room
from chalicelib.api.dashboard.testlab.fields import (
    Percent,
    VariantRows,
    marked,
)
from chalicelib.api.protocol.problems import faults
from chalicelib.api.results.fields import Exact, Name, Whole
from chalicelib.api.testlab.fields import Boolean, Day, Text
from chalicelib.domain.catalogue.testlab.new_features import NewFeature, Preview, Wish
from chalicelib.domain.features.features import (
    FAR_END,
    NAME_LENGTH,
    VARIANTS_PER_FEATURE,
    FeatureDraft,
    FeatureType,
)
from chalicelib.domain.features.result_plans import (
    CONVERSION,
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
)
from chalicelib.domain.statistics.plan import Direction

VARIANT_FIELDS = ("value", "weight")
EVERYBODY = Decimal(1)
LEAST_VARIANTS = 2
HALVES = [{"value": "", "weight": "50", "place": place} for place in ("0", "1")]
"""The variants to begin with."""


class Made(StrEnum):
    """What can be made here."""

    EXPERIMENT = "experiment"
    ROLLOUT = "rollout"
    TOGGLE = "toggle"

    @property
    def type(self) -> FeatureType:
        return FeatureType[self.name]


STEPS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    Made.EXPERIMENT: {
        "variants": ("name", "description", "variants", "control"),
        "audience": ("share", "start_date"),
        "outcome": (
            "metric",
            "measure",
            "direction",
            "smallest_effect",
            "expected_mean",
            "expected_spread",
            "users_per_day",
            "window",
            "end_date",
        ),
        "review": ("is_running",),
    },
    Made.ROLLOUT: {
        "audience": ("name", "description", "share", "start_date", "end_date"),
        "review": ("is_running",),
    },
    Made.TOGGLE: {
        "audience": ("name", "description", "start_date", "end_date"),
        "review": ("is_running",),
    },
}
"""The steps to each kind, and the fields that are typed at each."""


class NewFeatureForm(Form):
    """All that is typed on the way; what is not has the defaults of the API."""

    type: Made
    step: Text = ""
    name: Annotated[Text, Field(max_length=NAME_LENGTH)]
    description: Text = ""
    variants: Annotated[VariantRows, Field(validate_default=True)] = ()
    share: Percent = EVERYBODY
    start_date: Day | None = None
    metric: Name | None = None
    measure: Measure = Measure.CONVERSION
    direction: Direction = Direction.INCREASE
    smallest_effect: Exact | None = None
    expected_mean: Exact | None = None
    expected_spread: Exact | None = None
    users_per_day: Exact | None = None
    window: Whole | None = None
    end_date: Day | None = None
    is_running: Boolean = True

    @model_validator(mode="before")
    @classmethod
    def _with_control(cls, fields: Any) -> Any:
        return marked(fields) if is_typed(fields) else fields

    @field_validator("variants", mode="after")
    @classmethod
    def _enough(cls, variants: tuple[Any, ...], info: Any) -> tuple[Any, ...]:
        if (info.data or {}).get("type") is Made.EXPERIMENT and len(variants) < LEAST_VARIANTS:
            raise ValueError("at least 2, one of them the control")
        return variants

    @field_validator("users_per_day", mode="after")
    @classmethod
    def _some(cls, users: Decimal | None) -> Decimal | None:
        if users is not None and users <= 0:
            raise ValueError("more than 0, or nothing if you do not know")
        return users

    @field_validator("end_date", mode="after")
    @classmethod
    def _not_before(cls, ends_on: date | None, info: Any) -> date | None:
        starts_on = (info.data or {}).get("start_date")
        if ends_on is not None and starts_on is not None and ends_on < starts_on:
            raise ValueError(f"not before the first day, {starts_on}")
        return ends_on

    def new(self, today: date) -> NewFeature:
        """The feature that is wished.

        Raises:
            Invalid: if the draft breaks a rule.
        """
        draft = FeatureDraft(
            self.type.type,
            self.name,
            self.start_date or today,
            self.end_date or FAR_END,
            self.is_running,
            self.share,
            self.description,
        )
        if self.type is not Made.EXPERIMENT:
            return NewFeature(draft)
        variants = tuple(row.draft() for row in self.variants)
        per_day = None if self.users_per_day is None else float(self.users_per_day)
        return NewFeature(draft, variants, self._plan(), per_day)

    def _plan(self) -> ResultPlan:
        primary = PlannedMetric(self.metric, self.measure, self.direction, MetricRole.PRIMARY)
        return ResultPlan(
            () if primary == CONVERSION else (primary,),
            self.smallest_effect,
            expected_mean=self.expected_mean,
            expected_spread=self.expected_spread,
            window=self.window,
        )


KNOWN = NewFeatureForm.model_fields.keys() | {"control"}
"""What an address may hold that counts here."""


class Draft:
    """What was typed so far: which step it leads to, and what is wrong if anything is."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self.typed = {name: values[-1] for name, values in fields.items() if name != TOKEN}
        kind = self.typed.get("type", "")
        self.kind = Made(kind) if kind in STEPS else None
        self.form: NewFeatureForm | None = None
        self.wrong: str | None = None
        self.faults: Mapping[str, str] = {}
        self.step = ""
        if self.kind is not None:
            self._read(fields, list(STEPS[self.kind]))

    def _read(self, fields: Mapping[str, Sequence[str]], steps: list[str]) -> None:
        """Go to the step that is asked for, or to the first one before it that has a fault."""
        asked = self.typed.get("step", "")
        self.step = asked if asked in steps else steps[0]
        self.wrong = outgrown(self.typed) or None
        try:
            self.form = NewFeatureForm.model_validate(
                {name: values for name, values in fields.items() if name.split(".")[0] in KNOWN}
            )
        except ValidationError as error:
            first = min(self._place(fault["loc"], steps) for fault in error.errors())
            if first < steps.index(self.step) or self._was_typed(steps[first]):
                self.step = steps[min(first, steps.index(self.step))]
                self.wrong = faults(error, "form")
                self.faults = faults_at_fields(error, self.typed)

    def _place(self, loc: tuple[int | str, ...], steps: list[str]) -> int:
        assert self.kind is not None  # noqa: S101 - there are no steps without
        names = STEPS[self.kind]
        found = [at for at, step in enumerate(steps) if loc and loc[0] in names[step]]
        return found[0] if found else 0

    def _was_typed(self, step: str) -> bool:
        """Whether a step was sent, so that its faults are to be told."""
        assert self.kind is not None  # noqa: S101 - there are no steps without
        own = STEPS[self.kind][step]
        return any(name.split(".")[0] in own for name in self.typed)

    @property
    def wish(self) -> Wish | None:
        """What makes the feature of the day now, if what was typed makes one."""
        return None if self.form is None else self.form.new

    def page(self, preview: Preview, wrong: str | None = None) -> Page:
        """The page of the step, which carries what was typed at the others."""
        if self.kind is None:
            return Page("new.html")
        steps = STEPS[self.kind]
        own = steps[self.step]
        names = list(steps)
        place = names.index(self.step)
        shown: dict[str, Any] = {
            "kind": self.kind.value,
            "step": self.step,
            "steps": names,
            "before": names[place - 1] if place else None,
            "next": names[place + 1] if place + 1 < len(names) else None,
            "typed": self.typed,
            "carried": [
                (name, value)
                for name, value in self.typed.items()
                if name.split(".")[0] not in (*own, "step", "type")
            ],
            "form": self.form,
            "new": preview.new,
            "preview": preview,
            "wrong": wrong or self.wrong,
            "rows": with_room(
                typed_rows(self.typed, "variants", VARIANT_FIELDS) or HALVES,
                VARIANT_FIELDS,
                4,
                VARIANTS_PER_FEATURE,
            ),
            "far_end": FAR_END,
            "longest": LONGEST,
            "outgrown": OUTGROWN,
            "measures": words.MEASURES,
            "directions": words.DIRECTION_CHOICES,
        }
        return Page("new_feature.html", shown, faults=self.faults)

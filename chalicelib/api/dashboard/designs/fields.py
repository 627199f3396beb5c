"""The fields of the forms that describe a design: texts as they were typed.

They are made into the bodies that UpGrade's administration takes, and its models judge them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from chalicelib.api.dashboard.serving.forms import PLACES, Form
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    ConsistencyRule,
    DesignType,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.experiments.metrics import Operation, RepeatedMeasure
from chalicelib.domain.statistics.plan import Direction

INDIVIDUALS = "Individual"
SEGMENTS = "Segment"
"""What lists say of themselves; those of groups name the type of the groups."""

YES = "yes"
NO_PAYLOAD = "none"


def lines(text: str) -> str:
    """A text with the line breaks that everything else has: forms send those of the internet."""
    return text.replace("\r\n", "\n")


Lines = Annotated[
    str, BeforeValidator(lambda value: lines(value) if isinstance(value, str) else value)
]


class Part(BaseModel):
    """A row of a form."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


def _filled(rows: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(row for row in rows if row.says_something)


FILLED = AfterValidator(_filled)
"""Rows that were left blank are none."""


class FactorField(Part):
    """A factor; its levels are one a line, with `=` before a payload."""

    name: str = ""
    levels: Lines = ""

    @property
    def says_something(self) -> bool:
        """Whether the row was filled in."""
        return bool(self.name or self.levels)


class ConditionField(Part):
    """A condition; `combination` names the levels that it combines."""

    id: str = ""
    code: str = ""
    weight: str = ""
    combination: str = ""
    description: Lines = ""

    @property
    def says_something(self) -> bool:
        """Whether it is to be there; one that was there goes when its code is blanked out."""
        return bool(self.code or self.combination or (self.weight and not self.id))


class PointField(Part):
    """A decision point."""

    id: str = ""
    site: str = ""
    target: str = ""
    description: Lines = ""
    exclude: str = ""

    @property
    def says_something(self) -> bool:
        """Whether it is to be there; one that was there goes when its site is blanked out."""
        return bool(self.site or (self.target and not self.id))

    @property
    def place(self) -> str:
        """The point in one text."""
        return f"{self.site} / {self.target}" if self.target else self.site


class PayloadField(Part):
    """A payload of a condition, at one point or at all."""

    id: str = ""
    condition: str = ""
    point: str = ""
    type: str = "string"
    value: Lines = ""

    @property
    def says_something(self) -> bool:
        """Whether there is to be a payload; one that was there may be an empty text."""
        return self.type != NO_PAYLOAD and bool(self.value or self.id)


class QueryField(Part):
    """A question about a metric."""

    id: str = ""
    name: str = ""
    metric: str = ""
    operation: str = Operation.AVERAGE.value
    measure: str = RepeatedMeasure.MOST_RECENT.value
    compare_fn: str = ""
    compare_value: str = ""

    @property
    def says_something(self) -> bool:
        """Whether it is to be there; one that was there goes when its metric is blanked out."""
        return bool(self.metric or (self.name and not self.id))


class ListField(Part):
    """A list: users or groups one a line, or a segment."""

    side: str = "include"
    kind: str = INDIVIDUALS
    name: str = ""
    members: Lines = ""
    segment: str = ""

    @property
    def member_ids(self) -> list[str]:
        """The users or groups, each once, without blank lines."""
        named = (line.strip() for line in self.members.split("\n"))
        return list(dict.fromkeys(each for each in named if each))

    @property
    def says_something(self) -> bool:
        """Whether the row was filled in."""
        return bool(self.member_ids or self.segment)


class DesignForm(Form):
    """A design as it is typed."""

    name: str = ""
    description: Lines = ""
    tags: Lines = ""
    context: str = ""
    unit: str = Unit.INDIVIDUAL.value
    group: str = ""
    rule: str = ConsistencyRule.INDIVIDUAL.value
    order: str = ""
    type: str = DesignType.SIMPLE.value
    algorithm: str = Algorithm.RANDOM.value
    stratification: str = ""
    factors: Annotated[tuple[FactorField, ...], AtMost(PLACES), FILLED] = ()
    conditions: Annotated[tuple[ConditionField, ...], AtMost(PLACES), FILLED] = ()
    points: Annotated[tuple[PointField, ...], AtMost(PLACES), FILLED] = ()
    payloads: Annotated[tuple[PayloadField, ...], AtMost(PLACES), FILLED] = ()
    payloads_json: Lines = ""
    queries: Annotated[tuple[QueryField, ...], AtMost(PLACES), FILLED] = ()
    direction: str = Direction.INCREASE.value
    smallest_effect: str = ""
    expected_mean: str = ""
    expected_spread: str = ""
    users_per_day: str = ""
    filter_mode: str = FilterMode.INCLUDE_ALL.value
    lists: Annotated[tuple[ListField, ...], AtMost(PLACES), FILLED] = ()
    state: str = State.INACTIVE.value
    start: str = ""
    end: str = ""
    users: str = ""
    groups: str = ""
    post_rule: str = PostRule.CONTINUE.value
    revert_to: str = ""

    def typed_fields(self) -> Iterator[tuple[str, str]]:
        """The fields that were filled in, by the names that they have in forms."""
        yield from _flat("", self.model_dump(exclude_unset=True))


class DesignDraft(DesignForm):
    """A design before it is created, as the address of a page holds it."""

    model_config = ConfigDict(extra="ignore")

    step: str = ""


class EditForm(DesignForm):
    """A design that is changed; `version` is the one that was shown, `confirm` its name."""

    version: str = ""
    confirm: str = ""


class JsonForm(Form):
    """A design as JSON; `version` and `confirm` are as in the form of single fields."""

    version: str = ""
    json_text: Lines = ""
    confirm: str = ""


F = TypeVar("F", bound=DesignForm)


def typed_form(model: type[F], typed: Mapping[str, str]) -> F:
    """What was typed, as far as the form has such fields; nothing if they contradict each other."""
    fields = {
        name: [value]
        for name, value in typed.items()
        if name.partition(".")[0] in model.model_fields
    }
    try:
        return model.model_validate(fields)
    except ValidationError:
        return model.model_validate({})


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if value:
            yield name, value
        return
    pairs: Iterable[tuple[Any, Any]] = (
        value.items() if isinstance(value, dict) else enumerate(value)
    )
    for key, each in pairs:
        yield from _flat(f"{name}.{key}" if name else str(key), each)


R = TypeVar("R", bound=Part)


def padded(rows: Sequence[R], blank: R, least: int) -> list[R]:
    """Rows with some blank ones after them: so many in all as `least`, and one at least."""
    return [*rows, *[blank] * max(1, least - len(rows))]

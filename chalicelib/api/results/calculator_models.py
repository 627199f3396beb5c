"""Request and response bodies of the calculator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from chalicelib.api.results.fields import Exact, OwnBody, Whole
from chalicelib.api.testlab.models import Answer
from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.features import VARIANTS_PER_FEATURE
from chalicelib.domain.features.result_plans import METRICS_PER_FEATURE
from chalicelib.domain.outcomes.calculator import (
    Comparison,
    Groups,
    Margin,
    Means,
    Pairs,
    Proportions,
    Question,
    effect_of,
    size_for,
)
from chalicelib.domain.outcomes.calculator_sentences import of_effect, of_size
from chalicelib.domain.statistics.plan import Mode

POWER = Decimal("0.8")
ONE = Decimal(1)
NONE = Decimal(0)


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("must be more than 0")
    return value


Positive = Annotated[Exact, AfterValidator(_positive)]
"""A number above 0."""

Variants = Annotated[Whole, Field(ge=1, le=VARIANTS_PER_FEATURE - 1)]
"""Variants besides control."""


class SizeAnswer(Answer):
    """The units that find an effect; `says` has a sentence for each number, by its name.

    Units are users; of groups they are groups. `days` is null if nothing was said of users a day.
    """

    kind: str
    mode: str
    alpha: float
    control: int
    variant: int
    total: int
    users: int
    days: int | None
    says: Mapping[str, str]


class EffectAnswer(Answer):
    """The smallest effect that some units find; `says` has a sentence for each number."""

    kind: str
    mode: str
    alpha: float
    effect: float
    says: Mapping[str, str]


class Calculation(OwnBody, ABC):
    """What all questions to the calculator have: either an effect, or `n` units of control."""

    kind: str
    mode: Literal["planned", "open"] = "planned"
    power: Exact = POWER
    n: Whole | None = None
    users_per_day: Positive | None = None

    @property
    @abstractmethod
    def effect(self) -> Decimal | None:
        """The difference or margin that is asked about."""

    @abstractmethod
    def question(self) -> Question:
        """The question.

        Raises:
            Invalid: if it makes no sense.
        """

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if (self.effect is None) == (self.n is None):
            name = "margin" if self.kind == "margin" else "difference"
            raise ValueError(f"give either {name}, or n")
        if self.n is not None and self.users_per_day is not None:
            raise ValueError("users_per_day: only with an effect, for the days until it is found")
        return self

    def asked(self, comparison: Comparison, ratio: Decimal, comparisons: int) -> Question:
        """A question about a comparison."""
        return Question(comparison, Mode(self.mode), float(self.power), float(ratio), comparisons)

    def answer(self) -> SizeAnswer | EffectAnswer:
        """What the calculator answers.

        Raises:
            Invalid: if there is no answer.
        """
        if self.n is not None:
            return self._effect_of(self.question(), self.n)
        assert self.effect is not None  # noqa: S101 - it is one of the two
        return self._size_for(self.question(), float(self.effect))

    def _size_for(self, question: Question, effect: float) -> SizeAnswer:
        per_day = None if self.users_per_day is None else float(self.users_per_day)
        size = size_for(question, effect)
        return SizeAnswer(
            kind=self.kind,
            mode=self.mode,
            alpha=question.demand.alpha,
            control=size.control,
            variant=size.variant,
            total=size.total,
            users=size.users,
            days=None if per_day is None else size.days(per_day),
            says=of_size(question, effect, size, per_day),
        )

    def _effect_of(self, question: Question, n: int) -> EffectAnswer:
        effect = effect_of(question, n)
        return EffectAnswer(
            kind=self.kind,
            mode=self.mode,
            alpha=question.demand.alpha,
            effect=effect,
            says=of_effect(question, n, effect),
        )


class DifferenceBody(Calculation):
    """A question about a difference of the variants to control."""

    difference: Exact | None = None

    @property
    def effect(self) -> Decimal | None:
        return self.difference


class ProportionsBody(DifferenceBody):
    """Of shares of users: `rate` is that of control."""

    kind: Literal["proportions"]
    rate: Exact
    ratio: Positive = ONE
    comparisons: Variants = 1

    def question(self) -> Question:
        return self.asked(Proportions(float(self.rate)), self.ratio, self.comparisons)


class MeansBody(DifferenceBody):
    """Of means: `sd` is the standard deviation of users' values."""

    kind: Literal["means"]
    sd: Positive
    ratio: Positive = ONE
    comparisons: Variants = 1

    def question(self) -> Question:
        return self.asked(Means(float(self.sd)), self.ratio, self.comparisons)


class PairsBody(DifferenceBody):
    """Of users under both conditions: `sd` is that of their own differences."""

    kind: Literal["pairs"]
    sd: Positive

    def question(self) -> Question:
        return self.asked(Pairs(float(self.sd)), ONE, 1)


class GroupsBody(DifferenceBody):
    """Of whole groups: a `rate` or the `sd` of users, the mean `group_size`, and `icc`.

    `icc` is the intraclass correlation, `cv` the coefficient of variation of sizes. `n` counts
    groups.
    """

    kind: Literal["groups"]
    rate: Exact | None = None
    sd: Positive | None = None
    group_size: Positive
    icc: Exact
    cv: Exact = NONE
    ratio: Positive = ONE
    comparisons: Variants = 1

    def question(self) -> Question:
        sizes = float(self.group_size), float(self.icc), float(self.cv)
        groups = Groups(_users(self.rate, self.sd), *sizes)
        return self.asked(groups, self.ratio, self.comparisons)


class MarginBody(Calculation):
    """Of a guardrail: what may be lost at the most, from a `rate`, or with the `sd` of users.

    `guardrails` share the alpha of looks before the end, so their number counts in open mode.
    """

    kind: Literal["margin"]
    margin: Exact | None = None
    rate: Exact | None = None
    sd: Positive | None = None
    guardrails: Annotated[Whole, Field(ge=1, le=METRICS_PER_FEATURE)] = 1
    ratio: Positive = ONE
    comparisons: Variants = 1

    @property
    def effect(self) -> Decimal | None:
        return self.margin

    def question(self) -> Question:
        margin = Margin(_users(self.rate, self.sd), self.guardrails)
        return self.asked(margin, self.ratio, self.comparisons)


CalculatorBody = Annotated[
    ProportionsBody | MeansBody | PairsBody | GroupsBody | MarginBody,
    Field(discriminator="kind"),
]
"""POST /api/results/plan."""


def _users(rate: Decimal | None, sd: Decimal | None) -> Proportions | Means:
    if rate is not None and sd is None:
        return Proportions(float(rate))
    if sd is not None and rate is None:
        return Means(float(sd))
    raise Invalid("give either rate, for a share of users, or sd, for a mean")

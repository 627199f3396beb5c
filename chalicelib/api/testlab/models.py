"""Request and response bodies of the Test Lab API."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, model_validator

from chalicelib.api.testlab.fields import (
    AnsweredDay,
    Boolean,
    Day,
    Integer,
    IpAddress,
    MetricName,
    Moment,
    Share,
    Text,
    Weight,
)
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.features import (
    VARIANTS_PER_FEATURE,
    Feature,
    FeatureDraft,
    FeatureType,
    Variant,
    VariantDraft,
)
from chalicelib.domain.features.result_plans import RESERVED
from chalicelib.domain.features.users import Event, Measurement, Totals

EVERYBODY = Decimal(1)


class RequestBody(BaseModel):
    """Unknown keys are ignored: the original's admin page sends some."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class Answer(BaseModel):
    """A response model, read from the attributes of a domain object."""

    model_config = ConfigDict(frozen=True, from_attributes=True, defer_build=True)

    @classmethod
    def of(cls, source: object) -> Self:
        return cls.model_validate(source)


class FeatureBody(RequestBody):
    """What POST and PUT of a feature have in common."""

    type_id: Integer
    name: Text
    start_date: Day
    end_date: Day
    is_running: Boolean
    user_percentage: Share
    description: Text | None

    def draft(self) -> FeatureDraft:
        """The feature that the body asks for.

        Raises:
            Invalid: if `type_id` is none of 1, 2, 3, or a value breaks a rule of features.
        """
        if self.type_id not in set(FeatureType):
            raise Invalid(f"type_id: 1, 2 or 3, not {self.type_id}")
        return FeatureDraft(
            FeatureType(self.type_id),
            self.name,
            self.start_date,
            self.end_date,
            self.is_running,
            self.user_percentage,
            self.description,
        )


class CreateFeature(FeatureBody):
    """POST /api/feature: the documented defaults."""

    is_running: Boolean = True
    user_percentage: Share = EVERYBODY
    description: Text | None = ""


class UpdateFeature(FeatureBody):
    """PUT /api/feature/{id}: every field but `description`, which becomes null if left out."""

    id: Integer | None = None
    description: Text | None = None

    def draft_for(self, feature_id: int) -> FeatureDraft:
        """The draft for the feature of the path.

        Raises:
            Invalid: as `draft`, and if the body names another feature.
        """
        if self.id is not None and self.id != feature_id:
            raise Invalid(f"id: {self.id} is not the {feature_id} of the path")
        return self.draft()


class VariantAnswer(Answer):
    """A variant as all routes but POST variants show it."""

    id: int
    value: str
    is_control: bool
    weight: Weight


class CreatedVariant(Answer):
    """A variant as POST variants shows it."""

    id: int
    feature_id: int
    value: str
    is_control: bool
    weight: Weight


class FeatureAnswer(Answer):
    """A feature with its variants."""

    id: int
    type_id: int
    name: str
    start_date: AnsweredDay
    end_date: AnsweredDay
    is_running: bool
    user_percentage: Share
    description: str | None
    variant_arr: list[VariantAnswer]

    @classmethod
    def of_feature(cls, feature: Feature) -> Self:
        return cls(
            id=feature.id,
            type_id=int(feature.type),
            name=feature.name,
            start_date=feature.start_date,
            end_date=feature.end_date,
            is_running=feature.is_running,
            user_percentage=feature.user_percentage,
            description=feature.description,
            variant_arr=[VariantAnswer.of(variant) for variant in feature.variants],
        )


class UserBlockAnswer(Answer):
    """A user block; `feature_id` is null for a free one."""

    id: int
    name: str
    feature_id: int | None


class CurrentAnswer(Answer):
    """The features whose dates include today, by kind, and the user blocks."""

    experiments: list[FeatureAnswer]
    toggles: list[FeatureAnswer]
    rollouts: list[FeatureAnswer]
    userblocks: list[UserBlockAnswer]


class VariantBody(RequestBody):
    """One of the variants of POST variants."""

    feature_id: Integer
    value: Text
    is_control: Boolean = False
    weight: Weight | None = None

    def draft(self) -> VariantDraft:
        return VariantDraft(self.feature_id, self.value, self.is_control, self.weight)


class ReplaceVariants(RequestBody):
    """POST /api/feature/{id}/variants."""

    variants: Annotated[list[VariantBody], AtMost(VARIANTS_PER_FEATURE)]


class CreateUser(RequestBody):
    """POST /api/users."""

    id: Text
    variant_id: Integer
    ip_address: IpAddress


class UserAnswer(Answer):
    """A user."""

    id: str
    variant_id: int
    ip_address: str
    time_stamp: Moment


class CreateEvent(RequestBody):
    """POST /api/events."""

    user_id: Text
    variant_id: Integer
    metric: MetricName | None = None
    value: Share | None = None

    @model_validator(mode="after")
    def _names_a_metric(self) -> Self:
        if self.metric in RESERVED:
            raise ValueError(f"metric: {self.metric!r} stands for events without a metric")
        if self.value is not None and self.metric is None:
            raise ValueError("value: only with the metric that it is of")
        return self

    @property
    def measurement(self) -> Measurement | None:
        """What the event measures, if it names a metric."""
        if self.metric is None:
            return None
        return (
            Measurement(self.metric) if self.value is None else Measurement(self.metric, self.value)
        )


class EventAnswer(Answer):
    """An event."""

    id: int
    variant_id: int
    user_id: str
    time_stamp: Moment


class MetricEventAnswer(EventAnswer):
    """An event of a metric."""

    metric: str
    value: Share

    @classmethod
    def of_event(cls, event: Event, measurement: Measurement) -> Self:
        return cls(
            **dict(EventAnswer.of(event)), metric=measurement.metric, value=measurement.value
        )


class FeatureEventAnswer(Answer):
    """An event with the variant that it belongs to."""

    event_id: int
    variant_id: int
    user_id: str
    time_stamp: Moment
    feature_id: int
    value: str
    is_control: bool
    weight: Weight

    @classmethod
    def of_event(cls, event: Event, variant: Variant, **more: object) -> Self:
        return cls.model_validate(
            {
                "event_id": event.id,
                "variant_id": event.variant_id,
                "user_id": event.user_id,
                "time_stamp": event.time_stamp,
                "feature_id": variant.feature_id,
                "value": variant.value,
                "is_control": variant.is_control,
                "weight": variant.weight,
                **more,
            }
        )


class FeatureMetricEventAnswer(FeatureEventAnswer):
    """An event of a metric with the variant that it belongs to; `value` is that of the variant."""

    metric: str
    metric_value: Share


class AnalysisAnswer(VariantAnswer):
    """A variant with its totals."""

    event_total: int
    distinct_user_events_total: int
    total_users: int

    @classmethod
    def of_totals(cls, variant: Variant, totals: Totals) -> Self:
        return cls(**dict(VariantAnswer.of(variant)), **asdict(totals))


class AssignUserBlock(RequestBody):
    """PUT /api/userblocks; no `feature_id`, or null, frees the block."""

    feature_id: Integer | None = None
    name: Text

"""The steps in the life of a feature of Test Lab, and the draft of the feature after each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.catalogue.testlab.new_features import NewFeature
from chalicelib.domain.confirmation import require_unchanged
from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.features import (
    FAR_END,
    Feature,
    FeatureDraft,
    FeatureType,
    Variant,
    VariantDraft,
)
from chalicelib.domain.features.result_plans import ResultPlan

DAY = timedelta(days=1)
EVERYBODY = Decimal(1)


class Moment(StrEnum):
    """When something is to end: with the next poll of clients, or at the next midnight (UTC)."""

    NOW = "now"
    TONIGHT = "tonight"


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace what a draft holds, but the type. `seen` is the tag (`tag_of`) of what was there."""

    name: str
    description: str
    start_date: date
    end_date: date
    is_running: bool
    share: Decimal | None
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Let it run, for the first time or again."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let it rest: it keeps its dates, and an experiment its user blocks."""


@dataclass(frozen=True, slots=True)
class End:
    """Let its dates be over."""

    when: Moment


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove it with its users and events; `confirmed` is its name as it was typed."""

    confirmed: str


@dataclass(frozen=True, slots=True)
class Reweigh:
    """Give it other variants; the old ones go with their users and events.

    `confirmed` is its name as it was typed.
    """

    confirmed: str
    variants: tuple[VariantDraft, ...]


@dataclass(frozen=True, slots=True)
class Replan:
    """Replace its plan of results. `seen` is the tag of the one that was there."""

    plan: ResultPlan
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Ship:
    """End an experiment, and give a rollout under another name to everybody."""

    variant_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Clone:
    """Make another one of the same kind, paused, under another name."""

    name: str
    start_date: date | None


Revision = Edit | Start | Pause | End
"""A step that changes what a draft holds, and nothing else."""

Step = Revision | Delete | Reweigh | Replan | Ship | Clone


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step did: a word for it, the feature to go on with, and what was removed."""

    word: str
    feature_id: int | None
    users: int = 0
    events: int = 0


def draft_of(feature: Feature) -> FeatureDraft:
    """The draft that leaves a feature as it is."""
    return FeatureDraft(
        feature.type,
        feature.name,
        feature.start_date,
        feature.end_date,
        feature.is_running,
        feature.user_percentage,
        feature.description,
    )


def revised(feature: Feature, step: Revision, today: date) -> FeatureDraft:
    """The draft of a feature after a step; the share stays where none was typed.

    Raises:
        Invalid: if what is over is to start, or what has not begun is to end.
        Changed: if somebody changed what is to be edited since it was shown.
    """
    draft = draft_of(feature)
    if isinstance(step, Pause):
        return replace(draft, is_running=False)
    if isinstance(step, End):
        return ended(feature, step.when, today)
    if isinstance(step, Edit):
        require_unchanged(step.seen, draft)
        return FeatureDraft(
            feature.type,
            step.name,
            step.start_date,
            step.end_date,
            step.is_running,
            feature.user_percentage if step.share is None else step.share,
            step.description,
        )
    if today > feature.end_date:
        raise Invalid(f"end_date: {feature.end_date} is past; set a later one first")
    return replace(draft, is_running=True)


def ended(feature: Feature, when: Moment, today: date) -> FeatureDraft:
    """The draft of a feature that ends; one that is over stays as it is.

    Dates include their last day: what is to end now has ended yesterday, so that it is not current
    any more. What begins today cannot have done so: it is paused, and its last day is today.

    Raises:
        Invalid: if it has not begun.
    """
    if today < feature.start_date:
        raise Invalid(f"start_date: {feature.start_date} is to come; move the dates, or delete it")
    draft = draft_of(feature)
    if today > feature.end_date:
        return draft
    if when is Moment.TONIGHT:
        return replace(draft, end_date=today)
    if feature.start_date == today:
        return replace(draft, end_date=today, is_running=False)
    return replace(draft, end_date=today - DAY)


def over(feature: Feature, now: datetime) -> Feature:
    """The feature once it has ended now, with what that notes in its run.

    Raises:
        Invalid: as `ended` does.
    """
    draft = ended(feature, Moment.NOW, now.date())
    return replace(feature, end_date=draft.end_date, is_running=draft.is_running).begun(now)


def winner_of(feature: Feature, ship: Ship) -> Variant:
    """The variant that is shipped.

    Raises:
        Invalid: if the feature is no experiment, has never started, or has no such variant.
    """
    if feature.type is not FeatureType.EXPERIMENT:
        raise Invalid("only an experiment has a winner to ship")
    if feature.run is None:
        raise Invalid("the experiment has never started: there is no winner yet")
    winner = next((each for each in feature.variants if each.id == ship.variant_id), None)
    if winner is None:
        raise Invalid(f"variant_id: the experiment has no variant {ship.variant_id}")
    return winner


def shipped(feature: Feature, ship: Ship, today: date) -> FeatureDraft:
    """The rollout to everybody that takes the place of an experiment.

    Raises:
        Invalid: as `winner_of` does, and if it would have the experiment's own name.
    """
    winner = winner_of(feature, ship)
    if ship.name == feature.name:
        raise Invalid("name: another one than the experiment's, which keeps its name and its data")
    description = f"Ships {winner.value!r} of experiment {feature.id}, {feature.name!r}."
    return FeatureDraft(
        FeatureType.ROLLOUT, ship.name, today, FAR_END, True, EVERYBODY, description
    )


def is_shipped(experiment: Feature, rollout: Feature, draft: FeatureDraft, today: date) -> bool:
    """Whether an experiment has ended for a rollout that its draft asks for: whichever day it was.

    So a step that is asked again, because its answer was lost, is not taken twice.
    """
    is_over = ended(experiment, Moment.NOW, today) == draft_of(experiment)
    return is_over and replace(draft_of(rollout), start_date=draft.start_date) == draft


def cloned(feature: Feature, clone: Clone, today: date) -> NewFeature:
    """The same feature under another name: paused, with as many days from its first one on.

    Its plan goes with it; a day that is planned moves as far as the first day does.
    """
    starts_on = clone.start_date or today
    moved = starts_on - feature.start_date
    draft = replace(
        draft_of(feature),
        name=clone.name,
        start_date=starts_on,
        end_date=_moved(feature.end_date, moved),
        is_running=False,
    )
    plan = feature.plan
    if plan is not None and plan.ends_on is not None:
        plan = replace(plan, ends_on=_moved(plan.ends_on, moved))
    if plan is not None:
        plan = replace(plan, metric_ids={}, metric_caps={})
    variants = tuple(
        VariantDraft(feature.id, each.value, each.is_control, each.weight)
        for each in feature.variants
    )
    return NewFeature(draft, variants, plan)


def _moved(last: date, by: timedelta) -> date:
    """A last day so much later; the one that stands for no end stays."""
    try:
        return FAR_END if last >= FAR_END else last + by
    except OverflowError:
        return date.max

"""New features of Test Lab: what is wished, what there is room for, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.overview import OwnedBlock, owned_blocks
from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.blocks import BLOCK_COUNT, allocate, blocks_wanted
from chalicelib.domain.features.features import (
    Feature,
    FeatureDraft,
    FeatureType,
    VariantDraft,
    make_variants,
)
from chalicelib.domain.features.result_plans import (
    CONVERSION,
    ResultPlan,
    default_window,
)
from chalicelib.domain.outcomes.calculator import Size, needed
from chalicelib.domain.outcomes.plans import planned
from chalicelib.domain.statistics.horizon import days_to_units

Wish = Callable[[date], "NewFeature"]
"""Makes a new feature of the day now, which is its first where no other is wished."""

EVERYBODY = Decimal(1)


@dataclass(frozen=True, slots=True)
class NewFeature:
    """A feature as it is to be made, all of it at once.

    Of the variants the feature is not known yet. Only an experiment has a `plan`; None leaves it
    to the defaults. `users_per_day` are the new users of a day that are expected, of all users.
    """

    draft: FeatureDraft
    variants: tuple[VariantDraft, ...] = ()
    plan: ResultPlan | None = None
    users_per_day: float | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """The user blocks on an experiment's first day, and how many of them it asks for.

    Those that nobody else owns it could have.
    """

    blocks: tuple[OwnedBlock, ...]
    wanted: int

    @property
    def free(self) -> int:
        return sum(block.owner is None for block in self.blocks)

    @property
    def lacking(self) -> int:
        return max(0, self.wanted - self.free)


@dataclass(frozen=True, slots=True)
class Duration:
    """How long an experiment takes to find its smallest effect.

    `size` are the units that are needed, `users` those of all arms by their weights. `per_day` of
    them come in, if that is known; then they are there after `days`, and the results of the last
    of them are complete on `complete_on`.
    """

    size: Size
    users: int
    per_day: float | None
    days: int | None
    window: int
    complete_on: date | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What is known of a feature before it is made; `wrong` says why there is no duration."""

    today: date
    new: NewFeature | None
    namesake: int | None
    room: Room | None
    traffic: float | None
    duration: Duration | None
    wrong: str | None = None


def made(new: NewFeature, feature: Feature, variant_ids: Sequence[int], now: datetime) -> Feature:
    """The whole of a new feature; `feature` is what its draft alone asks for.

    Raises:
        Invalid: if its variants or its plan break a rule, or it ends before it begins.
    """
    if feature.end_date < feature.start_date:
        raise Invalid(f"end_date: not before the first day, {feature.start_date}")
    if new.variants:
        drafts = [replace(each, feature_id=feature.id) for each in new.variants]
        feature = replace(feature, variants=make_variants(feature.id, drafts, variant_ids))
    if new.plan is None or feature.type is not FeatureType.EXPERIMENT:
        return feature.begun(now)
    return planned(feature, new.plan, now, anybody=False)


def room_for(catalogue: Catalogue, experiment: Feature, today: date) -> Room:
    """The user blocks that others leave on an experiment's first day, or today if that is past.

    Those with lower ids, and those that began before, get what they lack first.
    """
    day = max(catalogue.revision.day(today), experiment.start_date)
    others = [each for each in catalogue.current(day).experiments if each.id != experiment.id]
    everything = replace(experiment, user_percentage=EVERYBODY)
    blocks = allocate((*others, everything), catalogue.blocks)
    left = (
        replace(each, feature_id=None) if each.feature_id == experiment.id else each
        for each in blocks
    )
    return Room(
        owned_blocks(replace(catalogue, blocks=tuple(left))),
        blocks_wanted(experiment.user_percentage),
    )


def duration(new: NewFeature, room: Room, users_per_day: float | None) -> Duration | None:
    """How long an experiment takes, with the user blocks that there is room for.

    None where its smallest effect, or what is expected of control, is not told.

    Raises:
        Invalid: if no number of users would do, or control or all others get none.
    """
    plan = new.plan or ResultPlan()
    if not new.variants:
        return None
    primary = plan.primary or CONVERSION
    takes = needed(plan, primary.measure, primary.direction, *_weights(new.variants))
    if takes is None:
        return None
    per_day = None
    if users_per_day is not None:
        per_day = users_per_day * min(float(new.draft.user_percentage), room.free / BLOCK_COUNT)
    days = None if per_day is None else days_to_units(takes.units, 0, per_day)
    window = plan.window or default_window(new.draft.start_date, new.draft.end_date)
    complete_on = None
    if days is not None and days <= (date.max - new.draft.start_date).days - window:
        complete_on = new.draft.start_date + timedelta(days=days + window)
    return Duration(takes.size, takes.units, per_day, days, window, complete_on)


def _weights(variants: Sequence[VariantDraft]) -> tuple[list[float], int]:
    """The weights of variants, equal ones where none is given, and the place of control."""
    given = [1 / len(variants) if v.weight is None else float(v.weight) for v in variants]
    return given, next((place for place, each in enumerate(variants) if each.is_control), 0)

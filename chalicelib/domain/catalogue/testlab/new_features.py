"""New features of Test Lab: what is wished, what there is room for, and how long it takes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
    Measure,
    ResultPlan,
    default_window,
)
from chalicelib.domain.outcomes.calculator import Means, Proportions, Question, Size, size_for
from chalicelib.domain.outcomes.plans import planned
from chalicelib.domain.outcomes.results.results import Summary, of_run
from chalicelib.domain.statistics.horizon import days_to_units

Wish = Callable[[date], "NewFeature"]
"""Makes a new feature of the day now, which is its first where no other is wished."""

EVERYBODY = Decimal(1)
RECENT_DAYS = 14
"""Days from which the traffic is taken."""


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


def traffic(catalogue: Catalogue, summaries: Mapping[int, Summary], today: date) -> float | None:
    """New users a day, of all users, as the experiments of the last weeks met them; None if none.

    What the experiments of Test Lab that run met is divided by the share of users that is theirs.
    """
    owned = Counter(block.feature_id for block in catalogue.blocks)
    users, shares = 0.0, 0.0
    for feature in catalogue.current(today).experiments:
        summary = of_run(feature, summaries.get(feature.id))
        if not feature.is_running or summary is None or not summary.recent or not owned[feature.id]:
            continue
        recent = summary.recent[-RECENT_DAYS:]
        users += sum(recent) / len(recent)
        shares += owned[feature.id] / BLOCK_COUNT
    return users / shares if users else None


def duration(new: NewFeature, room: Room, users_per_day: float | None) -> Duration | None:
    """How long an experiment takes, with the user blocks that there is room for.

    None where its smallest effect, or what is expected of control, is not told.

    Raises:
        Invalid: if no number of users would do, or control or all others get none.
    """
    plan = new.plan or ResultPlan()
    comparison = _compared(plan)
    if plan.smallest_effect is None or comparison is None or not new.variants:
        return None
    control, others = _weights(new.variants)
    if not control or not others:
        raise Invalid("weight: control and at least one other variant need more than 0")
    smallest = min(others)
    question = Question(comparison, ratio=smallest / control, comparisons=len(others))
    size = size_for(question, float(plan.smallest_effect))
    users = math.ceil(max(size.control / control, size.variant / smallest))
    per_day = None
    if users_per_day is not None:
        per_day = users_per_day * min(float(new.draft.user_percentage), room.free / BLOCK_COUNT)
    days = None if per_day is None else days_to_units(users, 0, per_day)
    window = plan.window or default_window(new.draft.start_date, new.draft.end_date)
    complete_on = None
    if days is not None and days <= (date.max - new.draft.start_date).days - window:
        complete_on = new.draft.start_date + timedelta(days=days + window)
    return Duration(size, users, per_day, days, window, complete_on)


def _compared(plan: ResultPlan) -> Proportions | Means | None:
    primary = plan.primary or CONVERSION
    if primary.measure is Measure.CONVERSION:
        return None if plan.expected_mean is None else Proportions(float(plan.expected_mean))
    return None if plan.expected_spread is None else Means(float(plan.expected_spread))


def _weights(variants: Sequence[VariantDraft]) -> tuple[float, list[float]]:
    """The weight of control, and those of the others that get users."""
    given = [1 / len(variants) if v.weight is None else float(v.weight) for v in variants]
    place = next((place for place, each in enumerate(variants) if each.is_control), 0)
    return given[place], [each for at, each in enumerate(given) if at != place and each > 0]

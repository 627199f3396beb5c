"""A feature of Test Lab as a whole: what it is, who takes part, what is planned, what may be done.

It is what people read before they decide on a step, so it says what each step would do to whom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.overbooking import Shortage, shortage
from chalicelib.domain.catalogue.overview import KIND_OF_FEATURE, Kind, Phase, phase_of
from chalicelib.domain.catalogue.testlab.new_features import Room, room_for
from chalicelib.domain.catalogue.testlab.steps import draft_of, over
from chalicelib.domain.confirmation import tag_of
from chalicelib.domain.features.blocks import UserBlock, blocks_wanted
from chalicelib.domain.features.features import Feature, FeatureType, Variant
from chalicelib.domain.features.result_plans import PlannedMetric, ResultPlan
from chalicelib.domain.features.users import Totals
from chalicelib.domain.outcomes.plans import ToldChange, metrics_of, shown_metrics, told_changes
from chalicelib.domain.outcomes.results.results import Summary, of_run


@dataclass(frozen=True, slots=True)
class FeatureDesign:
    """A feature, and what is known of it.

    `totals` has the figures of each variant. `blocks` are the user blocks that it owns, `room`
    those that it asks for and could have. `summary` is what its results said last. `moves_end`
    says that to end it now would move the planned end that was fixed at its start.
    """

    feature: Feature
    phase: Phase
    today: date
    totals: tuple[tuple[Variant, Totals], ...]
    blocks: tuple[UserBlock, ...]
    room: Room
    shortage: Shortage | None
    summary: Summary | None
    moves_end: bool

    @property
    def kind(self) -> Kind:
        return KIND_OF_FEATURE[self.feature.type]

    @property
    def is_experiment(self) -> bool:
        return self.feature.type is FeatureType.EXPERIMENT

    @property
    def users(self) -> int:
        """The number of users of all variants."""
        return sum(totals.total_users for _, totals in self.totals)

    @property
    def events(self) -> int:
        """The number of events of all variants."""
        return sum(totals.event_total for _, totals in self.totals)

    @property
    def blocks_wanted(self) -> int:
        return blocks_wanted(self.feature.user_percentage)

    @property
    def may_start(self) -> bool:
        return self.phase is Phase.PAUSED

    @property
    def may_resume(self) -> bool:
        """Whether to start it is to go on with what ran before."""
        return self.may_start and self.feature.run is not None

    @property
    def may_pause(self) -> bool:
        return self.phase in (Phase.RUNNING, Phase.SCHEDULED)

    @property
    def may_end(self) -> bool:
        return self.phase in (Phase.RUNNING, Phase.PAUSED) and self.today >= self.feature.start_date

    @property
    def ends_by_a_pause(self) -> bool:
        """Whether it began today, so that it cannot have ended yesterday."""
        return self.feature.start_date == self.today

    @property
    def may_ship(self) -> bool:
        return self.is_experiment and self.feature.run is not None and bool(self.feature.variants)

    @property
    def winner(self) -> int | None:
        """The variant that the verdict names by its value, if it is one alone."""
        latched = None if self.summary is None else self.summary.latched
        named = None if latched is None else latched.variant
        found = [each.id for each in self.feature.variants if each.value == named]
        return found[0] if len(found) == 1 else None

    @property
    def seen(self) -> str:
        """The tag of the draft that is shown; a draft with another tag was changed meanwhile."""
        return tag_of(draft_of(self.feature))

    @property
    def plan_seen(self) -> str:
        """The same for its plan."""
        return tag_of(self.feature.plan)

    @property
    def planned(self) -> ResultPlan:
        """The plan with its defaults."""
        return self.feature.effective_plan()

    @property
    def fixed(self) -> ResultPlan | None:
        """The plan that decides, from the first start on."""
        return None if self.feature.run is None else self.feature.run.plan

    @property
    def metrics(self) -> Sequence[PlannedMetric]:
        """What results show, the metric that decides first."""
        if self.fixed is None:
            return metrics_of(self.planned, None)
        return shown_metrics(self.fixed, self.planned, None)

    @property
    def changes(self) -> Sequence[ToldChange]:
        """What was changed after the start, and what that means."""
        return [] if self.feature.run is None else told_changes(self.feature.run)


def design_of(
    catalogue: Catalogue,
    feature: Feature,
    totals: Mapping[int, Totals],
    summary: Summary | None,
    now: datetime,
) -> FeatureDesign:
    """What is known of a feature of Test Lab at a moment; `totals` go by the ids of variants."""
    today = now.date()
    return FeatureDesign(
        feature,
        phase_of(feature, today),
        today,
        tuple((variant, totals.get(variant.id, Totals())) for variant in feature.variants),
        tuple(block for block in catalogue.blocks if block.feature_id == feature.id),
        room_for(catalogue, feature, today),
        shortage(catalogue, feature, today),
        of_run(feature, summary),
        moves_end(feature, now),
    )


def moves_end(feature: Feature, now: datetime) -> bool:
    """Whether to end a feature now would move the planned end that was fixed at its start."""
    if feature.run is None or now.date() < feature.start_date:
        return False
    after = over(feature, now).run
    return after is not None and after.moved and not feature.run.moved

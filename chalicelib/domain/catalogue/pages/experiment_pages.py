"""An experiment of either API as people read its results: with its phase, its plan, its design."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from chalicelib.domain.catalogue.overview import Phase
from chalicelib.domain.experiments.experiments import DesignType, Experiment, Unit
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import ResultPlan
from chalicelib.domain.features.runs import in_force
from chalicelib.domain.outcomes.plans import ToldChange, told_changes
from chalicelib.domain.outcomes.results.results import Results, VariantResult
from chalicelib.domain.statistics.sentences import count
from chalicelib.domain.statistics.sufficiency import GREATEST_UNEVENNESS, GROUPS_NEEDED


@dataclass(frozen=True, slots=True)
class Cells:
    """A factorial design of two factors as a table: `keys` are those of conditions.

    They go by the levels of the first factor, then by those of the second.
    """

    factors: tuple[str, str]
    levels: tuple[tuple[str, ...], tuple[str, ...]]
    keys: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class ExperimentPage:
    """An experiment with its results as of `today`; a toggle or a rollout has none."""

    feature: Feature
    phase: Phase
    today: date
    results: Results | None = None

    @property
    def plan(self) -> ResultPlan:
        """The plan that decides: as it was fixed at the start, or would be by a start now."""
        run = self.feature.run
        return self.feature.effective_plan() if run is None else run.plan

    @property
    def units_planned(self) -> int | None:
        """The units of all variants that are planned: a plan says how many two of them have."""
        units = in_force(self.feature.effective_plan(), self.feature.run).units
        variants = len(self.feature.variants)
        return math.ceil(units * variants / 2) if units is not None and variants else None

    @property
    def changes(self) -> list[ToldChange]:
        """What was changed after the start."""
        return [] if self.feature.run is None else told_changes(self.feature.run)

    @property
    def cells(self) -> Cells | None:
        """The cells of a factorial design of two factors, if it is one."""
        return None if self.feature.design is None else cells_of(self.feature.design)

    @property
    def group_warnings(self) -> list[str]:
        """Sentences on groups that are few or uneven, where groups are compared."""
        design = self.feature.design
        if self.results is None or design is None or design.unit is not Unit.GROUP:
            return []
        return list(warnings_of_groups(self.results.variants))


def cells_of(design: Experiment) -> Cells | None:
    """The cells of a design of two factors; None of another, or if a cell has no condition."""
    if design.type is not DesignType.FACTORIAL or len(design.factors) != 2:
        return None
    first, second = sorted(design.factors, key=lambda factor: factor.order)
    rows, columns = (
        sorted(each.levels, key=lambda level: level.order or 0) for each in (first, second)
    )
    by_levels = {
        frozenset(element.level_id for element in condition.levels): condition.id
        for condition in design.conditions
    }
    keys = tuple(
        tuple(by_levels.get(frozenset({row.id, column.id}), "") for column in columns)
        for row in rows
    )
    if not all(all(row) for row in keys):
        return None
    return Cells(
        (first.name, second.name),
        (tuple(each.name for each in rows), tuple(each.name for each in columns)),
        keys,
    )


def warnings_of_groups(variants: Sequence[VariantResult]) -> Iterator[str]:
    """Sentences on variants with few groups, and on groups that are spread unevenly.

    Few groups have wide intervals, whatever the number of users in them; the method needs ten of
    each variant, and at most twice as many of one as of another (the method, section 5).
    """
    split = [each for each in variants if each.weight > 0]
    for each in split:
        if each.units < GROUPS_NEEDED:
            yield (
                f"{each.name} has {count(each.units, 'groups')}: with fewer than {GROUPS_NEEDED}"
                " nothing is judged."
            )
    most = max((each.units for each in split), default=0)
    least = min((each.units for each in split), default=0)
    if least and most > GREATEST_UNEVENNESS * least:
        yield (
            f"Groups are spread unevenly: one variant has {most:,} of them, another {least:,}."
            " Intervals of such a split may be too narrow."
        )

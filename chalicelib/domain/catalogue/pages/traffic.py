"""The traffic of the last weeks, as running experiments met it: what a new one can expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.experiments.experiments import State, Unit
from chalicelib.domain.features.blocks import BLOCK_COUNT
from chalicelib.domain.features.features import Feature
from chalicelib.domain.outcomes.results.results import Summary, of_run

RECENT_DAYS = 14
"""Days from which the traffic is taken."""


def traffic(catalogue: Catalogue, summaries: Mapping[int, Summary], today: date) -> float | None:
    """New users a day, of all users, as the experiments of the last weeks met them; None if none.

    What the experiments of Test Lab that run met is divided by the share of users that is theirs.
    """
    owned = Counter(block.feature_id for block in catalogue.blocks)
    users, shares = 0.0, 0.0
    for feature in catalogue.current(today).experiments:
        per_day = _per_day(feature, summaries, today)
        if not feature.is_running or per_day is None or not owned[feature.id]:
            continue
        users += per_day
        shares += owned[feature.id] / BLOCK_COUNT
    return users / shares if users else None


def traffic_by_context(
    catalogue: Catalogue, summaries: Mapping[int, Summary], today: date
) -> dict[str, float]:
    """New users a day in each context of UpGrade, as its busiest design that enrolls met them.

    Only designs on individuals count: of groups it is not users that come.
    """
    found: dict[str, float] = {}
    for feature in catalogue.features:
        design, per_day = feature.design, _per_day(feature, summaries, today)
        if design is None or design.unit is not Unit.INDIVIDUAL or per_day is None:
            continue
        if design.state is State.ENROLLING:
            found[design.context] = max(per_day, found.get(design.context, 0.0))
    return found


def _per_day(feature: Feature, summaries: Mapping[int, Summary], today: date) -> float | None:
    """The units that came on a day lately; None if nobody looked lately, or nobody came."""
    summary = of_run(feature, summaries.get(feature.id))
    if summary is None or not summary.recent or (today - summary.at.date()).days > RECENT_DAYS:
        return None
    recent = summary.recent[-RECENT_DAYS:]
    return sum(recent) / len(recent)

"""The traffic of the last weeks, as running experiments met it: what a new one can expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.experiments.experiments import State, Unit
from chalicelib.domain.features.blocks import BLOCK_COUNT
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
        summary = of_run(feature, summaries.get(feature.id))
        if not feature.is_running or summary is None or not summary.recent or not owned[feature.id]:
            continue
        recent = summary.recent[-RECENT_DAYS:]
        users += sum(recent) / len(recent)
        shares += owned[feature.id] / BLOCK_COUNT
    return users / shares if users else None


def traffic_by_context(catalogue: Catalogue, summaries: Mapping[int, Summary]) -> dict[str, float]:
    """New users a day in each context of UpGrade, as its busiest design that enrolls met them.

    Only designs on individuals count, for whose decision points nothing else decides who comes.
    """
    found: dict[str, float] = {}
    for feature in catalogue.features:
        design, summary = feature.design, of_run(feature, summaries.get(feature.id))
        if design is None or design.unit is not Unit.INDIVIDUAL or summary is None:
            continue
        recent = summary.recent[-RECENT_DAYS:]
        if design.state is State.ENROLLING and recent:
            per_day = sum(recent) / len(recent)
            found[design.context] = max(per_day, found.get(design.context, 0.0))
    return found

"""Whether an experiment of Test Lab will get the user blocks that it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.features.blocks import allocate, blocks_wanted
from chalicelib.domain.features.features import Feature, FeatureType


@dataclass(frozen=True, slots=True)
class Shortage:
    """An experiment would get `given` user blocks, though it asks for `wanted`."""

    given: int
    wanted: int


def shortage(catalogue: Catalogue, experiment: Feature, today: date) -> Shortage | None:
    """What an experiment would lack at the next allocation; None if it would lack nothing.

    One that starts later is judged by its first day, as if nothing but the day changed: those that
    are over by then have given their blocks back. One that is over lacks nothing. `experiment`
    may be about to be stored in `catalogue`. Nothing is allocated.
    """
    day = max(catalogue.revision.day(today), experiment.start_date)
    if experiment.type is not FeatureType.EXPERIMENT or not experiment.is_current(day):
        return None
    others = (each for each in catalogue.current(day).experiments if each.id != experiment.id)
    blocks = allocate((*others, experiment), catalogue.blocks)
    given = sum(block.feature_id == experiment.id for block in blocks)
    wanted = blocks_wanted(experiment.user_percentage)
    return Shortage(given, wanted) if given < wanted else None

"""The list of everything: kinds, phases, what is asked for, and what lacks user blocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.overbooking import Shortage
from chalicelib.domain.catalogue.overview import (
    ROWS_OF_A_PAGE,
    Kind,
    Order,
    Overview,
    Phase,
    Wanted,
    overview,
    phase_of,
)
from chalicelib.domain.experiments.experiments import State
from chalicelib.domain.features.blocks import FREE_BLOCKS
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.domain.flags.flags import FlagStatus
from chalicelib.domain.outcomes.results.results import Latched, Summary
from chalicelib.services import Services
from tests.unit.measure_samples import flag
from tests.unit.samples import draft, feature
from tests.unit.upgrade_service_samples import design

TODAY = date(2026, 6, 1)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def of_design(feature_id: int, **more: object) -> Feature:
    return Feature.of_design(feature_id, replace(design(f"e{feature_id}"), **more), 1)  # type: ignore[arg-type]


def summary(feature_id: int, code: str, units: int, latched: str | None = None) -> Summary:
    kept = None if latched is None else Latched(latched, "", NOON)
    return Summary(feature_id, code, "", units, "users", "fine", None, NOON, None, kept)


FEATURES = (
    feature(1, kind=FeatureType.TOGGLE),
    feature(2, kind=FeatureType.ROLLOUT),
    feature(3, share="0.5"),
    of_design(4, tags=("red",)),
)
FLAG = replace(flag(feature_id=5), name="Dark mode", tags=("red", "blue"))
CATALOGUE = Catalogue(features=FEATURES, flags={"f": FLAG})
SUMMARIES = {
    3: summary(3, "keep running", 70, latched="ship"),
    4: summary(4, "needs data", 90),
}


def listed(catalogue: Catalogue = CATALOGUE, **wanted: object) -> Overview:
    return overview(catalogue, SUMMARIES, Wanted(**wanted), TODAY)  # type: ignore[arg-type]


def names(**wanted: Any) -> list[int]:
    return [row.number for row in listed(**wanted).rows]


def test_everything_is_listed_the_newest_first() -> None:
    found = listed()
    assert [row.kind for row in found.rows] == [
        Kind.FLAG,
        Kind.DESIGN,
        Kind.EXPERIMENT,
        Kind.ROLLOUT,
        Kind.TOGGLE,
    ]
    assert [row.key for row in found.rows] == ["f", "e4", "3", "2", "1"]
    assert (found.found, found.total, found.pages) == (5, 5, 1)
    assert (found.contexts, found.tags) == (("home",), ("blue", "red"))


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({"search": "DARK"}, [5]),
        ({"search": "e4"}, [4]),
        ({"search": "nothing like it"}, []),
        ({"kind": Kind.ROLLOUT}, [2]),
        ({"phase": Phase.ARCHIVED}, []),
        ({"context": "home"}, [5, 4]),
        ({"tag": "red"}, [5, 4]),
        ({"tag": "blue", "kind": Kind.FLAG}, [5]),
        ({"order": Order.UNITS}, [4, 3, 5, 2, 1]),
        ({"order": Order.VERDICT}, [4, 3, 5, 2, 1]),
        ({"order": Order.NAME}, [5, 4, 1, 2, 3]),
    ],
)
def test_rows_are_those_that_are_asked_for_in_the_order_that_is(
    wanted: dict[str, object], numbers: list[int]
) -> None:
    assert names(**wanted) == numbers


def test_long_lists_come_in_pages_and_there_is_always_one() -> None:
    many = Catalogue(features=tuple(feature(n) for n in range(1, 2 * ROWS_OF_A_PAGE + 2)))
    assert [len(listed(many, page=page).rows) for page in (1, 2, 3, 9)] == [50, 50, 1, 1]
    assert listed(many).pages == 3
    assert listed(Catalogue()).rows == ()


@pytest.mark.parametrize(
    ("own", "phase"),
    [
        (feature(1, start=date(2026, 6, 2)), Phase.SCHEDULED),
        (feature(1), Phase.RUNNING),
        (feature(1, is_running=False), Phase.PAUSED),
        (feature(1, end=date(2026, 5, 31)), Phase.ENDED),
        (of_design(1, state=State.ENROLLING), Phase.RUNNING),
        (of_design(1, state=State.ENROLLMENT_COMPLETE), Phase.ENDED),
    ],
)
def test_a_feature_is_in_one_phase(own: Feature, phase: Phase) -> None:
    assert phase_of(own, TODAY) is phase


def test_every_state_of_both_apis_has_a_phase() -> None:
    for state in State:
        assert phase_of(of_design(1, state=state), TODAY) in Phase
    for status in FlagStatus:
        flags = {"f": replace(FLAG, status=status)}
        assert listed(Catalogue(flags=flags)).rows[0].phase in Phase


def test_a_current_experiment_that_lacks_blocks_is_named_with_both_numbers() -> None:
    blocks = tuple(replace(b, feature_id=3 if b.id < 5 else None) for b in FREE_BLOCKS)
    found = listed(replace(CATALOGUE, blocks=blocks))
    assert [(row.number, row.shortage) for row in found.short] == [(3, Shortage(4, 10))]
    assert [each.owner.id for each in found.blocks if each.owner] == [3] * 4
    past = Catalogue(features=(feature(3, end=date(2026, 5, 1)),))
    assert listed(past).short == ()


def test_blocks_are_allocated_when_somebody_looks(services: Services) -> None:
    services.features.create(draft("button", share="0.25"))
    found = services.pages.overview.of(Wanted())
    assert sum(each.owner is not None for each in found.blocks) == 5
    assert found.short == ()

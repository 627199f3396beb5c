"""The guard: no request takes more trips or capacity than its budget."""

from __future__ import annotations

import pytest

from benchmarks import budgets, cases
from benchmarks.application import Application
from benchmarks.figures import figures
from benchmarks.worlds import Sizes, build
from chalicelib import api
from chalicelib.domain.access.api_keys import Role


def test_every_request_that_is_measured_has_a_budget_and_no_other() -> None:
    assert {case.name for case in cases.CASES} == set(budgets.BUDGETS)


def test_every_route_of_clients_is_measured() -> None:
    measured = {name.split(",")[0].split("?")[0] for name in budgets.BUDGETS}
    of_clients = [route for route in api.all_routes() if route.access.role is Role.CLIENT]
    assert len(of_clients) > 20
    for route in of_clients:
        if route.path.startswith(("/api/v5/", "/api/v6/")):
            name = route.path.removeprefix("/api/").replace("/", " ")
        else:
            name = f"{route.method} {route.path}".replace("{feature_id}", "{id}")
        assert name in measured, name


@pytest.mark.parametrize(
    "some",
    [
        cases.TESTLAB,
        cases.TESTLAB_ADMINISTRATION,
        cases.UPGRADE,
        cases.UPGRADE_ADMINISTRATION,
        cases.PAGES,
    ],
    ids=["testlab", "testlab-administration", "upgrade", "upgrade-administration", "pages"],
)
def test_requests_stay_within_their_budgets(
    bench: Application, some: tuple[cases.Case, ...]
) -> None:
    world = build(bench, Sizes(testlab=10, large=100, flags=100))
    faults = [fault for each in figures(world, *some) for fault in each.faults()]
    assert not faults

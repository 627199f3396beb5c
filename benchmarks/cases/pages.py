"""The pages of the dashboard."""

from __future__ import annotations

from benchmarks.application import Request
from benchmarks.cases.case import Case, get
from benchmarks.cases.testlab import results
from benchmarks.worlds import SMALL, World


def _results_page(world: World) -> Request:
    request = results(world)
    return Request("GET", request.path.replace("/api/results/", "/dashboard/"))


def _design_results_page(world: World) -> Request:
    path = f"experiment/{world.experiment['id']}"
    world.ask("GET", f"/api/results/{path}")  # as above
    return Request("GET", f"/dashboard/{path}")


def _segment_page(world: World) -> Request:
    body = {"name": world.fresh("segment"), "context": SMALL, "type": "public"}
    members = {"userIds": ["u"], "groups": [], "subSegmentIds": []}
    made = world.ask("POST", "/api/segments", {**body, **members})
    return Request("GET", f"/dashboard/segment/{made['id']}")


PAGES: tuple[Case, ...] = (
    Case("GET /dashboard", get("/dashboard")),
    Case("GET /dashboard/feature/{id}", _results_page),
    Case("GET /dashboard/feature/{id}/design", get("/dashboard/feature/{feature}/design")),
    Case("GET /dashboard/experiment/{id}", _design_results_page),
    Case("GET /dashboard/experiment/{id}/design", get("/dashboard/experiment/{experiment}/design")),
    Case("GET /dashboard/new/feature", get("/dashboard/new/feature?type=experiment")),
    Case("GET /dashboard/new/design", get("/dashboard/new/design")),
    Case("GET /dashboard/flag/{id}", get("/dashboard/flag/{flag}")),
    Case("GET /dashboard/segments", get("/dashboard/segments")),
    Case("GET /dashboard/segment/{id}", _segment_page),
    Case("GET /dashboard/metrics", get("/dashboard/metrics")),
    Case("GET /dashboard/users", get("/dashboard/users?id=user")),
    Case("GET /dashboard/system", get("/dashboard/system")),
)
"""The pages of the dashboard."""

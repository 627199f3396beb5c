"""The OpenAPI document of all routes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from chalicelib import about, api
from chalicelib.api.http.routes import Route, Routes
from infra.openapi import answers, inputs
from infra.openapi.links import LINKS, links
from infra.openapi.routes.about import About
from infra.openapi.routes.client import CLIENT_ROUTES
from infra.openapi.routes.experiments import EXPERIMENT_ROUTES
from infra.openapi.routes.flags import FLAG_ROUTES
from infra.openapi.routes.plans import PLAN_ROUTES
from infra.openapi.routes.results import RESULT_ROUTES
from infra.openapi.routes.segments import SEGMENT_ROUTES
from infra.openapi.routes.study import STUDY_ROUTES
from infra.openapi.routes.testlab import TESTLAB_ROUTES
from infra.openapi.schemas import Json, Schemas

ROUTES: dict[str, About] = {
    **TESTLAB_ROUTES,
    **CLIENT_ROUTES,
    **EXPERIMENT_ROUTES,
    **FLAG_ROUTES,
    **SEGMENT_ROUTES,
    **STUDY_ROUTES,
    **RESULT_ROUTES,
    **PLAN_ROUTES,
}
"""By method and path."""

TAGS = {
    "testlab.features": "Test Lab: features",
    "testlab.variants": "Test Lab: variants",
    "testlab.events": "Test Lab: events",
    "testlab.analysis": "Test Lab: analysis",
    "testlab.users": "Test Lab: users",
    "testlab.user_blocks": "Test Lab: user blocks",
    "upgrade.participants.users": "UpGrade: clients",
    "upgrade.experiments.participation": "UpGrade: clients",
    "upgrade.flags.feature_flags": "UpGrade: clients",
    "upgrade.outcomes.logs": "UpGrade: clients",
    "upgrade.outcomes.rewards": "UpGrade: clients",
    "upgrade.catalogue.demo": "UpGrade: clients",
    "upgrade.experiments.experiments": "UpGrade: experiments",
    "upgrade.experiments.experiment_lists": "UpGrade: experiments",
    "upgrade.experiments.experiment_files": "UpGrade: experiments as files",
    "upgrade.flags.flags": "UpGrade: flags",
    "upgrade.flags.flag_files": "UpGrade: flags as files",
    "upgrade.audiences.segments": "UpGrade: segments",
    "upgrade.audiences.segment_files": "UpGrade: segments as files",
    "upgrade.outcomes.metrics": "UpGrade: metrics and results",
    "upgrade.outcomes.statistics": "UpGrade: metrics and results",
    "upgrade.catalogue.check": "UpGrade: participants",
    "upgrade.experiments.batch_assignment": "UpGrade: participants",
    "upgrade.participants.preview_users": "UpGrade: participants",
    "upgrade.participants.stratification": "UpGrade: participants",
    "upgrade.catalogue.study_setup": "UpGrade: service",
    "upgrade.catalogue.service_info": "UpGrade: service",
    "results.results": "Results",
    "results.result_rows": "Results",
    "results.plans": "Results: plans",
    "results.calculator": "Results: plans",
    "documentation": "Documentation",
    "health": "Health",
}
"""By the module of the resource, within `chalicelib.api`."""

DESCRIPTION = """\
Two APIs over the same data: that of Test Lab (features, variants, users, events), and UpGrade's
(`/api/v5` and `/api/v6` for client programs, all else for administrators).

Every GET answers HEAD too, without a body. Unknown paths and methods are 404 with
`{"error": "unknown endpoint"}`. Test Lab's routes refuse with 403 and a fixed text, and say why in
the header X-Error-Detail; clients that prefer `application/problem+json` get problem details with
a true status instead. UpGrade's routes refuse with a true status and a body that repeats the
request. The routes of results, which are of both, refuse with problem details, and refuse fields
that they do not know. Bodies may be compressed (gzip, deflate), and unknown parameters of queries
are ignored.
"""

SERVER = ".."
"""Relative to where the document is: right under any host, stage and base path."""


class Undocumented(Exception):
    """A route is published of which the document would not say enough, or the other way round."""


def document(resources: Sequence[Routes] = api.ROUTES) -> Json:
    """The whole document.

    Raises:
        Undocumented: if a route is published and not described, or described and not published.
    """
    published = [(each, route) for each in resources for route in each.declared]
    _check_described([route for _, route in published])
    schemas = Schemas()
    ids = _operation_ids([route for _, route in published])
    drafts = [
        (
            route,
            {
                "tags": [_tag(resource)],
                "summary": _summary(route),
                "operationId": ids[name(route)],
                **_note(route),
            },
            inputs.wanted(route, ROUTES[name(route)], schemas),
            answers.wanted(route, ROUTES[name(route)], schemas),
        )
        for resource, route in published
    ]
    shared = answers.wanted_components(schemas)
    found, components = schemas.made()
    paths: Json = {}
    for route, head, taken, given in drafts:
        responses = given(found)
        if following := links(name(route), ids):
            responses["200"]["links"] = following
        operation = {**head, **taken(found), "responses": responses}
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.NAME.capitalize(),
            "version": about.VERSION,
            "summary": about.DESCRIPTION,
            "description": DESCRIPTION,
        },
        "servers": [{"url": SERVER, "description": "this server"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(TAGS.values())],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "responses": shared(found),
            "headers": answers.HEADERS,
            "securitySchemes": inputs.SECURITY_SCHEMES,
        },
    }


def name(route: Route) -> str:
    """What a route is called: method and path."""
    return f"{route.method} {route.path}"


def _check_described(published: Sequence[Route]) -> None:
    names = {name(route) for route in published}
    if missing := sorted(names - set(ROUTES)):
        raise Undocumented(f"infra/openapi/routes says nothing of {', '.join(missing)}")
    if gone := sorted(set(ROUTES) - names):
        raise Undocumented(f"infra/openapi/routes still describes {', '.join(gone)}")
    linked = {*LINKS, *(link.to for links_of in LINKS.values() for link in links_of)}
    if gone := sorted(linked - names):
        raise Undocumented(f"infra/openapi/links.py still links {', '.join(gone)}")


def _tag(resource: Routes) -> str:
    module = resource.import_name.removeprefix("chalicelib.api.")
    if module not in TAGS:
        raise Undocumented(f"infra/openapi/document.py has no tag for {module}")
    return TAGS[module]


def _docstring(route: Route) -> str:
    if not route.view.__doc__:
        raise Undocumented(f"the view of {name(route)} has no docstring")
    return route.view.__doc__


def _summary(route: Route) -> str:
    return _docstring(route).split("\n")[0].rstrip(".")


def _note(route: Route) -> Json:
    note = ROUTES[name(route)].note
    return {"description": note} if note else {}


def _operation_ids(published: Sequence[Route]) -> dict[str, str]:
    """The names of the views; with the version of the API where it is published in two."""
    uses = Counter(route.view.__name__ for route in published)

    def operation_id(route: Route) -> str:
        view: Any = route.view.__name__
        return f"{view}_{route.path.split('/')[2]}" if uses[view] > 1 else str(view)

    return {name(route): operation_id(route) for route in published}

"""The first page: everything in one table, and who has which user blocks: /dashboard."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from chalicelib.api.dashboard.serving.page import Elsewhere, Page
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.domain.catalogue.overview import Kind, Order, Phase, Wanted
from chalicelib.services import Services

Search = Annotated[str, Field(max_length=1000)]

routes = PageRoutes(__name__)


def _chosen(value: object) -> object:
    """What was chosen; an empty choice is none."""
    return value or None


class OverviewQuery(BaseModel):
    """What to list. It is in the address, so that it can be kept and sent to others."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    search: Search = ""
    kind: Annotated[Kind | None, BeforeValidator(_chosen)] = None
    state: Annotated[Phase | None, BeforeValidator(_chosen)] = None
    context: Search = ""
    tag: Search = ""
    sort: Order = Order.NEWEST
    page: Annotated[int, Field(ge=1, le=10**6)] = 1

    def wanted(self) -> Wanted:
        """The same for the list."""
        return Wanted(
            self.search, self.kind, self.state, self.context, self.tag, self.sort, self.page
        )


@routes.page("/dashboard")
def show_overview(services: Services, query: OverviewQuery) -> Page:
    """Everything that runs or ran."""
    asked = query.wanted()
    return Page("overview.html", {"overview": services.pages.overview.of(asked), "asked": asked})


@routes.page("/", right=None)
def lead_to_dashboard() -> Elsewhere:
    """The root leads to the dashboard."""
    return Elsewhere("")

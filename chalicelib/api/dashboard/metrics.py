"""Metrics of UpGrade, and the queries of designs that ask for them: /dashboard/metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.serving.page import Elsewhere, Page
from chalicelib.api.dashboard.serving.pasted import apart
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.api.upgrade.experiments.designs.metric_models import (
    ALLOWED_VALUES,
    METRICS_AT_ONCE,
    AllowedValue,
    AttributeBody,
    ClassBody,
    MetricsBody,
    bounded,
)
from chalicelib.api.upgrade.wire.texts import FilledText
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.confirmation import is_name
from chalicelib.domain.experiments.metrics import JOINER, MetricType
from chalicelib.services import Services
from chalicelib.services.outcomes.metric_overview import MetricsWanted

ALL = "/dashboard/metrics"
NAME_LENGTH = 3000
"""Characters of a key: it may be made of three names."""

Search = Annotated[str, Field(max_length=NAME_LENGTH)]

routes = PageRoutes(__name__)


class MetricsQuery(BaseModel):
    """What to list, and what is about to be deleted; it is in the address."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    search: Search = ""
    context: Search = ""
    page: Annotated[int, Field(ge=1, le=10**6)] = 1
    remove: Search = ""

    def wanted(self) -> MetricsWanted:
        """The same for the list."""
        return MetricsWanted(self.search, self.context, self.page, self.remove)


class AttributeForm(AttributeBody):
    """A metric by its own name, or an attribute of a class; its values in one field."""

    allowed_values: (
        Annotated[tuple[AllowedValue, ...], AtMost(ALLOWED_VALUES), BeforeValidator(apart)] | None
    ) = None


def _named(rows: Any) -> Any:
    """The rows of a form that have a name: a choice of a type alone is none."""
    if not isinstance(rows, list):
        return rows
    return [row for row in rows if not isinstance(row, dict) or "metric" in row]


class ClassForm(ClassBody):
    """Attributes for each of some keys, which stand in one field."""

    allowed_keys: Annotated[
        tuple[FilledText, ...],
        Field(min_length=1),
        AtMost(METRICS_AT_ONCE),
        BeforeValidator(apart),
    ]
    attributes: Annotated[
        tuple[AttributeForm, ...],
        Field(min_length=1),
        AtMost(METRICS_AT_ONCE),
        BeforeValidator(_named),
    ]


class SimpleForm(MetricsBody, Form):
    """A metric that is to be there, in some contexts."""

    metric_unit: tuple[AttributeForm]


class GroupedForm(MetricsBody, Form):
    """A class of metrics that is to be there, in some contexts."""

    metric_unit: Annotated[tuple[ClassForm], AfterValidator(bounded)]


class RemovalForm(Form):
    """The key of what is to be deleted, and its name once more."""

    key: FilledText
    name: str = ""

    @model_validator(mode="after")
    def _meant(self) -> Self:
        own = self.key.split(JOINER)[-1]
        if not is_name(own, self.name):
            raise ValueError(f'to delete it, type its name: "{own}"; nothing was deleted')
        return self


def _shown(
    services: Services,
    query: MetricsQuery,
    refused: str = "",
    typed: dict[str, str] | None = None,
    wrong: str | None = None,
) -> Page:
    """The metrics; `refused` is the form on the page that was, with what was typed there."""
    asked = query.wanted()
    shown = {"refused": refused, "typed": typed or {}, "wrong": wrong, "asked": asked}
    overview = services.pages.metric_overview.of(asked)
    return Page("metrics.html", {"overview": overview, "types": [*MetricType], **shown})


def _once_more(form: str) -> Callable[..., Page]:
    def again(services: Services, typed: dict[str, str], wrong: str) -> Page:
        query = MetricsQuery(remove=typed.get("key", "")[:NAME_LENGTH])
        return _shown(services, query, form, typed, wrong)

    return again


@routes.page(ALL)
def show_metrics(services: Services, query: MetricsQuery) -> Page:
    """The metrics by context, and the queries that ask for them."""
    return _shown(services, query)


@routes.form("/dashboard/metrics/simple", again=_once_more("simple"))
def add_simple_metric(services: Services, form: SimpleForm) -> Elsewhere:
    """Add a metric, or change the one that has its name."""
    services.metrics.save(form.drafts())
    return Elsewhere("/metrics?done=metrics-saved")


@routes.form("/dashboard/metrics/grouped", again=_once_more("grouped"))
def add_grouped_metrics(services: Services, form: GroupedForm) -> Elsewhere:
    """Add a class of metrics, or change what there is of it."""
    services.metrics.save(form.drafts())
    return Elsewhere("/metrics?done=metrics-saved")


@routes.form("/dashboard/metrics/delete", again=_once_more("delete"))
def delete_metrics_by_form(services: Services, form: RemovalForm) -> Elsewhere:
    """Delete a metric, or all of a class."""
    services.metrics.delete(form.key)
    return Elsewhere("/metrics?done=metrics-deleted")

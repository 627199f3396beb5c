"""Events: /api/events."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.api.http.access import SDK
from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.api.http.rendering import Reply
from chalicelib.api.http.routes import Routes
from chalicelib.api.testlab.dialect import DIALECT
from chalicelib.api.testlab.fields import Integer
from chalicelib.api.testlab.models import (
    CreateEvent,
    EventAnswer,
    FeatureEventAnswer,
    FeatureMetricEventAnswer,
    MetricEventAnswer,
)
from chalicelib.api.testlab.paging import PageQuery, json_bytes, page_reply, row_cursors
from chalicelib.domain.features.features import Variant
from chalicelib.domain.features.users import Event
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)

CREATE_REFUSED = "Error in creating the event in postgres"
LIST_REFUSED = "Error getting the events in postgres"

EVENT_BYTES = 120
"""JSON of an event, but for its user id."""

FEATURE_EVENT_BYTES = 260
"""JSON of an event with its variant, but for the user id and the variant's value."""

METRIC_BYTES = 60
"""JSON of an event's metric and value, but for the name of the metric."""

CURSORS = row_cursors("/api/events")
FEATURE_CURSORS = row_cursors("/api/events/feature/{feature_id}")


@routes.endpoint("/api/events", "POST", access=SDK, idempotent=True, refusal=CREATE_REFUSED)
def create_event(services: Services, body: CreateEvent, once: IdempotentCall) -> str | Response:
    """Record that a user did something under a variant."""
    return once(
        body.user_id,
        lambda seal: services.events.record(body.user_id, body.variant_id, seal, body.measurement),
        lambda _event: "Event added to database.",
    )


@routes.endpoint("/api/events", refusal=LIST_REFUSED)
def list_events(
    services: Services, query: PageQuery
) -> Reply[list[MetricEventAnswer | EventAnswer]]:
    """All events, a page at a time."""

    def size(event: Event) -> int:
        return EVENT_BYTES + json_bytes(event.user_id) + _metric_bytes(event)

    page = services.events.page(query.request(CURSORS), size)
    return page_reply(page, query, CURSORS, event_answer)


@routes.endpoint("/api/events/feature/{feature_id}", refusal=LIST_REFUSED)
def list_feature_events(
    services: Services, feature_id: Integer, query: PageQuery
) -> Reply[list[FeatureMetricEventAnswer | FeatureEventAnswer]]:
    """The events of a feature with their variants, a page at a time; none if it is unknown."""

    def answer(event: Event) -> FeatureMetricEventAnswer | FeatureEventAnswer:
        return feature_event_answer(event, variants[event.variant_id])

    request = query.request(FEATURE_CURSORS, feature_id=feature_id)
    page, variants = services.events.page_of_feature(feature_id, request, _feature_event_bytes)
    return page_reply(page, query, FEATURE_CURSORS, answer, feature_id=feature_id)


def event_answer(event: Event) -> MetricEventAnswer | EventAnswer:
    """An event, with its metric and value if it has them."""
    if event.measurement is None:
        return EventAnswer.of(event)
    return MetricEventAnswer.of_event(event, event.measurement)


def feature_event_answer(
    event: Event, variant: Variant
) -> FeatureMetricEventAnswer | FeatureEventAnswer:
    """An event with its variant, and with its metric if it has one."""
    measured = event.measurement
    if measured is None:
        return FeatureEventAnswer.of_event(event, variant)
    return FeatureMetricEventAnswer.of_event(
        event, variant, metric=measured.metric, metric_value=measured.value
    )


def _feature_event_bytes(event: Event, variant: Variant) -> int:
    own = json_bytes(variant.value) + json_bytes(event.user_id) + _metric_bytes(event)
    return FEATURE_EVENT_BYTES + own


def _metric_bytes(event: Event) -> int:
    return 0 if event.measurement is None else METRIC_BYTES + json_bytes(event.measurement.metric)

"""Events: /api/events."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.http.calls import Reply
from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.api.testlab.dialect import DIALECT
from chalicelib.api.testlab.fields import Integer
from chalicelib.api.testlab.models import CreateEvent, EventAnswer, FeatureEventAnswer
from chalicelib.api.testlab.paging import PageQuery, json_bytes, page_reply, row_cursors
from chalicelib.domain.features.users import Event

blueprint = ApiBlueprint(__name__, DIALECT)

CREATE_REFUSED = "Error in creating the event in postgres"
LIST_REFUSED = "Error getting the events in postgres"

EVENT_BYTES = 120
"""JSON of an event, but for its user id."""

FEATURE_EVENT_BYTES = 260
"""JSON of an event with its variant, but for the user id and the variant's value."""

CURSORS = row_cursors("/api/events")
FEATURE_CURSORS = row_cursors("/api/events/feature/{feature_id}")


@blueprint.endpoint("/api/events", "POST", refusal=CREATE_REFUSED)
def create_event(body: CreateEvent, once: IdempotentCall) -> str | Response:
    """Record that a user did something under a variant."""
    return once(
        body.user_id,
        lambda seal: blueprint.services.events.record(body.user_id, body.variant_id, seal),
        lambda _event: "Event added to database.",
    )


@blueprint.endpoint("/api/events", refusal=LIST_REFUSED)
def list_events(query: PageQuery) -> Reply:
    """All events, a page at a time."""

    def size(event: Event) -> int:
        return EVENT_BYTES + json_bytes(event.user_id)

    page = blueprint.services.events.page(query.request(CURSORS), size)
    return page_reply(page, query, CURSORS, EventAnswer.of)


@blueprint.endpoint("/api/events/feature/{feature_id}", refusal=LIST_REFUSED)
def list_feature_events(feature_id: Integer, query: PageQuery) -> Reply:
    """The events of a feature with their variants, a page at a time; none if it is unknown."""
    feature = blueprint.services.events.feature(feature_id)
    variants = {variant.id: variant for variant in feature.variants} if feature else {}
    sizes = {
        variant.id: FEATURE_EVENT_BYTES + json_bytes(variant.value) for variant in variants.values()
    }
    page = blueprint.services.events.page_of(
        list(variants),
        query.request(FEATURE_CURSORS, feature_id=feature_id),
        lambda event: sizes[event.variant_id] + json_bytes(event.user_id),
    )
    return page_reply(
        page,
        query,
        FEATURE_CURSORS,
        lambda event: FeatureEventAnswer.of_event(event, variants[event.variant_id]),
        feature_id=feature_id,
    )

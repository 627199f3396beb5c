"""Features: /api/feature."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.api.http.access import CLIENT, SDK
from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.api.http.rendering import Reply
from chalicelib.api.http.routes import Routes
from chalicelib.api.http.tagged import of_path
from chalicelib.api.protocol.problems import ResponseHeaders, quoted
from chalicelib.api.testlab.dialect import DIALECT
from chalicelib.api.testlab.fields import Integer, IntegerText
from chalicelib.api.testlab.models import (
    CreateFeature,
    CurrentAnswer,
    FeatureAnswer,
    UpdateFeature,
    UserBlockAnswer,
)
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.entity_tags import Kind, feature_shown
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.services import Services
from chalicelib.services.features.administration import StoredFeature

routes = Routes(__name__, DIALECT)

CREATE_REFUSED = "Error in creating the feature in postgres"
LIST_REFUSED = "Error getting the features in postgres"
GET_REFUSED = "Error getting the feature in postgres"
UPDATE_REFUSED = "Error updating the feature in postgres"
DELETE_REFUSED = "Error in deleting the feature in postgres"

FEATURE = of_path(Kind.FEATURE, "feature_id")


@routes.endpoint("/api/feature", "POST", idempotent=True, refusal=CREATE_REFUSED)
def create_feature(
    services: Services, body: CreateFeature, once: IdempotentCall
) -> Reply[FeatureAnswer] | Response:
    """Create a feature, without variants."""
    return once(
        None,
        lambda seal: services.feature_administration.create(body.draft(), seal),
        _stored,
    )


def _stored(stored: StoredFeature) -> Reply[FeatureAnswer]:
    """A feature that was written, with its tag, and the user blocks that it would lack."""
    headers: ResponseHeaders = {"ETag": quoted(feature_shown(stored.feature).tag())}
    if stored.lacking is not None:
        headers["X-Blocks"] = f"{stored.lacking.given} of {stored.lacking.wanted}"
    return Reply(FeatureAnswer.of_feature(stored.feature), headers)


@routes.catalogue_endpoint("/api/feature", access=CLIENT, refusal=LIST_REFUSED)
def list_features(catalogue: Catalogue) -> list[FeatureAnswer]:
    """All features that were made through this API."""
    return [FeatureAnswer.of_feature(feature) for feature in catalogue.own_features()]


@routes.catalogue_endpoint(
    "/api/feature/current",
    access=SDK,
    refusal=LIST_REFUSED,
    read=lambda services: services.user_blocks.current(),
)
def current_features(services: Services, catalogue: Catalogue) -> CurrentAnswer:
    """The features whose dates include today (UTC), and the user blocks, newly allocated."""
    current = catalogue.current(services.catalogue.today())
    return CurrentAnswer(
        experiments=[FeatureAnswer.of_feature(feature) for feature in current.experiments],
        toggles=[FeatureAnswer.of_feature(feature) for feature in current.toggles],
        rollouts=[FeatureAnswer.of_feature(feature) for feature in current.rollouts],
        userblocks=[UserBlockAnswer.of(block) for block in catalogue.blocks],
    )


@routes.catalogue_endpoint(
    "/api/feature/{feature_id}", access=CLIENT, refusal=GET_REFUSED, concerns=FEATURE
)
def get_feature(catalogue: Catalogue, feature_id: Integer) -> FeatureAnswer:
    """One feature."""
    feature = catalogue.own_feature(feature_id)
    if feature is None:
        raise NotFound(f"there is no feature {feature_id}")
    return FeatureAnswer.of_feature(feature)


@routes.endpoint("/api/feature/{feature_id}", "PUT", refusal=UPDATE_REFUSED, concerns=FEATURE)
def update_feature(
    services: Services, feature_id: Integer, body: UpdateFeature
) -> Reply[FeatureAnswer]:
    """Replace all of a feature but its variants."""
    draft = body.draft_for(feature_id)
    return _stored(services.feature_administration.update(feature_id, draft))


@routes.endpoint(
    "/api/feature/{feature_id}",
    "DELETE",
    refusal=DELETE_REFUSED,
    concerns=of_path(Kind.FEATURE, "feature_id", creates=True),
)
def delete_feature(services: Services, feature_id: IntegerText) -> str:
    """Delete a feature with its variants, their users and those users' events."""
    services.features.delete(int(feature_id))
    return f"feature with id {feature_id} successfully deleted."


# The gateway matches the literal path before {feature_id}: it needs the methods of both.
@routes.endpoint("/api/feature/current", "PUT", refusal=UPDATE_REFUSED)
def update_current() -> None:
    """Refuse: "current" is no id."""
    raise Invalid("feature_id: must be an integer")


@routes.endpoint("/api/feature/current", "DELETE", refusal=DELETE_REFUSED)
def delete_current() -> None:
    """Refuse: "current" is no id."""
    raise Invalid("feature_id: must be an integer")

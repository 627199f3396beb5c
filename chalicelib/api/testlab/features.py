"""Features: /api/feature."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.http.calls import Reply
from chalicelib.api.http.idempotent_calls import IdempotentCall
from chalicelib.api.http.problems import ResponseHeaders, quoted
from chalicelib.api.http.tagged import of_path
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
from chalicelib.domain.features.features import Feature

blueprint = ApiBlueprint(__name__, DIALECT)

CREATE_REFUSED = "Error in creating the feature in postgres"
LIST_REFUSED = "Error getting the features in postgres"
GET_REFUSED = "Error getting the feature in postgres"
UPDATE_REFUSED = "Error updating the feature in postgres"
DELETE_REFUSED = "Error in deleting the feature in postgres"

FEATURE = of_path(Kind.FEATURE, "feature_id")


@blueprint.endpoint("/api/feature", "POST", refusal=CREATE_REFUSED)
def create_feature(body: CreateFeature, once: IdempotentCall) -> Reply | Response:
    """Create a feature, without variants."""
    return once(
        None,
        lambda seal: blueprint.services.features.create(body.draft(), seal),
        _stored,
    )


def _stored(feature: Feature) -> Reply:
    """A feature that was written, with its tag, and the user blocks that it would lack.

    The answer to a creation is kept as it is here: sent again, it says what was so then.
    """
    headers: ResponseHeaders = {"ETag": quoted(feature_shown(feature).tag())}
    lacking = blueprint.services.user_blocks.shortage(feature)
    if lacking is not None:
        headers["X-Blocks"] = f"{lacking.given} of {lacking.wanted}"
    return Reply(FeatureAnswer.of_feature(feature), headers)


@blueprint.catalogue_endpoint("/api/feature", refusal=LIST_REFUSED)
def list_features(catalogue: Catalogue) -> list[FeatureAnswer]:
    """All features that were made through this API."""
    return [FeatureAnswer.of_feature(feature) for feature in catalogue.own_features()]


@blueprint.catalogue_endpoint(
    "/api/feature/current",
    refusal=LIST_REFUSED,
    read=lambda services: services.user_blocks.current(),
)
def current_features(catalogue: Catalogue) -> CurrentAnswer:
    """The features whose dates include today (UTC), and the user blocks, newly allocated."""
    current = catalogue.current(blueprint.services.catalogue.today())
    return CurrentAnswer(
        experiments=[FeatureAnswer.of_feature(feature) for feature in current.experiments],
        toggles=[FeatureAnswer.of_feature(feature) for feature in current.toggles],
        rollouts=[FeatureAnswer.of_feature(feature) for feature in current.rollouts],
        userblocks=[UserBlockAnswer.of(block) for block in catalogue.blocks],
    )


@blueprint.catalogue_endpoint("/api/feature/{feature_id}", refusal=GET_REFUSED, concerns=FEATURE)
def get_feature(catalogue: Catalogue, feature_id: Integer) -> FeatureAnswer:
    """One feature."""
    feature = catalogue.own_feature(feature_id)
    if feature is None:
        raise NotFound(f"there is no feature {feature_id}")
    return FeatureAnswer.of_feature(feature)


@blueprint.endpoint("/api/feature/{feature_id}", "PUT", refusal=UPDATE_REFUSED, concerns=FEATURE)
def update_feature(feature_id: Integer, body: UpdateFeature) -> Reply:
    """Replace all of a feature but its variants."""
    return _stored(blueprint.services.features.update(feature_id, body.draft_for(feature_id)))


@blueprint.endpoint(
    "/api/feature/{feature_id}",
    "DELETE",
    refusal=DELETE_REFUSED,
    concerns=of_path(Kind.FEATURE, "feature_id", creates=True),
)
def delete_feature(feature_id: IntegerText) -> str:
    """Delete a feature with its variants, their users and those users' events."""
    blueprint.services.features.delete(int(feature_id))
    return f"feature with id {feature_id} successfully deleted."


# The gateway matches the literal path before {feature_id}: it needs the methods of both.
@blueprint.endpoint("/api/feature/current", "PUT", refusal=UPDATE_REFUSED)
def update_current() -> None:
    """Refuse: "current" is no id."""
    raise Invalid("feature_id: must be an integer")


@blueprint.endpoint("/api/feature/current", "DELETE", refusal=DELETE_REFUSED)
def delete_current() -> None:
    """Refuse: "current" is no id."""
    raise Invalid("feature_id: must be an integer")

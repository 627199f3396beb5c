"""Variants: /api/feature/{id}/variants."""

from __future__ import annotations

from typing import Any

from chalicelib.api.http.access import CLIENT
from chalicelib.api.http.routes import Routes
from chalicelib.api.testlab.dialect import DIALECT
from chalicelib.api.testlab.features import FEATURE
from chalicelib.api.testlab.fields import Integer
from chalicelib.api.testlab.models import CreatedVariant, ReplaceVariants, VariantAnswer
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.errors import NotFound
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)

REPLACE_REFUSED = "Error in creating the variants in postgres"
LIST_REFUSED = "Error getting variants by feature Id"
NO_VARIANTS: list[Any] = []


@routes.endpoint(
    "/api/feature/{feature_id}/variants", "POST", refusal=REPLACE_REFUSED, concerns=FEATURE
)
def replace_variants(
    services: Services, feature_id: Integer, body: ReplaceVariants
) -> list[CreatedVariant]:
    """Give a feature new variants in place of the old ones, whose users and events go too."""
    variants = services.features.replace_variants(
        feature_id, [variant.draft() for variant in body.variants]
    )
    return [CreatedVariant.of(variant) for variant in variants]


@routes.catalogue_endpoint(
    "/api/feature/{feature_id}/variants", access=CLIENT, refusal=LIST_REFUSED, absent=NO_VARIANTS
)
def list_variants(catalogue: Catalogue, feature_id: Integer) -> list[VariantAnswer]:
    """The variants of a feature; none for an unknown one."""
    feature = catalogue.own_feature(feature_id)
    if feature is None:
        raise NotFound(f"there is no feature {feature_id}")
    return [VariantAnswer.of(variant) for variant in feature.variants]

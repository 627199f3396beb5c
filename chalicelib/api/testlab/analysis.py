"""Analysis: /api/analysis."""

from __future__ import annotations

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.testlab.dialect import DIALECT
from chalicelib.api.testlab.fields import Integer
from chalicelib.api.testlab.models import AnalysisAnswer

blueprint = ApiBlueprint(__name__, DIALECT)


@blueprint.endpoint(
    "/api/analysis/feature/{feature_id}", refusal="Error getting the analysis in postgres"
)
def analyse_feature(feature_id: Integer) -> list[AnalysisAnswer]:
    """The totals of each variant of a feature; none for an unknown one."""
    return [
        AnalysisAnswer.of_totals(variant, totals)
        for variant, totals in blueprint.services.analysis.of_feature(feature_id)
    ]

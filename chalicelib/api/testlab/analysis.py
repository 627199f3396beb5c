"""Analysis: /api/analysis."""

from __future__ import annotations

from chalicelib.api.http.routes import Routes
from chalicelib.api.testlab.dialect import DIALECT
from chalicelib.api.testlab.fields import Integer
from chalicelib.api.testlab.models import AnalysisAnswer
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)


@routes.endpoint(
    "/api/analysis/feature/{feature_id}", refusal="Error getting the analysis in postgres"
)
def analyse_feature(services: Services, feature_id: Integer) -> list[AnalysisAnswer]:
    """The totals of each variant of a feature; none for an unknown one."""
    return [
        AnalysisAnswer.of_totals(variant, totals)
        for variant, totals in services.analysis.of_feature(feature_id)
    ]

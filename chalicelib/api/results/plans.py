"""Plans of experiments: /api/results/.../plan."""

from __future__ import annotations

from chalicelib.api.http.routes import Routes
from chalicelib.api.results.dialect import DIALECT
from chalicelib.api.results.plan_models import PlanAnswer, PlanBody
from chalicelib.api.testlab.fields import Integer
from chalicelib.api.upgrade.wire.texts import Uuid
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)


@routes.endpoint("/api/results/feature/{feature_id}/plan")
def get_feature_plan(services: Services, feature_id: Integer) -> PlanAnswer:
    """The plan of an experiment of Test Lab, and what was fixed at its start."""
    return PlanAnswer.of_feature(services.plans.get(feature_id))


@routes.endpoint("/api/results/feature/{feature_id}/plan", "PUT")
def put_feature_plan(services: Services, feature_id: Integer, body: PlanBody) -> PlanAnswer:
    """Replace the plan of an experiment of Test Lab."""
    return PlanAnswer.of_feature(services.plans.put(feature_id, body.plan()))


@routes.endpoint("/api/results/experiment/{experiment_id}/plan")
def get_experiment_plan(services: Services, experiment_id: Uuid) -> PlanAnswer:
    """The plan of an experiment in UpGrade's form, and what was fixed at its start."""
    return PlanAnswer.of_feature(services.plans.get(experiment_id))


@routes.endpoint("/api/results/experiment/{experiment_id}/plan", "PUT")
def put_experiment_plan(services: Services, experiment_id: Uuid, body: PlanBody) -> PlanAnswer:
    """Replace the plan of an experiment in UpGrade's form."""
    return PlanAnswer.of_feature(services.plans.put(experiment_id, body.plan()))

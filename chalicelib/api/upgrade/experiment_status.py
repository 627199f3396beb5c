"""How far experiments are: /api/experiments/getGroupAssignmentStatus and mooclet-rewards."""

from __future__ import annotations

from typing import NoReturn

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.upgrade.dialect import DIALECT
from chalicelib.api.upgrade.experiments import ExperimentId
from chalicelib.domain.errors import Invalid

blueprint = ApiBlueprint(__name__, DIALECT)


@blueprint.endpoint("/api/experiments/getGroupAssignmentStatus/{experiment_id}")
def group_assignment_status(experiment_id: ExperimentId) -> int | None:
    """How many groups have users enough; null unless the experiment ends by such a number."""
    return blueprint.services.marking.complete_groups(experiment_id)


@blueprint.endpoint("/api/experiments/mooclet-rewards/{experiment_id}")
def reward_summary(experiment_id: ExperimentId) -> NoReturn:  # noqa: ARG001 - it is checked
    """Refuse to sum rewards up: adaptive experiments are switched off, so there are none."""
    raise Invalid("Mooclet is not enabled in the environment")

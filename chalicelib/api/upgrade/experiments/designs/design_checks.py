"""Refuses designs whose parts do not go together."""

from __future__ import annotations

from chalicelib.api.upgrade.experiments.designs.experiment_models import (
    DesignBody,
)
from chalicelib.domain.errors import Invalid

RESERVED_CODE = "default"


class ReservedCode(Invalid):
    """The code `default` stands for no condition at all."""

    def __init__(self) -> None:
        super().__init__("'default' as ConditionCode is not allowed.")


class DanglingReference(Invalid):
    """A part of a new experiment refers to a part that is not there."""


def check_parts(body: DesignBody) -> None:
    """Refuse a design whose parts do not go together.

    Raises:
        ReservedCode: if a condition is called `default`.
        DanglingReference: if a part refers to a part that is not there.
    """
    check_codes(body)
    check_references(body)


def check_codes(body: DesignBody) -> None:
    if any(given.condition_code.lower() == RESERVED_CODE for given in body.conditions):
        raise ReservedCode


def check_references(body: DesignBody) -> None:
    conditions = {given.id for given in body.conditions}
    points = {given.id for given in body.partitions}
    levels = {level.id for factor in body.factors or () for level in factor.levels}
    for payload in body.condition_payloads or ():
        if payload.parent_condition not in conditions:
            raise DanglingReference(f"no condition {payload.parent_condition} for its payload")
        if payload.decision_point and payload.decision_point not in points:
            raise DanglingReference(f"no partition {payload.decision_point} for its payload")
    for condition in body.conditions:
        for element in condition.level_combination_elements or ():
            if element.level.id not in levels:
                raise DanglingReference(f"no level {element.level.id} for its condition")
    if body.revert_to and body.revert_to not in conditions:
        raise DanglingReference(f"no condition {body.revert_to} to revert to")

"""The parts of an experiment, as a request describes them (section 7)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from chalicelib.api.upgrade.experiments.designs.experiment_models import (
    ConditionBody,
    DesignBody,
    FactorBody,
    PayloadType,
    PointBody,
    QueryBody,
)
from chalicelib.api.upgrade.wire.texts import NewId
from chalicelib.domain.experiments.experiments import (
    Condition,
    ConditionPayload,
    DecisionPoint,
    Factor,
    Level,
    LevelElement,
    Payload,
)

MARK_LENGTH = 2

KeepId = Callable[[str | None], str]
"""The id that a part gets which was given one, or none."""

TwoCharacters = Callable[[Collection[str]], str]
"""Draws a mark of two characters that is not among the given ones."""


class Marks:
    """The marks of two characters of one experiment."""

    def __init__(self, draw: TwoCharacters, used: Iterable[str] = ()) -> None:
        self._draw = draw
        self._used = set(used)

    def take(self, wanted: str | None) -> str:
        """The wanted mark if it is one and free, else another."""
        free = wanted is not None and len(wanted) == MARK_LENGTH and wanted not in self._used
        mark = wanted if wanted is not None and free else self._draw(frozenset(self._used))
        self._used.add(mark)
        return mark


def level_ids_of(body: DesignBody, keep: KeepId) -> dict[str, str]:
    levels = (level for factor in body.factors or () for level in factor.levels)
    return {level.id: keep(level.id) for level in levels}


def condition_of(
    given: ConditionBody, condition_id: str, level_ids: Mapping[str, str], keep: KeepId
) -> Condition:
    return Condition(
        id=condition_id,
        variant_id=0,
        code=given.condition_code,
        weight=given.assignment_weight,
        order=given.order,
        name=given.name,
        description=given.description,
        levels=tuple(
            LevelElement(keep(element.id), level_ids[element.level.id])
            for element in given.level_combination_elements or ()
            if element.level.id in level_ids
        ),
    )


def point_of(given: PointBody, point_id: str) -> DecisionPoint:
    return DecisionPoint(
        id=point_id,
        site=given.site,
        target=given.target or "",
        description=given.description or "",
        order=given.order,
        exclude_if_reached=given.exclude_if_reached,
    )


def payloads_of(
    body: DesignBody, condition_ids: Mapping[str, str], point_ids: Mapping[str, str]
) -> list[ConditionPayload]:
    """The payloads whose condition and point are there."""
    return [
        ConditionPayload(
            given.id,
            condition_ids[given.parent_condition],
            point_ids[given.decision_point] if given.decision_point else None,
            given.payload.payload(),
        )
        for given in body.condition_payloads or ()
        if given.parent_condition in condition_ids
        and (given.decision_point is None or given.decision_point in point_ids)
    ]


def following_renamed_codes(
    payloads: Iterable[ConditionPayload],
    old: Mapping[str, Condition],
    conditions: Iterable[Condition],
) -> list[ConditionPayload]:
    """The payloads, where one that repeated its condition's old code repeats the new one."""
    codes = {condition.id: condition.code for condition in conditions}

    def followed(each: ConditionPayload) -> ConditionPayload:
        before = old.get(each.condition_id)
        if before is None or each.payload != code_payload(before.code):
            return each
        return replace(each, payload=code_payload(codes[each.condition_id]))

    return [followed(each) for each in payloads]


def code_payload(code: str) -> Payload:
    """The payload of a condition that has none of its own."""
    return Payload(PayloadType.STRING.value, code)


def missing_payloads(
    payloads: Iterable[ConditionPayload],
    conditions: Iterable[Condition],
    points: Sequence[DecisionPoint],
    new_id: NewId,
) -> list[ConditionPayload]:
    """The code as payload of each condition at each point where it has none."""
    there = {(payload.condition_id, payload.point_id) for payload in payloads}
    return [
        ConditionPayload(new_id(), condition.id, point.id, code_payload(condition.code))
        for condition in conditions
        for point in points
        if not there & {(condition.id, point.id), (condition.id, None)}
    ]


def in_order(
    payloads: Iterable[ConditionPayload],
    conditions: Iterable[Condition],
    points: Iterable[DecisionPoint],
) -> tuple[ConditionPayload, ...]:
    """By condition, then by point."""
    condition_places = {condition.id: place for place, condition in enumerate(conditions)}
    point_places = {point.id: place for place, point in enumerate(points)}

    def order(payload: ConditionPayload) -> tuple[int, int]:
        return condition_places[payload.condition_id], point_places.get(payload.point_id or "", -1)

    return tuple(sorted(payloads, key=order))


def factor_of(given: FactorBody, level_ids: Mapping[str, str], keep: KeepId) -> Factor:
    return Factor(
        id=keep(given.id),
        name=given.name,
        order=given.order,
        description=given.description,
        levels=tuple(
            Level(
                id=level_ids[level.id],
                name=level.name,
                order=level.order,
                description=level.description,
                payload=level.payload.payload() if level.payload else None,
            )
            for level in given.levels
        ),
    )


def measurable(body: DesignBody, known_metrics: Collection[str]) -> list[QueryBody]:
    return [query for query in body.queries or () if query.metric.key in known_metrics]


def query_of(given: QueryBody, query_id: str) -> dict[str, object]:
    return {
        "id": query_id,
        "name": given.name,
        "query": given.query.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "metric": {"key": given.metric.key},
        "repeatedMeasure": given.repeated_measure.value,
    }

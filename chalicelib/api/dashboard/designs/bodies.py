"""From a form to the body that UpGrade's administration takes of a new design."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import product
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chalicelib.api.dashboard.designs.fields import (
    INDIVIDUALS,
    SEGMENTS,
    YES,
    ConditionField,
    DesignForm,
    FactorField,
    ListField,
    PayloadField,
    QueryField,
)
from chalicelib.api.protocol.problems import faults
from chalicelib.api.protocol.requests import parse_text
from chalicelib.api.upgrade.experiments.designs.experiment_models import MAX_CONDITIONS
from chalicelib.api.upgrade.wire.records import new_id
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import Algorithm, DesignType, Unit

Body = dict[str, Any]
M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], body: Body) -> M:
    """A body as the API reads it.

    Raises:
        Invalid: with the API's own words, each after the name of its field.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise Invalid(faults(error, "design")) from error


DIGITS = 30
"""Places that a number which is typed may have on either side of its point."""


def number(text: str) -> Any:
    """A number, or what was typed in its place, of which the API says what is wrong.

    >>> number("33.5"), number("half")
    (Decimal('33.5'), 'half')
    """
    try:
        found = Decimal(text)
    except InvalidOperation:
        return text
    return found if found.is_finite() and abs(found.adjusted()) < DIGITS else text


def parsed(text: str, where: str) -> Any:
    """The value of a JSON text that was typed.

    Raises:
        Invalid: if it is none.
    """
    try:
        return parse_text(text)
    except ValueError as error:
        raise Invalid(f"{where}: this is not JSON: {error}") from error


def equal_shares(count: int) -> list[str]:
    """Weights of some conditions that are the same and sum to 100.

    >>> equal_shares(3)
    ['33.33', '33.33', '33.34']
    """
    if not count:
        return []
    each = (Decimal(100) / count).quantize(Decimal("0.01"))
    shares = [*[each] * (count - 1), 100 - each * (count - 1)]
    return [f"{share.normalize():f}" for share in shares]


def levels_of(factor: FactorField) -> list[tuple[str, str]]:
    """The levels of a factor, each with its payload ("" without one)."""
    found = (line.partition("=") for line in factor.levels.split("\n") if line.strip())
    return [(name.strip(), payload.strip()) for name, _, payload in found]


def combinations(factors: Iterable[FactorField]) -> list[str]:
    """The combinations of the levels of some factors, as clients are told them.

    >>> combinations([FactorField(name="Color", levels="red\\nblue")])
    ['Color=red', 'Color=blue']
    """
    return list(_combined(factors))


def _combined(factors: Iterable[FactorField]) -> dict[str, tuple[str, ...]]:
    """The levels of each combination, by the name of that; none where they are too many."""
    named = [[_level_id(each, level) for level, _ in levels_of(each)] for each in factors]
    count = 1
    for levels in named:
        count *= len(levels)
    if not named or count > MAX_CONDITIONS:
        return {}
    return {"; ".join(parts): parts for parts in product(*named)}


def _level_id(factor: FactorField, level: str) -> str:
    return f"{factor.name}={level}"


def conditions_of(form: DesignForm) -> list[ConditionField]:
    """The conditions: as typed, of a factorial design one for each combination of levels.

    Where no weight was typed all are the same.
    """
    rows = list(form.conditions)
    if form.type == DesignType.FACTORIAL:
        typed = {row.combination: row for row in rows}
        rows = [
            typed.get(each, ConditionField(combination=each)) for each in combinations(form.factors)
        ]
        rows = [row.model_copy(update={"code": row.code or row.combination}) for row in rows]
    if all(not row.weight for row in rows):
        shares = equal_shares(len(rows))
        return [
            row.model_copy(update={"weight": share})
            for row, share in zip(rows, shares, strict=True)
        ]
    return [row.model_copy(update={"weight": row.weight or "0"}) for row in rows]


def payload_rows(form: DesignForm) -> list[PayloadField]:
    """A row for each payload that conditions can have: at each point; if factorial, at all."""
    typed = {(row.condition, row.point): row for row in form.payloads}
    factorial = form.type == DesignType.FACTORIAL
    places = [""] if factorial else [point.place for point in form.points]
    return [
        typed.get((row.code, place), PayloadField(condition=row.code, point=place))
        for row in conditions_of(form)
        for place in places
    ]


def new_design(form: DesignForm) -> Body:
    """The body of POST /api/experiments.

    Raises:
        Invalid: if a part that is typed as JSON is none.
    """
    conditions = conditions_of(form)
    return {
        **settings_of(form),
        "context": [form.context],
        "type": form.type,
        "assignmentUnit": form.unit,
        "group": form.group if form.unit == Unit.GROUP else None,
        "consistencyRule": None if form.unit == Unit.WITHIN_SUBJECTS else form.rule,
        "conditionOrder": (form.order or None) if form.unit == Unit.WITHIN_SUBJECTS else None,
        "assignmentAlgorithm": form.algorithm,
        "stratificationFactor": {"stratificationFactorName": form.stratification}
        if form.algorithm == Algorithm.STRATIFIED
        else None,
        "state": form.state,
        "factors": [_factor(row, order) for order, row in enumerate(form.factors, 1)]
        if form.type == DesignType.FACTORIAL
        else [],
        "conditions": [_condition(form, row, order) for order, row in enumerate(conditions, 1)],
        "partitions": [
            {
                "id": row.place,
                "site": row.site,
                "target": row.target,
                "description": row.description,
                "order": order,
                "excludeIfReached": row.exclude == YES,
            }
            for order, row in enumerate(form.points, 1)
        ],
        "conditionPayloads": [*map(payload_of, form.payloads), *_more_payloads(form)],
        "queries": [query_of(row, order) for order, row in enumerate(form.queries, 1)],
        "experimentSegmentInclusion": _lists(form, "include"),
        "experimentSegmentExclusion": _lists(form, "exclude"),
    }


def settings_of(form: DesignForm) -> Body:
    """What a design says of itself besides its parts, as the body of either call has it."""
    counts = {"userCount": form.users, "groupCount": form.groups}
    complete = {name: number(text) for name, text in counts.items() if text}
    return {
        "name": form.name,
        "description": form.description,
        "tags": tags_of(form.tags),
        "startOn": _moment(form.start) or None,
        "endOn": _moment(form.end) or None,
        "enrollmentCompleteCondition": complete or None,
        "postExperimentRule": form.post_rule,
        "revertTo": form.revert_to or None,
        "filterMode": form.filter_mode,
    }


def _moment(text: str) -> str:
    """A date to the second, which browsers leave out where it is 0."""
    try:
        return datetime.fromisoformat(text).isoformat(timespec="seconds")
    except ValueError:
        return text


def tags_of(text: str) -> list[str]:
    """Tags, which are typed one a line or with commas between them.

    >>> tags_of("a, b")
    ['a', 'b']
    """
    named = (each.strip() for line in text.split("\n") for each in line.split(","))
    return list(dict.fromkeys(each for each in named if each))


def payload_of(row: PayloadField) -> Body:
    """A payload, by what its condition and its point are called."""
    return {
        "id": row.id or new_id(),
        "parentCondition": row.condition,
        "decisionPoint": row.point or None,
        "payload": {"type": row.type, "value": row.value},
    }


def query_of(row: QueryField, order: int) -> Body:
    """A query."""
    detail: Body = {"operationType": row.operation}
    if row.compare_fn or row.compare_value:
        detail |= {"compareFn": row.compare_fn or "=", "compareValue": row.compare_value}
    return {
        "id": row.id or None,
        "name": row.name or row.metric,
        "query": detail,
        "metric": {"key": row.metric},
        "repeatedMeasure": row.measure,
        "order": order,
    }


def segment_of(row: ListField) -> Body:
    """What the segment of a list holds, in the words of POST /api/segments."""
    groups = row.kind not in (INDIVIDUALS, SEGMENTS)
    return {
        "type": SegmentType.PRIVATE,
        "listType": row.kind,
        "userIds": row.member_ids if row.kind == INDIVIDUALS else [],
        "groups": [{"type": row.kind, "groupId": each} for each in row.member_ids]
        if groups
        else [],
        "subSegmentIds": [row.segment] if row.kind == SEGMENTS and row.segment else [],
    }


def _factor(row: FactorField, order: int) -> Body:
    return {
        "name": row.name,
        "order": order,
        "levels": [
            {
                "id": _level_id(row, name),
                "name": name,
                "order": place,
                "payload": {"type": "string", "value": payload} if payload else None,
            }
            for place, (name, payload) in enumerate(levels_of(row), 1)
        ],
    }


def _condition(form: DesignForm, row: ConditionField, order: int) -> Body:
    body = {
        "id": row.code,
        "conditionCode": row.code,
        "assignmentWeight": number(row.weight),
        "description": row.description or None,
        "order": order,
    }
    if form.type != DesignType.FACTORIAL:
        return body
    levels = _combined(form.factors)[row.combination]
    elements = [{"id": new_id(), "level": {"id": each}} for each in levels]
    return {**body, "levelCombinationElements": elements}


def _more_payloads(form: DesignForm) -> list[Any]:
    if not form.payloads_json:
        return []
    found = parsed(form.payloads_json, "conditionPayloads")
    if not isinstance(found, list):
        raise Invalid("conditionPayloads: this must be a list")
    return [{"id": new_id(), **each} if isinstance(each, dict) else each for each in found]


def _lists(form: DesignForm, side: str) -> list[Body]:
    return [_list(row) for row in form.lists if row.side == side]


def _list(row: ListField) -> Body:
    """A list in the form in which experiments are read."""
    segment = segment_of(row)
    return {
        "segment": {
            "name": row.name or None,
            "type": segment["type"],
            "listType": segment["listType"],
            "individualForSegment": [{"userId": each} for each in segment["userIds"]],
            "groupForSegment": segment["groups"],
            "subSegments": [{"id": each} for each in segment["subSegmentIds"]],
        }
    }

"""Designs that are there, as a form shows them, and the body that replaces them.

What the form does not show is sent back as it was read, as the API's other clients do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

from chalicelib.api.dashboard.designs.bodies import (
    Body,
    checked,
    number,
    parsed,
    payload_of,
    query_of,
    settings_of,
)
from chalicelib.api.dashboard.designs.fields import (
    YES,
    ConditionField,
    EditForm,
    JsonForm,
    PayloadField,
    PointField,
    QueryField,
    lines,
)
from chalicelib.api.dashboard.designs.words import counted
from chalicelib.api.http.rendering import json_text
from chalicelib.api.protocol.requests import parse_text
from chalicelib.api.upgrade.experiments.designs import experiment_answers as answers
from chalicelib.api.upgrade.experiments.designs.experiment_models import (
    DesignBody,
    EditExperimentBody,
)
from chalicelib.api.upgrade.experiments.experiments import edited_by
from chalicelib.api.upgrade.wire.records import new_id
from chalicelib.domain.confirmation import Changed, is_name
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import DesignType, Experiment
from chalicelib.domain.experiments.lifecycle import moment_of
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.services.catalogue.designs import Enrolled

PAYLOAD_ROWS = 60
"""Payloads that a form shows one by one; more of them are typed as JSON."""

SECONDS = len("2026-01-01T12:00:00")


def form_of(design: Experiment) -> EditForm:
    """The fields that show a design as it is."""
    complete = design.complete_condition
    rows = _payload_rows(design)
    return EditForm.model_validate({}).model_copy(
        update={
            "name": _text(design.name),
            "description": _text(design.description),
            "tags": _text("\n".join(design.tags)),
            "type": design.type.value,
            "unit": design.unit.value,
            "filter_mode": design.filter_mode.value,
            "start": _shown_moment(design.start_on),
            "end": _shown_moment(design.end_on),
            "users": _text(complete and complete.user_count),
            "groups": _text(complete and complete.group_count),
            "post_rule": design.post_rule.value,
            "revert_to": design.revert_to or "",
            "conditions": tuple(
                ConditionField(
                    id=each.id,
                    code=_text(each.code),
                    weight=_text(number(str(each.weight)).normalize()),
                    description=_text(each.description),
                )
                for each in design.conditions
            ),
            "points": tuple(
                PointField(
                    id=each.id,
                    site=_text(each.site),
                    target=_text(each.target),
                    description=_text(each.description),
                    exclude=YES if each.exclude_if_reached else "",
                )
                for each in design.points
            ),
            "payloads": tuple(rows) if len(rows) <= PAYLOAD_ROWS else (),
            "payloads_json": "" if len(rows) <= PAYLOAD_ROWS else _payloads_json(design),
            "queries": tuple(map(_query_field, design.queries)),
            "version": str(design.version),
        }
    )


def design_json(design: Experiment) -> str:
    """A design without its lists, as PUT /api/experiments/{id} takes it."""
    return json_text(answers.single(design, metrics={}, listings={}))


def edited(
    form: EditForm,
    contexts: Collection[str],
    before: Experiment,
    metrics: Sequence[Metric],
    enrolled: Enrolled,
) -> Experiment:
    """The design after what the form says.

    Raises:
        Changed: if it was changed since the form was shown.
        Invalid: if the API would not take it, or conditions with users go without the name.
    """
    check_version(form.version, before)
    body = checked(EditExperimentBody, replaced(form, before))
    check_metrics(metrics, body, before)
    check_loss(body, before, form.confirm, enrolled)
    return edited_by(body, contexts, before, metrics)


def edited_json(
    form: JsonForm,
    contexts: Collection[str],
    before: Experiment,
    metrics: Sequence[Metric],
    enrolled: Enrolled,
) -> Experiment:
    """The design that was typed as JSON, as the API takes it.

    Raises:
        Changed: if it was changed since it was shown.
        Invalid: if the API would not take it, or conditions with users go without the name.
    """
    check_version(form.version, before)
    body = checked(EditExperimentBody, parsed(form.json_text, "design"))
    check_metrics(metrics, body, before)
    check_loss(body, before, form.confirm, enrolled)
    return edited_by(body, contexts, before, metrics)


def check_version(version: str, before: Experiment) -> None:
    """Refuse a form that shows what is no longer so.

    Raises:
        Changed: if so.
    """
    if version != str(before.version):
        raise Changed


def check_loss(
    body: EditExperimentBody, before: Experiment, confirm: str, enrolled: Enrolled
) -> None:
    """Refuse to take away conditions that users have, unless the design is named.

    Raises:
        Invalid: with their number, if it is not.
    """
    kept = {each.id for each in body.conditions}
    gone = [each for each in before.conditions if each.id not in kept]
    if not gone or is_name(before.name, confirm):
        return
    counts = enrolled()
    users = sum(counts[each.id].users for each in gone)
    groups = sum(counts[each.id].groups for each in gone)
    if users or groups:
        codes = ", ".join(each.code for each in gone)
        raise Invalid(
            f"Without {codes} the enrollment of {counted(users, 'user')} and"
            f" {counted(groups, 'group')} is lost for good. To go on, type the name of the design"
            " below the conditions."
        )


def check_metrics(
    metrics: Iterable[Metric], body: DesignBody, before: Experiment | None = None
) -> None:
    """Refuse new queries of metrics that are not there: the API would leave them out silently.

    Raises:
        Invalid: if there are such.
    """
    known = {metric.key for metric in metrics}
    if before is not None:
        known.update(query.metric_key for query in before.metric_queries())
    for query in body.queries or ():
        if query.metric.key not in known:
            raise Invalid(
                f"queries: there is no metric {query.metric.key}: add it on the page Metrics first"
            )


def replaced(form: EditForm, before: Experiment) -> Body:
    """The body of PUT /api/experiments/{id}: the design as it is, with what the form says."""
    body: Body = parse_text(design_json(before))
    was = form_of(before)
    for name, value in settings_of(form).items():
        if value != settings_of(was)[name]:
            body[name] = value
    body["conditions"] = [
        _condition(row, order, _by_id(body["conditions"]), _fields_by_id(was.conditions))
        for order, row in enumerate(form.conditions, 1)
    ]
    body["partitions"] = [
        _point(row, order, _by_id(body["partitions"]), _fields_by_id(was.points))
        for order, row in enumerate(form.points, 1)
    ]
    body["conditionPayloads"] = _payloads(form, was, body)
    queries, shown = _by_id(body["queries"]), _fields_by_id(was.queries)
    body["queries"] = [
        {**queries[row.id], "order": order}
        if row.id in queries and row == shown[row.id]
        else query_of(row, order)
        for order, row in enumerate(form.queries, 1)
    ]
    if body["revertTo"] not in {each["id"] for each in body["conditions"]}:
        body["revertTo"] = None
    return body


def _condition(
    row: ConditionField, order: int, known: Mapping[str, Body], shown: Mapping[str, ConditionField]
) -> Body:
    before, was = known.get(row.id, {}), shown.get(row.id, ConditionField())
    body = {**before, "id": row.id or new_id(), "order": order}
    if row.code != was.code:
        body["conditionCode"] = row.code
    if row.weight != was.weight or not before:
        body["assignmentWeight"] = number(row.weight or "0")
    if row.description != was.description:
        body["description"] = row.description
    return body


def _point(
    row: PointField, order: int, known: Mapping[str, Body], shown: Mapping[str, PointField]
) -> Body:
    was = shown.get(row.id, PointField())
    body = {**known.get(row.id, {}), "id": row.id or new_id(), "order": order}
    body["excludeIfReached"] = row.exclude == YES
    for name in ("site", "target", "description"):
        if getattr(row, name) != getattr(was, name):
            body[name] = getattr(row, name)
    return body


def _payloads(form: EditForm, was: EditForm, body: Body) -> list[Any]:
    if was.payloads_json:
        if form.payloads_json == was.payloads_json:
            return list(body["conditionPayloads"])
        found = parsed(form.payloads_json, "conditionPayloads")
        if not isinstance(found, list):
            raise Invalid("conditionPayloads: must be a list")
        return found
    known, shown = _by_id(body["conditionPayloads"]), _fields_by_id(was.payloads)
    conditions = {each["id"] for each in body["conditions"]}
    points = {each["id"] for each in body["partitions"]}
    rows = [
        row
        for row in form.payloads
        if row.condition in conditions and (not row.point or row.point in points)
    ]
    return [
        known[row.id] if row.id in known and row == shown[row.id] else payload_of(row)
        for row in rows
    ]


def _payload_rows(design: Experiment) -> list[PayloadField]:
    """The payloads that there are, and rows for those that there might be."""
    found = [
        PayloadField(
            id=each.id,
            condition=each.condition_id,
            point=each.point_id or "",
            type=each.payload.type,
            value=_text(each.payload.value),
        )
        for each in design.payloads
    ]
    there = {(each.condition_id, each.point_id or "") for each in design.payloads}
    factorial = design.type is DesignType.FACTORIAL
    places = [""] if factorial else [each.id for each in design.points]
    blank = [
        PayloadField(condition=each.id, point=place)
        for each in design.conditions
        for place in places
        if not there & {(each.id, place), (each.id, "")}
    ]
    return [*found, *blank]


def _payloads_json(design: Experiment) -> str:
    found = answers.single(design, metrics={}, listings={})["conditionPayloads"]
    rows = [{name: each.get(name) for name in PAYLOAD_NAMES} for each in found]
    return json_text(rows)


PAYLOAD_NAMES = ("id", "parentCondition", "decisionPoint", "payload")


def _query_field(query: Mapping[str, Any]) -> QueryField:
    detail, metric = query.get("query") or {}, query.get("metric") or {}
    return QueryField(
        id=str(query.get("id", "")),
        name=_text(query.get("name")),
        metric=_text(metric.get("key")),
        operation=str(detail.get("operationType", "")),
        measure=str(query.get("repeatedMeasure", "")),
        compare_fn=_text(detail.get("compareFn")),
        compare_value=_text(detail.get("compareValue")),
    )


def _shown_moment(text: str | None) -> str:
    """A date as browsers' fields take it, in UTC and whole seconds."""
    return "" if text is None else moment_of(text).astimezone(UTC).isoformat()[:SECONDS]


def _text(value: object) -> str:
    """A value as forms send it back: without blanks around it."""
    return "" if value is None else lines(str(value)).strip()


def payload_rows_of(form: EditForm, design: Experiment) -> list[PayloadField]:
    """The rows of payloads that a form shows, those that were blanked out among them."""
    typed = {(row.condition, row.point): row for row in form.payloads}
    rows = _payload_rows(design)
    if len(rows) > PAYLOAD_ROWS:
        return []
    return [
        typed.get((row.condition, row.point), row.model_copy(update={"value": ""})) for row in rows
    ]


def _by_id(rows: Iterable[Body]) -> dict[str, Body]:
    return {row["id"]: row for row in rows}


def _fields_by_id(rows: Iterable[Any]) -> dict[str, Any]:
    return {row.id: row for row in rows}

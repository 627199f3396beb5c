"""Experiments as files hold them: of this installation, of the original, of its older versions.

What requests must give and files may lack is filled in; what older versions called otherwise is
brought to the names of today.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from chalicelib.api.upgrade.audiences.segment_file_models import ListedSegmentFile
from chalicelib.api.upgrade.audiences.segment_models import LISTS_SENT
from chalicelib.api.upgrade.experiments.designs.experiment_models import (
    FACTORS,
    LEVELS,
    MAX_CONDITIONS,
    MAX_POINTS,
    PAYLOADS,
    QUERIES,
    ConditionBody,
    ConditionPayloadBody,
    DesignBody,
    ElementBody,
    FactorBody,
    LevelBody,
    MetricReference,
    Moment,
    PayloadType,
    PointBody,
    QueryBody,
    StateName,
    check_ids_apart,
    one_or_more,
)
from chalicelib.api.upgrade.experiments.designs.experiment_parts import MARK_LENGTH
from chalicelib.api.upgrade.experiments.designs.metric_models import ALLOWED_VALUES, CONTEXTS
from chalicelib.api.upgrade.wire.files import uuid_or_none
from chalicelib.api.upgrade.wire.records import new_id
from chalicelib.api.upgrade.wire.texts import AdminBody, FilledText, Identifier, Text, kept_or_new
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.experiments.experiments import Algorithm, DesignType, State, StateChange
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.services.outcomes.metrics import MetricDraft

STATE_CHANGES = 2000
"""More of them do not fit into an experiment's item."""

OLD_NAMES = {"expPoint": "site", "expId": "target"}
"""What decision points were called by, and are today."""


def _some_id(value: Any) -> Any:
    return new_id() if value is None else value


def _id_of(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value


def _or(default: Any) -> BeforeValidator:
    """Null stands for a default."""
    return BeforeValidator(lambda value: default if value is None else value)


FileId = Annotated[Identifier, BeforeValidator(_some_id), Field(default_factory=new_id)]
"""What a part of a file is called in it; a new id if it has no name."""

Reference = Annotated[Identifier, BeforeValidator(_id_of)]
"""What another part is called; that part itself in older files."""


class LevelFile(LevelBody):
    """A level; in older files its payload was a mere text, `alias`."""

    id: FileId

    @model_validator(mode="before")
    @classmethod
    def of_today(cls, value: Any) -> Any:
        """The level with a payload."""
        if isinstance(value, dict) and value.get("alias") and not value.get("payload"):
            return {**_without(value, "alias"), "payload": _text_payload(value["alias"])}
        return value


class ElementFile(ElementBody):
    """A level of a factorial condition."""

    id: FileId


class ConditionFile(ConditionBody):
    """A condition."""

    id: FileId
    level_combination_elements: Annotated[tuple[ElementFile, ...], AtMost(FACTORS)] | None = None


class PointFile(PointBody):
    """A decision point, which older versions called by other names."""

    id: FileId
    exclude_if_reached: Annotated[bool, Field(strict=True), _or(False)] = False

    @model_validator(mode="before")
    @classmethod
    def of_today(cls, value: Any) -> Any:
        """The point by the names of today."""
        if not isinstance(value, dict):
            return value
        old = {old: today for old, today in OLD_NAMES.items() if today not in value}
        return {old.get(name, name): each for name, each in value.items()}


class ConditionPayloadFile(ConditionPayloadBody):
    """The payload of a condition."""

    id: FileId
    parent_condition: Reference
    decision_point: Reference | None = None


class FactorFile(FactorBody):
    """A factor."""

    levels: Annotated[tuple[LevelFile, ...], AtMost(LEVELS)]


class MetricFile(MetricReference):
    """The metric of a query, which is described in files that were exported."""

    type: MetricType | None = None
    allowed_data: Annotated[tuple[Text, ...], AtMost(ALLOWED_VALUES)] | None = None
    context: Annotated[tuple[FilledText, ...], AtMost(CONTEXTS)] | None = None


class QueryFile(QueryBody):
    """A query."""

    metric: MetricFile


class StateChangeFile(AdminBody):
    """An entry of the log of states."""

    id: Identifier | None = None
    from_state: StateName
    to_state: StateName
    time_log: Moment

    def change(self) -> StateChange:
        """The entry as it is stored."""
        moment = datetime.fromisoformat(self.time_log)
        return StateChange(
            kept_or_new(self.id, new_id), State(self.from_state), State(self.to_state), moment
        )


class ExperimentListFile(AdminBody):
    """A list of an experiment."""

    segment: ListedSegmentFile


Lists = Annotated[tuple[ExperimentListFile, ...], AtMost(LISTS_SENT), BeforeValidator(one_or_more)]


class ExperimentFile(DesignBody):
    """An experiment with its lists and its history."""

    id: Annotated[str | None, BeforeValidator(uuid_or_none)] = None
    type: Annotated[DesignType, _or(DesignType.SIMPLE)] = DesignType.SIMPLE
    filter_mode: Annotated[FilterMode, _or(FilterMode.EXCLUDE_ALL)] = FilterMode.EXCLUDE_ALL
    mooclet_policy_parameters: Any = None
    conditions: Annotated[tuple[ConditionFile, ...], AtMost(MAX_CONDITIONS)]
    partitions: Annotated[tuple[PointFile, ...], AtMost(MAX_POINTS)]
    condition_payloads: Annotated[tuple[ConditionPayloadFile, ...], AtMost(PAYLOADS)] | None = None
    factors: Annotated[tuple[FactorFile, ...], AtMost(FACTORS)] | None = None
    queries: Annotated[tuple[QueryFile, ...], AtMost(QUERIES)] | None = None
    state_time_logs: Annotated[tuple[StateChangeFile, ...], AtMost(STATE_CHANGES)] | None = None
    created_at: Moment | None = None
    experiment_segment_inclusion: Lists | None = None
    experiment_segment_exclusion: Lists | None = None
    backend_version: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def of_today(cls, value: Any) -> Any:
        """The experiment with the parts that files have today."""
        if not isinstance(value, dict):
            return value
        aliases, payloads = value.get("conditionAliases"), value.get("conditionPayloads")
        if isinstance(aliases, list) and not payloads:
            of_aliases = [_payload_of_alias(each) for each in aliases]
            value = {**_without(value, "conditionAliases"), "conditionPayloads": of_aliases}
        points = value.get("partitions")
        if isinstance(points, list) and not value.get("factors"):
            bare = [_without(each, "factors") for each in points]
            value = {**value, "partitions": bare, "factors": _factors_of(points)}
        return value

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        adaptive = self.assignment_algorithm is Algorithm.ADAPTIVE
        if adaptive or self.mooclet_policy_parameters is not None:
            raise ValueError("an adaptive experiment (mooclet): these are not enabled here")
        check_ids_apart(self)
        return self

    def condition_marks(self) -> dict[str, str]:
        """The marks of two characters of the conditions, by what those are called."""
        return _marks(self.conditions)

    def point_marks(self) -> dict[str, str]:
        """The marks of two characters of the points, by what those are called."""
        return _marks(self.partitions)

    def metrics(self) -> list[MetricDraft]:
        """The metrics that the file describes, each once."""
        described = {query.metric.key: query.metric for query in self.queries or ()}
        return [
            MetricDraft(key, metric.type, metric.allowed_data, metric.context or self.context)
            for key, metric in described.items()
            if metric.type is not None
        ]

    def history(self) -> tuple[StateChange, ...]:
        """The changes of state, the oldest first; they come the newest first."""
        changes = [each.change() for each in reversed(self.state_time_logs or ())]
        return tuple(sorted(changes, key=lambda change: change.at))


def _marks(parts: tuple[ConditionFile, ...] | tuple[PointFile, ...]) -> dict[str, str]:
    return {
        part.id: part.two_character_id
        for part in parts
        if part.two_character_id is not None and len(part.two_character_id) == MARK_LENGTH
    }


def _payload_of_alias(alias: Any) -> Any:
    """The payload that was called an alias."""
    if not isinstance(alias, dict):
        return alias
    return {**_without(alias, "aliasName"), "payload": _text_payload(alias.get("aliasName"))}


def _without(value: Any, name: str) -> Any:
    """A part without a field that it had in older files; anything else as it is."""
    if not isinstance(value, dict):
        return value
    return {key: each for key, each in value.items() if key != name}


def _text_payload(value: Any) -> dict[str, Any]:
    return {"type": PayloadType.STRING.value, "value": value}


def _factors_of(points: list[Any]) -> list[Any]:
    """The factors, which older files have at the points."""
    return [
        factor
        for point in points
        if isinstance(point, dict) and isinstance(point.get("factors"), list)
        for factor in point["factors"]
    ]

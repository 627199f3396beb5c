"""From a request to the experiment that it asks for (section 7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from chalicelib.api.upgrade.audiences.segment_models import SegmentBody
from chalicelib.api.upgrade.experiments.designs.design_checks import (
    DanglingReference,
    ReservedCode,
    check_codes,
    check_parts,
)
from chalicelib.api.upgrade.experiments.designs.experiment_models import (
    DesignBody,
    EditExperimentBody,
    ExperimentBody,
    RequestedList,
)
from chalicelib.api.upgrade.experiments.designs.experiment_parts import (
    KeepId,
    Marks,
    TwoCharacters,
    condition_of,
    factor_of,
    following_renamed_codes,
    in_order,
    level_ids_of,
    measurable,
    missing_payloads,
    payloads_of,
    point_of,
    query_of,
)
from chalicelib.api.upgrade.wire.texts import NewId, kept_or_new
from chalicelib.domain.audiences.contexts import known_context
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    CompleteCondition,
    Condition,
    ConditionPayload,
    DecisionPoint,
    DesignType,
    Experiment,
    Factor,
    PostRule,
    Unit,
)

__all__ = [
    "DanglingReference",
    "ReservedCode",
    "check_parts",
    "edited_experiment",
    "experiment_of",
    "kept_parts",
    "new_experiment",
    "requested_lists",
]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an experiment that refer to each other."""

    conditions: tuple[Condition, ...]
    points: tuple[DecisionPoint, ...]
    payloads: tuple[ConditionPayload, ...]
    factors: tuple[Factor, ...]
    queries: tuple[Mapping[str, object], ...]
    revert_to: str | None


def new_experiment(
    body: ExperimentBody,
    *,
    contexts: Collection[str],
    now: datetime,
    new_id: NewId,
    two_characters: TwoCharacters,
    known_metrics: Collection[str],
) -> Experiment:
    """The experiment to create, without its lists; the conditions have no ids of variants yet.

    Its own id and those of factors and levels are kept, those of all other parts are new. Queries
    of other metrics than the known ones are left out.

    Raises:
        UnknownAppContext: if its context is not among `contexts`.
        ReservedCode: if a condition is called `default`.
        DanglingReference: if a part refers to a part that is not there.
    """
    context = known_context(body.context[0], contexts)
    check_parts(body)
    keep = partial(kept_or_new, new_id=new_id)
    condition_ids = {condition.id: new_id() for condition in body.conditions}
    point_ids = {point.id: new_id() for point in body.partitions}
    level_ids = level_ids_of(body, keep)
    marks = Marks(two_characters)
    conditions = tuple(
        replace(
            condition_of(given, condition_ids[given.id], level_ids, keep),
            order=order,
            two_character_id=marks.take(given.two_character_id),
        )
        for order, given in enumerate(body.conditions, 1)
    )
    points = tuple(
        replace(
            point_of(given, point_ids[given.id]),
            order=order,
            two_character_id=marks.take(given.two_character_id),
        )
        for order, given in enumerate(body.partitions, 1)
    )
    payloads = payloads_of(body, condition_ids, point_ids)
    parts = Parts(
        conditions,
        points,
        in_order((replace(payload, id=new_id()) for payload in payloads), conditions, points),
        tuple(factor_of(factor, level_ids, keep) for factor in body.factors or ()),
        tuple(
            {**query_of(query, new_id()), "order": order}
            for order, query in enumerate(measurable(body, known_metrics), 1)
        ),
        condition_ids[body.revert_to] if body.revert_to else None,
    )
    draft = experiment_of(body, body.id or new_id(), context, parts, now)
    return replace(draft, post_rule=PostRule.CONTINUE)


def edited_experiment(
    body: EditExperimentBody,
    before: Experiment,
    *,
    contexts: Collection[str],
    now: datetime,
    new_id: NewId,
    two_characters: TwoCharacters,
    known_metrics: Collection[str],
) -> Experiment:
    """The experiment as it is to be; new conditions have no ids of variants yet.

    Parts that the request leaves out are gone, and so is what refers to them. The state is the
    request's; its log, the lists and the time of the start are the ones from before. In another
    context nobody is in and nothing is measured until somebody says so.

    Raises:
        UnknownAppContext: if its context is not among `contexts`.
        ReservedCode: if a condition is called `default`.
    """
    context = known_context(body.context[0], contexts)
    check_codes(body)
    parts = _edited_parts(body, before, new_id, two_characters, known_metrics)
    edited = replace(
        experiment_of(body, before.id, context, parts, now),
        include=before.include,
        exclude=before.exclude,
        state_changes=before.state_changes,
        created_at=before.created_at,
        version=before.version + 1,
        started_at=before.started_at,
    )
    if edited.context == before.context:
        return edited
    return replace(edited, include=(), exclude=(), queries=(), filter_mode=FilterMode.EXCLUDE_ALL)


def requested_lists(body: ExperimentBody) -> tuple[list[SegmentBody], list[SegmentBody]]:
    """The inclusion and exclusion lists that are to be created along with an experiment."""
    included = [_list(body, each, "Inclusion") for each in body.experiment_segment_inclusion or ()]
    excluded = [_list(body, each, "Exclusion") for each in body.experiment_segment_exclusion or ()]
    return included, excluded


def _list(body: ExperimentBody, requested: RequestedList, kind: str) -> SegmentBody:
    segment = requested.segment
    return SegmentBody.model_validate(
        {
            "name": segment.name or f"{body.name} {kind} Segment",
            "context": body.context[0].lower(),
            "type": segment.type,
            "userIds": [user.user_id for user in segment.individual_for_segment or ()],
            "groups": [
                group.model_dump(by_alias=True) for group in segment.group_for_segment or ()
            ],
            "subSegmentIds": [each.id for each in segment.sub_segments or ()],
            "description": segment.description,
            "listType": segment.list_type,
        }
    )


def _edited_parts(
    body: EditExperimentBody,
    before: Experiment,
    new_id: NewId,
    two_characters: TwoCharacters,
    known_metrics: Collection[str],
) -> Parts:
    old = {condition.id: condition for condition in before.conditions}
    parts = kept_parts(
        body,
        partial(kept_or_new, new_id=new_id),
        KnownMarks(
            {condition.id: condition.two_character_id for condition in before.conditions},
            {point.id: point.two_character_id for point in before.points},
        ),
        two_characters=two_characters,
        known_metrics=known_metrics,
        variant_ids={condition.id: condition.variant_id for condition in before.conditions},
    )
    payloads = following_renamed_codes(parts.payloads, old, parts.conditions)
    if body.type is DesignType.SIMPLE:
        payloads += missing_payloads(payloads, parts.conditions, parts.points, new_id)
    return replace(parts, payloads=in_order(payloads, parts.conditions, parts.points))


@dataclass(frozen=True, slots=True)
class KnownMarks:
    """The marks of two characters that parts have already, by what the parts are called."""

    conditions: Mapping[str, str]
    points: Mapping[str, str]


def kept_parts(
    body: DesignBody,
    keep: KeepId,
    known: KnownMarks,
    *,
    two_characters: TwoCharacters,
    known_metrics: Collection[str],
    variant_ids: Mapping[str, int],
) -> Parts:
    """The parts with their own ids or, as `keep` decides, new ones, in the order that they say.

    Conditions that are not among `variant_ids` have none yet.
    """
    marks = Marks(two_characters, (*known.conditions.values(), *known.points.values()))
    condition_ids = {given.id: keep(given.id) for given in body.conditions}
    point_ids = {given.id: keep(given.id) for given in body.partitions}
    level_ids = level_ids_of(body, keep)
    conditions = tuple(
        replace(
            condition_of(given, condition_ids[given.id], level_ids, keep),
            variant_id=variant_ids.get(given.id, 0),
            two_character_id=known.conditions.get(given.id) or marks.take(given.two_character_id),
        )
        for given in sorted(body.conditions, key=lambda given: given.order)
    )
    points = tuple(
        replace(
            point_of(given, point_ids[given.id]),
            two_character_id=known.points.get(given.id) or marks.take(given.two_character_id),
        )
        for given in sorted(body.partitions, key=lambda given: given.order)
    )
    payloads = (
        replace(payload, id=keep(payload.id))
        for payload in payloads_of(body, condition_ids, point_ids)
    )
    return Parts(
        conditions,
        points,
        in_order(payloads, conditions, points),
        tuple(factor_of(factor, level_ids, keep) for factor in body.factors or ()),
        tuple(
            {**query_of(query, keep(query.id)), "order": query.order or position}
            for position, query in enumerate(measurable(body, known_metrics), 1)
        ),
        condition_ids.get(body.revert_to) if body.revert_to else None,
    )


def experiment_of(
    body: DesignBody, experiment_id: str, context: str, parts: Parts, now: datetime
) -> Experiment:
    """A first version of the experiment, without lists and history."""
    complete = body.enrollment_complete_condition
    factor = body.stratification_factor
    within = body.assignment_unit is Unit.WITHIN_SUBJECTS
    return Experiment(
        id=experiment_id,
        name=body.name,
        description=body.description,
        # So the original stores it; segments and metrics keep the spelling that is configured.
        context=context.lower(),
        state=body.state,
        type=body.type,
        unit=body.assignment_unit,
        group=body.group or None,
        # A user's own sequence decides within subjects; there is nothing to choose.
        rule=None if within else body.consistency_rule,
        condition_order=body.condition_order,
        algorithm=body.assignment_algorithm or Algorithm.RANDOM,
        stratification_factor=factor.stratification_factor_name if factor else None,
        post_rule=body.post_experiment_rule,
        revert_to=parts.revert_to,
        filter_mode=body.filter_mode,
        complete_condition=CompleteCondition(complete.user_count, complete.group_count)
        if complete
        else None,
        start_on=body.start_on,
        end_on=body.end_on,
        tags=body.tags or (),
        conditions=parts.conditions,
        points=parts.points,
        payloads=parts.payloads,
        factors=parts.factors,
        queries=parts.queries,
        include=(),
        exclude=(),
        state_changes=(),
        created_at=now,
        updated_at=now,
        version=1,
    )

"""Which condition a user gets (UpGrade, sections 9, 10 and 13.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.audiences.segments import globally_excluded, screen
from chalicelib.domain.experiments import seedrandom
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    Condition,
    ConditionOrder,
    ConsistencyRule,
    DecisionPoint,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.experiments.offers import ContextOffers, Offer
from chalicelib.domain.participants.decision_points import Place
from chalicelib.domain.participants.participants import (
    GroupKey,
    GroupRecord,
    Participant,
)

Groups = Mapping[GroupKey, GroupRecord]
"""The records of a user's working groups; one without records may be missing."""

StratumCounts = Mapping[int, Mapping[str, int]]
"""Enrollments of the user's stratum by experiment and condition."""

NO_COUNTS: StratumCounts = {}


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a user gets at a point: one condition, or for within-subjects a queue of them."""

    offer: Offer
    point: DecisionPoint
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class History:
    """What was stored of a user and the user's group for one experiment (section 13.1)."""

    own: Condition | None
    group: Condition | None
    excluded: bool
    group_excluded: bool
    enrolled: bool
    group_enrolled: bool

    @classmethod
    def of(cls, offer: Offer, participant: Participant, groups: Groups) -> History:
        """Stored exclusions count, and those that follow from points reached before the start."""
        number = offer.number
        own = participant.enrollments.get(number, ())
        record = group_record(offer, participant, groups)
        enrollment = record.enrollments.get(number) if record else None
        return cls(
            own=next((c for e in own if (c := offer.condition(e.condition_id))), None),
            group=offer.condition(enrollment.condition_id) if enrollment else None,
            excluded=number in participant.exclusions or user_reached(offer, participant),
            group_excluded=record is not None
            and (number in record.exclusions or group_reached(offer, record)),
            enrolled=bool(own),
            group_enrolled=enrollment is not None,
        )


def group_record(offer: Offer, participant: Participant, groups: Groups) -> GroupRecord | None:
    """The record of the user's working group, for a group experiment."""
    if offer.group_type is None:
        return None
    key = participant.working_group(offer.group_type)
    return None if key is None else groups.get(key)


def user_reached(offer: Offer, participant: Participant) -> bool:
    """Whether the user is out for having reached a flagged point too early (section 13.2)."""
    if offer.flagged is None:
        return False
    reached = {place: point.at for place, point in participant.points.items()}
    at = offer.reached_before_start(reached)
    lifted = participant.lifted.get(offer.number)
    started = offer.experiment.started_at
    return at is not None and not (lifted and started and lifted >= started)


def group_reached(offer: Offer, record: GroupRecord) -> bool:
    """The same for a group, which is out under the group rule only."""
    return (
        offer.rule is ConsistencyRule.GROUP
        and offer.reached_before_start(record.reached) is not None
    )


def assign(
    context: ContextOffers,
    participant: Participant,
    groups: Groups,
    strata: StratumCounts = NO_COUNTS,
) -> list[Assignment]:
    """What a user gets at all points of a context; nothing is stored."""
    if globally_excluded(context.shut_out, participant):
        return []
    considered = [
        offer
        for offer in context.offers
        if _is_seen(offer, participant)
        and _has_group(offer, participant)
        and is_listed_in(offer, participant)
    ]
    assignments: list[Assignment] = []
    for pool in _pools(considered):
        chosen = _of_pool(pool, participant, groups)
        if chosen is not None:
            assignments.extend(_assigned(*chosen, participant, strata))
    return assignments


def assign_at(
    context: ContextOffers,
    place: Place,
    participant: Participant,
    groups: Groups,
    strata: StratumCounts = NO_COUNTS,
) -> list[Assignment]:
    """What a user gets at one point from the experiments there, which make one pool (section 17).

    Experiments in preview are left out, and whether the user's group is valid does not count.
    """
    considered = [
        offer
        for offer in context.offers
        if place in offer.places
        and offer.experiment.state is not State.PREVIEW
        and is_listed_in(offer, participant)
    ]
    chosen = _of_pool(considered, participant, groups) if considered else None
    if chosen is None:
        return []
    assigned = _assigned(*chosen, participant, strata)
    return [assignment for assignment in assigned if assignment.point.place == place]


def is_listed_in(offer: Offer, participant: Participant) -> bool:
    """Whether the lists let a user in.

    Whoever takes part in a group experiment under the individual rule has been let in for good.
    """
    if (
        offer.experiment.unit is Unit.GROUP
        and offer.rule is ConsistencyRule.INDIVIDUAL
        and offer.number in participant.enrollments
    ):
        return True
    return screen(
        offer.experiment.filter_mode,
        offer.include,
        offer.exclude,
        participant,
        offer.group_type,
    ).is_in


def choose(
    offer: Offer,
    participant: Participant,
    history: History,
    counts: Mapping[str, int] | None = None,
) -> Condition | None:
    """The condition of a user by state, rule and history (section 13.1), None for none.

    `counts` are the enrollments of the user's stratum by condition, where they are to be evened
    out. A condition that was set for a preview user comes first.
    """
    experiment = offer.experiment
    explicit = offer.condition((participant.preview or {}).get(experiment.id))
    if explicit is not None:
        return explicit
    if experiment.state is State.ENROLLMENT_COMPLETE:
        if experiment.unit is Unit.WITHIN_SUBJECTS:
            return None
        if experiment.post_rule is PostRule.ASSIGN:
            return offer.condition(experiment.revert_to)
        return _by_rule(offer, history, None)
    return _by_rule(offer, history, draw(offer, participant, counts))


def _by_rule(offer: Offer, history: History, new: Condition | None) -> Condition | None:
    if offer.rule is ConsistencyRule.EXPERIMENT:
        individual = offer.experiment.unit is Unit.INDIVIDUAL
        return (history.own if individual else history.group) or new
    own = (history.excluded, history.own)
    group = (history.group_excluded, history.group)
    order = (own, group) if offer.rule is ConsistencyRule.INDIVIDUAL else (group, own)
    for excluded, condition in order:
        if excluded:
            return None
        if condition is not None:
            return condition
    return new


def draw(
    offer: Offer, participant: Participant, counts: Mapping[str, int] | None = None
) -> Condition | None:
    """A new choice: the seeded draw among the conditions by weight (sections 10.1 and 10.2)."""
    experiment = offer.experiment
    if not offer.conditions or experiment.algorithm is Algorithm.ADAPTIVE:
        return None
    unit_id = participant.id
    if offer.group_type is not None:
        group = participant.working_group(offer.group_type)
        if group is None:
            return None
        unit_id = group.id
    weights: Sequence[float] = offer.weights
    if counts is not None:
        weights = corrected(weights, [counts.get(c.id, 0) for c in offer.conditions])
    return offer.conditions[seedrandom.condition_index(experiment.id, unit_id, weights)]


def corrected(weights: Sequence[float], enrolled: Sequence[int]) -> list[float]:
    """Weights moved towards what a stratum lacks, scaled to a sum of 100 (section 10.2)."""
    total = sum(enrolled)
    shares = [100 * n / total if total else 0.0 for n in enrolled]
    moved = [
        min(100.0, max(0.0, weight + (weight - share)))
        for weight, share in zip(weights, shares, strict=True)
    ]
    whole = sum(moved)
    return [100 * weight / whole for weight in moved] if whole else list(weights)


def is_corrected(offer: Offer, participant: Participant) -> bool:
    """Whether weights are moved by what a stratum lacks: under the experiment rule only."""
    return (
        offer.experiment.algorithm is Algorithm.STRATIFIED
        and offer.rule is ConsistencyRule.EXPERIMENT
        and offer.experiment.stratification_factor in participant.strata
    )


def _is_seen(offer: Offer, participant: Participant) -> bool:
    return offer.experiment.state is not State.PREVIEW or participant.preview is not None


def _has_group(offer: Offer, participant: Participant) -> bool:
    """Whether a user can take part in a group experiment (section 9.3)."""
    return (
        offer.group_type is None
        or participant.valid_group(offer.group_type) is not None
        or offer.number in participant.enrollments
    )


def _pools(offers: Sequence[Offer]) -> Iterable[list[Offer]]:
    """Experiments that share places, directly or through others, each with its pool."""
    # A pool is known by the number of its first experiment; and at each place there is one pool.
    pools: dict[int, list[Offer]] = {}
    pool_at: dict[Place, int] = {}
    for offer in offers:
        met = {pool_at[place] for place in offer.places if place in pool_at}
        number, members, moved = offer.number, [offer], [offer]
        if len(met) == 1:
            (number,) = met
            members = pools.pop(number)
            members.append(offer)
        elif met:
            for key in [key for key in pools if key in met]:
                members = pools.pop(key) + members
            moved = members
        pools[number] = members
        for member in moved:
            pool_at.update(dict.fromkeys(member.places, number))
    return pools.values()


def _of_pool(
    pool: list[Offer], participant: Participant, groups: Groups
) -> tuple[Offer, History] | None:
    """The one experiment of a pool that a user takes part in, with its history (section 9.6)."""
    histories = [(offer, History.of(offer, participant, groups)) for offer in pool]
    enrolled = [each for each in histories if each[1].enrolled or each[1].group_enrolled]
    if len(enrolled) == 1:
        return enrolled[0]
    if enrolled:
        return next((e for e in enrolled if e[0].experiment.state is State.ENROLLING), None)
    open_ones = [
        (offer, history)
        for offer, history in histories
        if offer.experiment.state is not State.ENROLLMENT_COMPLETE
        and not history.excluded
        and not history.group_excluded
    ]
    if not open_ones:
        return None
    if len(open_ones) == 1:
        return open_ones[0]
    open_ones.sort(key=lambda each: each[0].number)
    return open_ones[seedrandom.competing_index(participant.id, len(open_ones))]


def _assigned(
    offer: Offer, history: History, participant: Participant, strata: StratumCounts
) -> list[Assignment]:
    experiment = offer.experiment
    counts = strata.get(offer.number) if is_corrected(offer, participant) else None
    condition = choose(offer, participant, history, counts)
    if condition is None:
        return []
    within = experiment.unit is Unit.WITHIN_SUBJECTS
    conditions = queue(offer, participant) if within else (condition,)
    return [Assignment(offer, point, conditions) for point in experiment.points]


def queue(offer: Offer, participant: Participant) -> tuple[Condition, ...]:
    """The conditions that a user of a within-subjects experiment meets next (section 10.3).

    Every mark in the experiment moves it on, whichever of the decision points it is at.
    """
    experiment_id, user_id = offer.experiment.id, participant.id
    marks = sum(e.repeats for e in participant.enrollments.get(offer.number, ()))
    count = len(offer.conditions)
    order = offer.experiment.condition_order
    if order is ConditionOrder.RANDOM:
        indices = seedrandom.random_queue(experiment_id, user_id, count, marks)
    elif order is ConditionOrder.RANDOM_ROUND_ROBIN:
        indices = seedrandom.random_round_robin_queue(experiment_id, user_id, count, marks)
    else:
        indices = seedrandom.ordered_queue(count, marks)
    return tuple(offer.conditions[index] for index in indices)

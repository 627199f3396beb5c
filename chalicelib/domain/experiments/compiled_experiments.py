"""Experiments as assign and mark use them: compiled once per version of the catalogue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.audiences.contexts import same_context
from chalicelib.domain.audiences.segments import (
    NOBODY,
    ResolvedSegments,
    Segment,
    SegmentType,
    resolve,
)
from chalicelib.domain.experiments.experiments import (
    Condition,
    ConsistencyRule,
    DecisionPoint,
    DesignType,
    Experiment,
    Factor,
    Level,
    Payload,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.domain.flags.flags import CompiledFlag, Flag, FlagStatus
from chalicelib.domain.participants.decision_points import DecisionPointKey

SEEN = frozenset({State.ENROLLING, State.ENROLLMENT_COMPLETE, State.PREVIEW})
"""States in which assign sees an experiment, in preview for preview users only."""

NO_METRICS: Mapping[str, Metric] = {}


@dataclass(frozen=True)
class CompiledExperiment:
    """An experiment with its lists resolved and its conditions looked up.

    `feature_id` is the id of the feature that holds it. Codes are those that the experiment stores.
    `rule` says whose history decides; within-subjects experiments have no rule but "experiment".
    `group_type` is that of a group experiment. `flagged` are the sites and targets of the points
    that exclude whoever reached them before the start, where the rules let them.
    """

    feature_id: int
    experiment: Experiment
    include: ResolvedSegments
    exclude: ResolvedSegments
    conditions: tuple[Condition, ...]
    weights: tuple[float, ...]
    point_keys: frozenset[DecisionPointKey]
    rule: ConsistencyRule
    group_type: str | None
    flagged: tuple[frozenset[str], frozenset[str]] | None
    _by_id: Mapping[str, Condition] = field(repr=False)
    _payloads: Mapping[tuple[str, str | None], Payload] = field(repr=False)
    _levels: Mapping[str, tuple[Factor, Level]] = field(repr=False)
    _codes: frozenset[str] = field(repr=False)

    @classmethod
    def of(
        cls, feature_id: int, experiment: Experiment, segments: Mapping[str, Segment]
    ) -> CompiledExperiment:
        """Compile an experiment."""
        conditions = tuple(sorted(experiment.conditions, key=lambda c: c.order))
        levels = {
            level.id: (factor, level) for factor in experiment.factors for level in factor.levels
        }
        payloads = {(p.condition_id, p.point_id): p.payload for p in experiment.payloads}
        compiled = cls(
            feature_id,
            experiment,
            resolve((entry.segment_id for entry in experiment.include), segments),
            resolve((entry.segment_id for entry in experiment.exclude), segments),
            conditions,
            tuple(condition.weight for condition in conditions),
            frozenset(point.point_key for point in experiment.points),
            _rule(experiment),
            experiment.group if experiment.unit is Unit.GROUP else None,
            _flagged(experiment),
            {condition.id: condition for condition in conditions},
            payloads,
            levels,
            frozenset(),
        )
        codes = {condition.code for condition in conditions}
        codes |= {compiled.answered_code(condition) for condition in conditions}
        codes |= {payload.value for payload in payloads.values()}
        object.__setattr__(compiled, "_codes", frozenset(codes))
        return compiled

    def condition(self, condition_id: str | None) -> Condition | None:
        return self._by_id.get(condition_id or "")

    def knows(self, code: str) -> bool:
        """Whether a client may name a condition so: stored or answered code, or a payload."""
        return code in self._codes

    def coded(self, code: str | None) -> Condition | None:
        """The condition with a stored or answered code."""
        return next((c for c in self.conditions if code in (c.code, self.answered_code(c))), None)

    def answered_code(self, condition: Condition) -> str:
        """The code as assign answers it; a factorial design joins its levels (section 9)."""
        combined = self.combined(condition)
        if self.experiment.unit is Unit.WITHIN_SUBJECTS or not combined:
            return condition.code
        return "; ".join(f"{factor.name}={level.name}" for factor, level in combined)

    def combined(self, condition: Condition) -> list[tuple[Factor, Level]]:
        """The levels that a condition combines, in the order of their factors."""
        if self.experiment.type is not DesignType.FACTORIAL:
            return []
        found = [
            self._levels[element.level_id]
            for element in condition.levels
            if element.level_id in self._levels
        ]
        return sorted(found, key=lambda pair: pair[0].order)

    def payload(self, condition: Condition, point: DecisionPoint) -> Payload | None:
        """What goes with a condition at a point; a payload without a value counts as none."""
        found = self._payloads.get((condition.id, point.id))
        if found is None:
            found = self._payloads.get((condition.id, None))
        return found if found is not None and found.value else None

    def reached_before_start(self, reached: Mapping[DecisionPointKey, datetime]) -> datetime | None:
        """When one of the flagged points was first reached, if that was before the last start.

        Any flagged site with any flagged target counts (section 13.2).
        """
        started = self.experiment.started_at
        if self.flagged is None or started is None:
            return None
        sites, targets = self.flagged
        return min(
            (
                at
                for point_key, at in reached.items()
                if at < started and point_key.site in sites and point_key.target in targets
            ),
            default=None,
        )


def _rule(experiment: Experiment) -> ConsistencyRule:
    if experiment.unit is Unit.WITHIN_SUBJECTS or experiment.rule is None:
        return ConsistencyRule.EXPERIMENT
    return experiment.rule


def _flagged(experiment: Experiment) -> tuple[frozenset[str], frozenset[str]] | None:
    within = experiment.unit is Unit.WITHIN_SUBJECTS
    flagged = [point for point in experiment.points if point.exclude_if_reached]
    if not flagged or (_rule(experiment) is ConsistencyRule.EXPERIMENT and not within):
        return None
    return frozenset(p.site for p in flagged), frozenset(p.target for p in flagged)


@dataclass(frozen=True)
class CompiledContext:
    """The compiled experiments of a context that assign may see, and who is shut out of it.

    `flags` are those that are enabled.
    """

    compiled_experiments: tuple[CompiledExperiment, ...]
    shut_out: ResolvedSegments
    flags: tuple[CompiledFlag, ...] = ()

    def group_types(self) -> frozenset[str]:
        """The group types whose groups assign must know."""
        return frozenset(
            compiled.group_type for compiled in self.compiled_experiments if compiled.group_type
        )


class CompiledCatalogue:
    """All experiments in UpGrade's form, by context and decision point, and the flags by context.

    `grouped` are the experiments on groups, of all contexts and states. `measured` are the metrics
    that a query of an experiment asks for that is not archived, by key: only those are logged.
    """

    def __init__(
        self,
        experiments: Iterable[tuple[int, Experiment]],
        segments: Mapping[str, Segment],
        contexts: Sequence[str],
        flags: Iterable[Flag] = (),
        metrics: Mapping[str, Metric] = NO_METRICS,
    ) -> None:
        by_context: defaultdict[str, list[CompiledExperiment]] = defaultdict(list)
        by_point: defaultdict[DecisionPointKey, list[CompiledExperiment]] = defaultdict(list)
        by_flag_context: defaultdict[str, list[CompiledFlag]] = defaultdict(list)
        by_id: dict[str, CompiledExperiment] = {}
        grouped: list[CompiledExperiment] = []
        asked: set[str] = set()
        for flag in flags:
            if flag.status is FlagStatus.ENABLED:
                by_flag_context[flag.context].append(CompiledFlag.of(flag, segments))
        for feature_id, experiment in experiments:
            if experiment.state is not State.ARCHIVED:
                asked.update(query.metric_key for query in experiment.metric_queries())
            compiled = CompiledExperiment.of(feature_id, experiment, segments)
            by_id[experiment.id] = compiled
            for point_key in compiled.point_keys:
                by_point[point_key].append(compiled)
            if experiment.state in SEEN and not _is_over(experiment):
                by_context[experiment.context].append(compiled)
            grouped.extend([compiled] if compiled.group_type else [])
        self.grouped = tuple(grouped)
        self._by_id = by_id
        self.measured = {key: metrics[key] for key in sorted(asked) if key in metrics}
        self._by_point = {
            point_key: tuple(compiled_experiments)
            for point_key, compiled_experiments in by_point.items()
        }
        self._by_context = {
            context: CompiledContext(
                tuple(by_context[context.lower()]),
                _shut_out(context, segments),
                tuple(by_flag_context[context.lower()]),
            )
            for context in contexts
        }

    def of(self, experiment_id: str) -> CompiledExperiment | None:
        """The experiment with an id, in any state and context."""
        return self._by_id.get(experiment_id)

    def in_context(self, context: str) -> CompiledContext | None:
        """A context by its name, letter case included; None if there is no such context."""
        return self._by_context.get(context)

    def at(
        self, point_key: DecisionPointKey, context: str | None = None
    ) -> tuple[CompiledExperiment, ...]:
        """The experiments with a decision point, in any state; of one context, or of all."""
        there = self._by_point.get(point_key, ())
        if context is None:
            return there
        return tuple(
            compiled for compiled in there if compiled.experiment.context == context.lower()
        )

    def shut_out(self, context: str) -> ResolvedSegments:
        """The global exclusion of an experiment's context, whose letter case does not count."""
        for name, compiled_context in self._by_context.items():
            if same_context(name, context):
                return compiled_context.shut_out
        return NOBODY


def _is_over(experiment: Experiment) -> bool:
    """Whether enrollment is complete and nothing is left to be assigned (section 9.1)."""
    return (
        experiment.state is State.ENROLLMENT_COMPLETE
        and experiment.post_rule is PostRule.ASSIGN
        and not experiment.revert_to
    )


def _shut_out(context: str, segments: Mapping[str, Segment]) -> ResolvedSegments:
    return resolve(
        [
            segment.id
            for segment in segments.values()
            if segment.type is SegmentType.GLOBAL_EXCLUDE and segment.context == context
        ],
        segments,
    )

"""What designs and segments of another installation refer to, and whether it is here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from chalicelib.domain.audiences.contexts import same_context
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.participants.participants import GroupKey

NUMBER_WIDTH = 10
"""Digits to which the numbers of versions are filled up, so that they compare as text."""


def is_older(version: str, other: str) -> bool:
    """Whether a version comes before another.

    >>> is_older("6.5.0", "6.10.0")
    True
    >>> is_older("6.5.0", "6.5.0")
    False
    """
    return _comparable(version) < _comparable(other)


def _comparable(version: str) -> list[str]:
    return [number.rjust(NUMBER_WIDTH, "0") for number in version.split(".")]


def part_ids(experiments: Iterable[Experiment]) -> frozenset[str]:
    """The ids of all parts of some experiments."""
    return frozenset(part_id for experiment in experiments for part_id in _ids(experiment))


def _ids(experiment: Experiment) -> Iterable[str]:
    for condition in experiment.conditions:
        yield condition.id
        yield from (element.id for element in condition.levels)
    for factor in experiment.factors:
        yield factor.id
        yield from (level.id for level in factor.levels)
    yield from (point.id for point in experiment.points)
    yield from (payload.id for payload in experiment.payloads)
    yield from (str(query["id"]) for query in experiment.queries)
    yield from (change.id for change in experiment.state_changes)


def missing_segments(
    ids: Iterable[str], segments: Mapping[str, Segment], context: str
) -> list[str]:
    """The ids that no segment of a context has, each once, in the order given."""
    return [
        segment_id
        for segment_id in dict.fromkeys(ids)
        if segment_id not in segments or not same_context(segments[segment_id].context, context)
    ]


def unknown_group_types(groups: Iterable[GroupKey], known: Collection[str]) -> list[str]:
    """The types of some groups that are not among the known ones, in alphabetical order."""
    return sorted({group.type for group in groups} - set(known))

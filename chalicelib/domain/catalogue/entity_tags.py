"""Entity tags: digests that tell two states of one resource apart.

A tag covers every row that a thing is shown with, and nothing else. An experiment's lists, the
metrics of its queries and the fault of its schedule are rows of their own; a change of anything
else in the catalogue does not move its tag, nor does anything that users do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.lists import entries, has_list
from chalicelib.domain.catalogue.segment_usage import parts_of
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.features.features import Feature
from chalicelib.domain.flags.flags import Flag

TAG_LENGTH = 32
"""Hexadecimal digits of a tag: 128 bits of a SHA-256."""


class Kind(StrEnum):
    """What has a tag of its own."""

    FEATURE = "feature"
    EXPERIMENT = "experiment"
    FLAG = "flag"
    SEGMENT = "segment"


@dataclass(frozen=True, slots=True)
class Subject:
    """A resource that has a tag: a feature of Test Lab by its id, all else by its UUID."""

    kind: Kind
    id: int | str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.id}"


@dataclass(frozen=True, slots=True)
class Shown:
    """The rows that a resource is shown with; the users of `lists` are kept apart from them."""

    rows: tuple[object, ...]
    lists: tuple[Segment, ...] = ()

    def tag(self, members: Sequence[int] = ()) -> str:
        """The tag; `members` is the number of users in each of the lists.

        A new set of users is a new version of the list, and while one version counts, users only
        leave it (when they are erased): so their number tells its states apart.
        """
        text = json.dumps([*map(_canonical, self.rows), *members], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:TAG_LENGTH]


def shown(catalogue: Catalogue, subject: Subject) -> Shown | None:
    """The rows that a resource is shown with; None if it does not exist."""
    return _SHOWN[subject.kind](catalogue, subject.id)


def feature_shown(feature: Feature) -> Shown:
    """The rows that a feature of Test Lab is shown with: its variants are part of it."""
    return Shown((feature,))


def _feature(catalogue: Catalogue, feature_id: int | str) -> Shown | None:
    feature = catalogue.own_feature(int(feature_id))
    return None if feature is None else feature_shown(feature)


def _experiment(catalogue: Catalogue, experiment_id: int | str) -> Shown | None:
    feature = catalogue.experiment(str(experiment_id))
    if feature is None or feature.design is None:
        return None
    metrics = tuple(
        catalogue.metrics.get(query.metric_key) for query in feature.design.metric_queries()
    )
    fault = catalogue.faults.get(feature.design.id)
    return _with_lists(catalogue, feature.design, (*metrics, fault))


def _flag(catalogue: Catalogue, flag_id: int | str) -> Shown | None:
    flag = catalogue.flags.get(str(flag_id))
    return None if flag is None else _with_lists(catalogue, flag)


def _with_lists(
    catalogue: Catalogue, holder: Experiment | Flag, others: tuple[object, ...] = ()
) -> Shown:
    stored = catalogue.segments
    ids = dict.fromkeys(entry.segment_id for entry in entries(holder))
    lists = tuple(stored[each] for each in ids if each in stored)
    parts = (part for each in lists for part in parts_of(each, stored))
    return Shown((holder, *others, *lists, *parts), lists)


def _segment(catalogue: Catalogue, segment_id: int | str) -> Shown | None:
    segment = catalogue.segments.get(str(segment_id))
    if segment is None:
        return None
    holders = (_list_of(catalogue, segment.id, exclude=exclude) for exclude in (False, True))
    return Shown((segment, *parts_of(segment, catalogue.segments), *holders), (segment,))


def _list_of(catalogue: Catalogue, segment_id: str, *, exclude: bool) -> str | None:
    """The experiment that a segment is shown as a list of."""
    found = (
        experiment.id
        for _, experiment in catalogue.experiments()
        if has_list(experiment, segment_id, exclude=exclude)
    )
    return next(found, None)


_SHOWN: Mapping[Kind, Callable[[Catalogue, int | str], Shown | None]] = {
    Kind.FEATURE: _feature,
    Kind.EXPERIMENT: _experiment,
    Kind.FLAG: _flag,
    Kind.SEGMENT: _segment,
}


def _canonical(value: object) -> object:
    """A value as JSON, the same before it is stored and after it is read."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):
        return [_canonical(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, Mapping):
        return sorted([str(name), _canonical(each)] for name, each in value.items())
    if isinstance(value, Set):
        return [_canonical(each) for each in sorted(value)]
    if isinstance(value, list | tuple):
        return [_canonical(each) for each in value]
    return value

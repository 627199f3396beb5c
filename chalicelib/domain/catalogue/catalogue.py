"""The catalogue: all features and user blocks at one version, compiled in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar

from chalicelib.domain.access.api_keys import ApiKey
from chalicelib.domain.access.idempotency import IdempotencyRecord
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.catalogue.purge import DeadVariants, LooseLists
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.domain.features.blocks import FREE_BLOCKS, UserBlock, allocate
from chalicelib.domain.features.features import Feature, FeatureType, Variant
from chalicelib.domain.flags.flags import Flag

T = TypeVar("T")
K = TypeVar("K")


BURST_SECONDS = 3
"""How far the date of a change may run ahead of the moment at which every process has seen it."""


@dataclass(frozen=True, slots=True)
class Validity:
    """The date of an answer (seconds since 1970), and which dates say that a client has it.

    A `shared` date is that of several versions. With `exact_only` a later date says nothing.
    """

    date: int
    shared: bool = False
    exact_only: bool = False

    def covers(self, since: float) -> bool:
        """Whether a client has the answer that has seen everything up to `since`."""
        if since == self.date:
            return not self.shared
        return since > self.date and not self.exact_only


@dataclass(frozen=True, slots=True)
class Revision:
    """Which catalogue this is.

    `version` counts every change. `last_modified` (seconds since 1970, UTC) is the date of the last
    change that clients should see; it never goes back, and is `shared` if the change before has it
    too. `as_of` is the day for which the current features were last worked out; None before the
    first.
    """

    version: int = 0
    last_modified: int = 0
    as_of: date | None = None
    shared: bool = False

    def following(
        self, now: datetime, *, visible: bool = True, settling: timedelta = timedelta(0)
    ) -> Revision:
        """The revision of a change that is attempted at `now` (aware).

        `settling` is the time after which it is stored and every process has seen it, so that
        nobody who asked later can have been answered without it. The date is the first whole
        second behind that. In a burst of changes it is a second later than any that was shown, up
        to `BURST_SECONDS` ahead; the changes behind that share the last date.
        """
        if not visible and self.as_of is not None:
            # A day that passed is still to be made visible, so `as_of` waits for that too.
            return replace(self, version=self.version + 1)
        seen = math.floor((now + settling).timestamp())
        dated = max(seen, self.last_modified + self.shared) + 1
        shares = dated > seen + BURST_SECONDS
        return Revision(
            self.version + 1,
            self.last_modified if shares else dated,
            self.day(now.date()),
            shares,
        )

    def validity(self, at: datetime, *, stale: bool = False, exact_only: bool = False) -> Validity:
        """How an answer is dated of which the catalogue was looked up at `at` (aware).

        Every process that looks it up at a shared date or later has all the changes of that date:
        from then on they go by the next second, which is theirs alone. A `stale` catalogue may
        lack some of them.
        """
        if stale or not self.shared or at.timestamp() < self.last_modified:
            return Validity(self.last_modified, self.shared, stale or exact_only)
        return Validity(self.last_modified + 1, exact_only=exact_only)

    def day(self, today: date) -> date:
        """The day to work with: `today`, or a later day if some other clock got there first."""
        return today if self.as_of is None else max(today, self.as_of)


@dataclass(frozen=True, slots=True)
class CurrentFeatures:
    """The features whose dates include a day, by kind."""

    experiments: tuple[Feature, ...]
    toggles: tuple[Feature, ...]
    rollouts: tuple[Feature, ...]


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What administrators set for UpGrade's clients."""

    check_auth: bool = False
    filter_metric: bool = True


@dataclass(frozen=True)
class Catalogue:
    """All features (by ascending id) and the twenty user blocks, as of one revision.

    `segments` and `flags` go by their ids, `metrics` by their keys, `faults` by the ids of the
    experiments that the scheduled function fails at.
    """

    revision: Revision = Revision()
    features: tuple[Feature, ...] = ()
    blocks: tuple[UserBlock, ...] = FREE_BLOCKS
    segments: Mapping[str, Segment] = field(default_factory=dict)
    settings: ClientSettings = ClientSettings()
    flags: Mapping[str, Flag] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    keys: tuple[ApiKey, ...] = ()
    faults: Mapping[str, Fault] = field(default_factory=dict)
    _by_id: dict[int, Feature] = field(init=False, repr=False, compare=False)
    _by_name: dict[str, Feature] = field(init=False, repr=False, compare=False)
    _by_design: dict[str, Feature] = field(init=False, repr=False, compare=False)
    _by_variant: dict[int, tuple[Feature, Variant]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = self.own_features()
        object.__setattr__(self, "_by_id", {f.id: f for f in self.features})
        object.__setattr__(self, "_by_name", {f.name: f for f in own})
        object.__setattr__(self, "_by_variant", {v.id: (f, v) for f in own for v in f.variants})
        object.__setattr__(self, "_by_design", {f.design.id: f for f in self.features if f.design})

    def own_features(self) -> list[Feature]:
        """The features that were made through Test Lab, which lists no others."""
        return [feature for feature in self.features if feature.design is None]

    def feature(self, feature_id: int) -> Feature | None:
        """The feature with an id, whichever API it was made through."""
        return self._by_id.get(feature_id)

    def own_feature(self, feature_id: int) -> Feature | None:
        """The feature of Test Lab with an id: those made through UpGrade are unknown to it."""
        feature = self.feature(feature_id)
        return feature if feature is not None and feature.design is None else None

    def named(self, name: str) -> Feature | None:
        """The feature of Test Lab with a name."""
        return self._by_name.get(name)

    def experiment(self, experiment_id: str) -> Feature | None:
        """The feature that holds an experiment in UpGrade's form."""
        return self._by_design.get(experiment_id)

    def experiments(self) -> Iterator[tuple[int, Experiment]]:
        """All experiments in UpGrade's form, with the ids of their features."""
        return ((f.id, f.design) for f in self.features if f.design is not None)

    def variant(self, variant_id: int) -> tuple[Feature, Variant] | None:
        """The variant and the feature of Test Lab that it belongs to."""
        return self._by_variant.get(variant_id)

    def block(self, name: str) -> UserBlock | None:
        return next((block for block in self.blocks if block.name == name), None)

    def variants(self) -> Iterator[Variant]:
        """All variants of Test Lab's features, by ascending feature and variant id."""
        return (variant for feature in self.own_features() for variant in feature.variants)

    def current(self, today: date) -> CurrentFeatures:
        """The features of Test Lab whose dates include `today` (UTC), running or not."""
        today = self.revision.day(today)
        current = [feature for feature in self.own_features() if feature.is_current(today)]

        def of(kind: FeatureType) -> tuple[Feature, ...]:
            return tuple(feature for feature in current if feature.type is kind)

        return CurrentFeatures(
            of(FeatureType.EXPERIMENT), of(FeatureType.TOGGLE), of(FeatureType.ROLLOUT)
        )


@dataclass(frozen=True)
class Change(Generic[T]):
    """An entry of the catalogue before and after a change; None where there is none."""

    before: T | None
    after: T | None


FeatureChange = Change[Feature]
SegmentChange = Change[Segment]
FlagChange = Change[Flag]
MetricChange = Change[Metric]


@dataclass(frozen=True, slots=True)
class CatalogueChange:
    """What one administrative write does, all of it or nothing.

    `blocks` are those that differ from the catalogue's. `visible` says whether the change moves
    Last-Modified (the allocation of blocks does not: what caused it already did). `record` is the
    answer to the request that asked for it, if that is to be kept.
    """

    features: tuple[FeatureChange, ...] = ()
    blocks: tuple[UserBlock, ...] = ()
    segments: tuple[SegmentChange, ...] = ()
    flags: tuple[FlagChange, ...] = ()
    metrics: tuple[MetricChange, ...] = ()
    settings: ClientSettings | None = None
    keys: tuple[ApiKey, ...] | None = None
    faults: Mapping[str, Fault] | None = None
    dead: DeadVariants | None = None
    loose: LooseLists | None = None
    record: IdempotencyRecord | None = None
    visible: bool = True


def changed_blocks(catalogue: Catalogue, blocks: Iterable[UserBlock]) -> tuple[UserBlock, ...]:
    """The user blocks that differ from those of `catalogue`."""
    return tuple(block for block in blocks if block not in catalogue.blocks)


def catch_up(catalogue: Catalogue, today: date) -> CatalogueChange | None:
    """The change that brings a catalogue up to `today`, or None if it is.

    That is a new allocation of user blocks where the stored one is not a fixed point, and a new
    Last-Modified where a day has passed since the current features were last worked out.
    """
    day = catalogue.revision.day(today)
    blocks = changed_blocks(
        catalogue, allocate(catalogue.current(day).experiments, catalogue.blocks)
    )
    new_day = day != catalogue.revision.as_of
    if not blocks and not new_day:
        return None
    return CatalogueChange(blocks=blocks, visible=new_day)


def applied(catalogue: Catalogue, revision: Revision, change: CatalogueChange) -> Catalogue:
    """The catalogue after `change`, as `revision`."""
    features = changed(
        {feature.id: feature for feature in catalogue.features},
        change.features,
        lambda feature: feature.id,
    )
    blocks = {block.id: block for block in (*catalogue.blocks, *change.blocks)}
    return replace(
        catalogue,
        revision=revision,
        features=tuple(features[feature_id] for feature_id in sorted(features)),
        blocks=tuple(blocks[block_id] for block_id in sorted(blocks)),
        segments=changed(catalogue.segments, change.segments, lambda segment: segment.id),
        flags=changed(catalogue.flags, change.flags, lambda flag: flag.id),
        metrics=changed(catalogue.metrics, change.metrics, lambda metric: metric.key),
        settings=change.settings or catalogue.settings,
        keys=catalogue.keys if change.keys is None else change.keys,
        faults=catalogue.faults if change.faults is None else change.faults,
    )


def changed(
    things: Mapping[K, T], changes: Iterable[Change[T]], key: Callable[[T], K]
) -> Mapping[K, T]:
    """Entries of the catalogue by key, after some changes."""
    after = dict(things)
    for change in changes:
        if change.before is not None:
            after.pop(key(change.before), None)
        if change.after is not None:
            after[key(change.after)] = change.after
    return after

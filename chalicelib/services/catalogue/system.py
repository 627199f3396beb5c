"""What there is to know of the service itself: keys, settings, runs, purge queue, sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chalicelib.domain.access.api_keys import ApiKey, Right
from chalicelib.domain.catalogue.catalogue import Catalogue, Revision
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.errors import NotFound
from chalicelib.services.access.access import AccessService
from chalicelib.services.catalogue.runs import Run, RunService
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock, PurgeQueue

EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FaultyExperiment:
    """An experiment that the scheduled function fails at; the name is None if it is gone."""

    id: str
    name: str | None
    fault: Fault


@dataclass(frozen=True, slots=True)
class WaitingPurge:
    """How many entries the purge queue has, and when the longest waiting of them is due."""

    entries: int
    due: datetime | None


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much the catalogue holds."""

    features: int
    variants: int
    designs: int
    flags: int
    segments: int
    metrics: int

    @classmethod
    def of(cls, catalogue: Catalogue) -> Sizes:
        """The sizes of a catalogue."""
        own = catalogue.own_features()
        return cls(
            features=len(own),
            variants=sum(len(each.variants) for each in own),
            designs=len(catalogue.features) - len(own),
            flags=len(catalogue.flags),
            segments=len(catalogue.segments),
            metrics=len(catalogue.metrics),
        )


@dataclass(frozen=True, slots=True)
class SystemState:
    """The service as it is now; `run` is None if the scheduled function never ran.

    `settings` go by the names of their variables, without what is secret.
    """

    now: datetime
    needs_keys: bool
    keys: Sequence[ApiKey]
    settings: Mapping[str, str]
    run: Run | None
    faults: Sequence[FaultyExperiment]
    purge: WaitingPurge
    sizes: Sizes
    revision: Revision


@dataclass(frozen=True, slots=True)
class KeyInForce:
    """A key, and whether it is the last one with the right to manage the service."""

    key: ApiKey
    is_last: bool


class SystemService:
    """Tells of the service itself.

    `settings` are those in force, without what is secret.
    """

    def __init__(
        self,
        catalogue: CatalogueService,
        access: AccessService,
        queue: PurgeQueue,
        runs: RunService,
        clock: Clock,
        settings: Mapping[str, str],
    ) -> None:
        self._catalogue = catalogue
        self._access = access
        self._queue = queue
        self._runs = runs
        self._clock = clock
        self._settings = settings

    def state(self) -> SystemState:
        """The service as it is now."""
        catalogue, waiting = self._catalogue.fresh(), self._queue.due(EVER)
        return SystemState(
            now=self._clock(),
            needs_keys=self._access.enabled,
            keys=self._access.in_force(),
            settings=self._settings,
            run=self._runs.last(),
            faults=[
                FaultyExperiment(key, _name(catalogue, key), fault)
                for key, fault in sorted(catalogue.faults.items())
            ],
            purge=WaitingPurge(len(waiting), waiting[0].due if waiting else None),
            sizes=Sizes.of(catalogue),
            revision=catalogue.revision,
        )

    def key(self, key_id: str) -> KeyInForce:
        """A key in force.

        Raises:
            NotFound: if there is none with the id.
        """
        keys = self._access.in_force()
        key = next((each for each in keys if each.id == key_id), None)
        if key is None:
            raise NotFound("There is no such key: it may have been revoked already.")
        managing = [each for each in keys if each.grants(Right.MANAGE)]
        return KeyInForce(key, managing == [key])


def _name(catalogue: Catalogue, experiment_id: str) -> str | None:
    feature = catalogue.experiment(experiment_id)
    return None if feature is None or feature.design is None else feature.design.name

"""Experiments that the scheduled function fails at: each is handled alone, and shown as faulty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from chalicelib.domain.catalogue import Catalogue, CatalogueChange
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.experiments import Experiment
from chalicelib.domain.faults import Failure, Fault, after_run
from chalicelib.services.catalogue import CatalogueService
from chalicelib.services.ports import Clock


def each_alone(
    experiments: Iterable[tuple[int, Experiment]], work: Callable[[int, Experiment], None]
) -> list[Failure]:
    """Do some work for each experiment (by the id of its feature); at which of them it failed."""
    failures = []
    for number, experiment in experiments:
        try:
            work(number, experiment)
        except Exception as error:  # noqa: BLE001 - whatever it is, no other may wait for this one
            failures.append(Failure(number, experiment.id, error))
    return failures


class FaultService:
    """Notes which experiments the scheduled function fails at, where administrators look."""

    def __init__(self, catalogue: CatalogueService, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def all(self) -> Mapping[str, Fault]:
        """The faults as they are noted, by the ids of experiments."""
        return self._catalogue.snapshot().faults

    def note(self, failures: Sequence[Failure]) -> None:
        """Note what failed in a whole run, in place of what failed before.

        A database that does not answer is no fault of an experiment: what is noted stays then.
        """
        faults = [each for each in failures if not isinstance(each.error, Unavailable)]
        unknown = {each.experiment_id for each in failures} - {f.experiment_id for f in faults}

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            kept = {key: fault for key, fault in catalogue.faults.items() if key in unknown}
            after = {**kept, **after_run(catalogue.faults, faults, self._clock())}
            if after == catalogue.faults:
                return None
            return CatalogueChange(faults=after, visible=False)

        if faults or self._catalogue.snapshot().faults:
            self._catalogue.change(decide)

"""Experiments that the scheduled function fails at: each is handled alone, and shown as faulty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange
from chalicelib.domain.catalogue.faults import Fault, Round, after_run
from chalicelib.domain.errors import Unavailable
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock


class FaultService:
    """Notes which experiments the scheduled function fails at, where administrators look."""

    def __init__(self, catalogue: CatalogueService, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def all(self) -> Mapping[str, Fault]:
        """The faults as they are noted, by the ids of experiments."""
        return self._catalogue.snapshot().faults

    def note(self, rounds: Sequence[Round]) -> None:
        """Note what failed in a run, in place of what failed before.

        Of experiments that were not tried, what is noted stays. A database that does not answer is
        no fault of an experiment: then it stays too.
        """
        failures = [failure for each in rounds for failure in each.failures]
        whole = all(each.whole for each in rounds)
        faults = [each for each in failures if not isinstance(each.error, Unavailable)]
        unknown = {each.experiment_id for each in failures} - {f.experiment_id for f in faults}

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            before = catalogue.faults
            kept = {key: each for key, each in before.items() if key in unknown or not whole}
            after = {**kept, **after_run(before, faults, self._clock())}
            if after == catalogue.faults:
                return None
            return CatalogueChange(faults=after, visible=False)

        if faults or self._catalogue.snapshot().faults:
            self._catalogue.change(decide)

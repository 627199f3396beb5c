"""Work on many experiments, of which none waits for another."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chalicelib.domain.catalogue.faults import Failure, Round
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.experiments.experiments import Experiment

UNANSWERED = 3
"""Experiments in a row for which the database does not answer, after which no other is tried: each
costs the whole time-out, and the next run comes after a minute."""


def each_alone(
    experiments: Iterable[tuple[int, Experiment]], work: Callable[[int, Experiment], bool]
) -> Round:
    """Do some work for each experiment (by the id of its feature), while the database answers.

    `work` says whether it had anything to do.
    """
    failures: list[Failure] = []
    unanswered = 0
    for feature_id, experiment in experiments:
        if unanswered == UNANSWERED:
            return Round(tuple(failures), whole=False)
        try:
            if work(feature_id, experiment):
                unanswered = 0
        except Exception as error:  # noqa: BLE001 - whatever it is, no other may wait for this one
            failures.append(Failure(feature_id, experiment.id, error))
            unanswered = unanswered + 1 if isinstance(error, Unavailable) else 0
    return Round(tuple(failures))

"""Refuses what would make an answer that must be whole longer than an answer may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from chalicelib.domain.catalogue.answer_room import (
    assigned_bytes,
    check_shown,
    flagged_bytes,
    listed_bytes,
    shown_bytes,
)
from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, Change, FeatureChange
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.services.running.paging import PAGE_BYTES

T = TypeVar("T")

RESERVE_BYTES = 16_384
"""What else such an answer holds: user blocks, and the experiment of Test Lab that a user is in."""

ROOM = PAGE_BYTES - RESERVE_BYTES


class AnswerRoom:
    """Looks at each change of the catalogue before it is stored.

    The sizes of experiments are kept: they are many, and few of them change at a time.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Experiment, int]] = {}

    def check(self, catalogue: Catalogue, change: CatalogueChange) -> None:
        """Refuse a change that adds to an answer for which there is no room.

        Raises:
            Invalid: if so; it names the answer and the limit.
        """
        self._check_shown(change)
        self._check_features(catalogue, change)
        self._check_experiments(catalogue, change)
        self._check_flags(catalogue, change)

    def _check_shown(self, change: CatalogueChange) -> None:
        for each in map(_designs, change.features):
            if each.after is not None and _added([each], shown_bytes) > 0:
                check_shown(each.after)

    def _check_features(self, catalogue: Catalogue, change: CatalogueChange) -> None:
        own = [
            each
            for each in change.features
            if all(
                feature is None or feature.design is None for feature in (each.before, each.after)
            )
        ]
        added = _added(own, listed_bytes)
        if added > 0:
            stored = sum(map(listed_bytes, catalogue.own_features()))
            _refuse_over(stored + added, "GET /api/feature", "features with their variants")

    def _check_experiments(self, catalogue: Catalogue, change: CatalogueChange) -> None:
        changes = list(map(_designs, change.features))
        for context in _contexts(changes, lambda experiment: experiment.context):
            added = _added(_within(changes, context, lambda each: each.context), assigned_bytes)
            if added > 0:
                stored = self._assigned(catalogue, context)
                _refuse_over(stored + added, f"assign in {context}", "experiments of the context")

    def _assigned(self, catalogue: Catalogue, context: str) -> int:
        known = {
            design.id: kept if (kept := self._known.get(design.id)) and kept[0] is design
            else (design, assigned_bytes(design))
            for _, design in catalogue.experiments()
        }  # fmt: skip
        self._known = known
        return sum(size for design, size in known.values() if design.context == context)

    def _check_flags(self, catalogue: Catalogue, change: CatalogueChange) -> None:
        for context in _contexts(change.flags, lambda flag: flag.context):
            added = _added(_within(change.flags, context, lambda flag: flag.context), flagged_bytes)
            if added > 0:
                stored = sum(
                    flagged_bytes(flag) for flag in catalogue.flags.values()
                    if flag.context == context
                )  # fmt: skip
                _refuse_over(stored + added, f"featureflag in {context}", "flags of the context")


def _designs(change: FeatureChange) -> Change[Experiment]:
    return Change(
        change.before.design if change.before else None,
        change.after.design if change.after else None,
    )


def _contexts(changes: Iterable[Change[T]], context: Callable[[T], str]) -> set[str]:
    return {context(each.after) for each in changes if each.after is not None}


def _within(
    changes: Iterable[Change[T]], wanted: str, context: Callable[[T], str]
) -> list[Change[T]]:
    """The changes as one context sees them: what leaves it is gone, what comes is new."""

    def seen(thing: T | None) -> T | None:
        return thing if thing is not None and context(thing) == wanted else None

    return [Change(seen(each.before), seen(each.after)) for each in changes]


def _added(changes: Iterable[Change[T]], size: Callable[[T], int]) -> int:
    return sum(
        (size(each.after) if each.after is not None else 0)
        - (size(each.before) if each.before is not None else 0)
        for each in changes
    )


def _refuse_over(total: int, answer: str, what: str) -> None:
    if total > ROOM:
        raise Invalid(
            f"the answer of {answer} would have more than {ROOM} bytes, the most that one may have:"
            f" delete or shorten {what} first"
        )

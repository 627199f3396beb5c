"""Checks that come before any verdict: was the test sound (the method, section 5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from chalicelib.domain.outcomes.plans import told_changes
from chalicelib.domain.outcomes.results.judging import Contrasted
from chalicelib.domain.outcomes.results.measured import Measured
from chalicelib.domain.outcomes.results.results import Check, CheckState
from chalicelib.domain.statistics.decision import FULL_DAYS
from chalicelib.domain.statistics.sentences import count, number
from chalicelib.domain.statistics.sequences import p_text
from chalicelib.domain.statistics.split_check import SplitCheck, Stretch, check_split

FINE, WARNING, BROKEN, UNKNOWN = CheckState


def split(measured: Measured) -> SplitCheck:
    """The split check over the stretches of constant weights; none where it does not apply.

    A day on which weights changed belongs to neither stretch, and is left out.
    """
    arms = [arm.key for arm in measured.arms]
    if not measured.split_applies:
        return check_split([])
    stretches = stretches_of(measured)
    by_stretch: defaultdict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(arms, 0))
    for day, counts in measured.enrolled.days.items():
        place = stretch_of(day, [since for since, _ in stretches])
        if place is not None:
            for arm, units in counts.items():
                if arm in by_stretch[place]:
                    by_stretch[place][arm] += units
    return check_split(
        [
            Stretch(
                # Erasures may be counted before what they take off is.
                [max(0, units) for units in by_stretch[place].values()],
                [weights.get(arm, Decimal(0)) for arm in arms],
            )
            for place, (_, weights) in enumerate(stretches)
            if place in by_stretch
        ]
    )


def stretches_of(measured: Measured) -> list[tuple[datetime | None, dict[str, Decimal]]]:
    """The weights by arm since each moment at which they changed; the first since ever."""
    if measured.run is None:
        return [(None, {arm.key: arm.weight for arm in measured.arms})]
    return [
        (
            each.since if place else None,
            {arm.key: each.weights.get(arm.variant_id, Decimal(0)) for arm in measured.arms},
        )
        for place, each in enumerate(measured.run.weights)
    ]


def stretch_of(day: date, since: Sequence[datetime | None]) -> int | None:
    """The place of the stretch that a day belongs to; None for a day on which weights changed."""
    if any(each is not None and each.date() == day for each in since):
        return None
    return max(place for place, each in enumerate(since) if each is None or each.date() < day)


def all_checks(
    measured: Measured,
    found_split: SplitCheck,
    primary: Sequence[Contrasted],
    differing: Sequence[str],
) -> tuple[Check, ...]:
    """All checks with their sentences; `differing` are the variants with other shares of values."""
    return tuple(_checks(measured, found_split, primary, differing))


def _checks(
    measured: Measured,
    found_split: SplitCheck,
    primary: Sequence[Contrasted],
    differing: Sequence[str],
) -> Iterable[Check]:
    yield _split_check(measured, found_split)
    yield _enough(measured, primary)
    yield _week(measured)
    if measured.primary is not None and measured.primary.reports is not None:
        yield _reports(differing)
    if measured.kind == "feature":
        yield _foreign(measured.foreign_events)
    if found_split.strays:
        text = f"{count(found_split.strays, measured.unit)} have a variant whose weight is 0."
        yield Check("weights", WARNING, text)
    if measured.run is not None and told_changes(measured.run):
        yield _changes(measured)
    if measured.fixed.is_aa:
        yield Check("A/A", FINE, "All variants are the same: an alarm here is a fault of the test.")
    if not measured.is_backfilled:
        text = "Users from before results were kept are still being counted: some are missing yet."
        yield Check("complete", WARNING, text)
    if not measured.is_exact:
        text = "Counts are approximate (EXACT_TOTALS is off): only conversion can be read."
        yield Check("exact", WARNING, text)
    damaged = [metric.name for metric in measured.metrics if metric.damaged is not None]
    if damaged:
        yield Check("data", BROKEN, f"Data damaged: the sums of {', '.join(damaged)} cannot be.")


def _split_check(measured: Measured, found: SplitCheck) -> Check:
    if not measured.split_applies:
        return Check("split", UNKNOWN, "There is no split to check in such a design.")
    if not sum(found.observed):
        return Check("split", UNKNOWN, f"There are no {measured.unit} yet.")
    p = p_text(found.log_p)
    if found.is_broken:
        text = f"Variants did not get the {measured.unit} that their weights say (p {p})."
        return Check("split", BROKEN, text, found.p)
    text = f"Variants got the {measured.unit} that their weights say (p {p})."
    return Check("split", FINE, text, found.p)


def _enough(measured: Measured, primary: Sequence[Contrasted]) -> Check:
    if not primary:
        return Check("enough data", UNKNOWN, "There is nothing to compare yet.")
    short = [each.pairing.name for each in primary if each.lacks]
    if short:
        text = f"There are too few data to judge {', '.join(short)}."
        return Check("enough data", WARNING, text)
    return Check("enough data", FINE, f"There are {measured.unit} enough to judge every variant.")


def _week(measured: Measured) -> Check:
    days = measured.full_days
    if measured.run is None:
        return Check("full week", UNKNOWN, "It has not started.")
    if days < FULL_DAYS:
        text = f"{number(days)} of {count(FULL_DAYS, 'days')} are over; weekdays differ."
        return Check("full week", WARNING, text)
    return Check("full week", FINE, "A full week is over.")


def _reports(differing: Sequence[str]) -> Check:
    if differing:
        text = (
            f"Who reports differs by variant ({', '.join(differing)}): the means are of different"
            " kinds of users."
        )
        return Check("who reports", WARNING, text)
    return Check("who reports", FINE, "The same share reports under all variants.")


def _foreign(events: int) -> Check:
    if events > 0:
        text = (
            f"{number(events)} {'event was' if events == 1 else 'events were'} sent for another"
            " variant than the user's; they are in no sum."
        )
        return Check("foreign events", WARNING, text)
    return Check("foreign events", FINE, "All events were sent for the user's own variant.")


def _changes(measured: Measured) -> Check:
    run = measured.run
    changes = [] if run is None else told_changes(run)
    told = " ".join(f"{each.at.date().isoformat()}: {each.sentence}" for each in changes)
    return Check("plan", BROKEN if any(each.forbids for each in changes) else WARNING, told)

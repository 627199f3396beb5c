"""All experiments, rollouts, toggles and flags of both APIs as one list, and the user blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.overbooking import Shortage
from chalicelib.domain.experiments.experiments import Experiment, State
from chalicelib.domain.features.blocks import UserBlock, blocks_wanted
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.domain.flags.flags import Flag, FlagStatus
from chalicelib.domain.outcomes.results.results import Summary, of_run

ROWS_OF_A_PAGE = 50


class Kind(StrEnum):
    """What a row is: Test Lab's experiment, rollout or toggle, UpGrade's design or flag."""

    EXPERIMENT = "experiment"
    ROLLOUT = "rollout"
    TOGGLE = "toggle"
    DESIGN = "design"
    FLAG = "flag"


class Phase(StrEnum):
    """Where something is in its life, in words that both APIs share."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PREVIEW = "preview"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"
    ARCHIVED = "archived"


class Order(StrEnum):
    """What rows are sorted by."""

    NEWEST = "newest"
    NAME = "name"
    UNITS = "users"
    PHASE = "state"
    VERDICT = "verdict"


PHASE_OF_STATE = {
    State.INACTIVE: Phase.DRAFT,
    State.DRAFT: Phase.DRAFT,
    State.SCHEDULED: Phase.SCHEDULED,
    State.PREVIEW: Phase.PREVIEW,
    State.ENROLLING: Phase.RUNNING,
    State.ENROLLMENT_COMPLETE: Phase.ENDED,
    State.CANCELLED: Phase.ENDED,
    State.ARCHIVED: Phase.ARCHIVED,
}

PHASE_OF_FLAG = {
    FlagStatus.ENABLED: Phase.RUNNING,
    FlagStatus.DISABLED: Phase.PAUSED,
    FlagStatus.ARCHIVED: Phase.ARCHIVED,
}

KIND_OF_FEATURE = {
    FeatureType.EXPERIMENT: Kind.EXPERIMENT,
    FeatureType.ROLLOUT: Kind.ROLLOUT,
    FeatureType.TOGGLE: Kind.TOGGLE,
}


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One experiment, rollout, toggle or flag; `key` is its id in its own API.

    `share` is that of all users, None where it has none of its own. `summary` is what its results
    said last, None without any.
    """

    kind: Kind
    key: str
    number: int
    name: str
    phase: Phase
    share: Decimal | None
    context: str | None = None
    tags: tuple[str, ...] = ()
    summary: Summary | None = None
    shortage: Shortage | None = None


@dataclass(frozen=True, slots=True)
class OwnedBlock:
    """A user block, and the feature that owns it, if any does."""

    block: UserBlock
    owner: Feature | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are asked for, and in which order."""

    search: str = ""
    kind: Kind | None = None
    phase: Phase | None = None
    context: str = ""
    tag: str = ""
    order: Order = Order.NEWEST
    page: int = 1


@dataclass(frozen=True, slots=True)
class Overview:
    """A page of rows; how many there are that were asked for, and in all; what can be asked for."""

    rows: tuple[OverviewRow, ...]
    found: int
    total: int
    pages: int
    contexts: tuple[str, ...]
    tags: tuple[str, ...]
    blocks: tuple[OwnedBlock, ...]
    short: tuple[OverviewRow, ...]


def phase_of(feature: Feature, today: date) -> Phase:
    """Where a feature of either API is in its life."""
    if feature.design is not None:
        return PHASE_OF_STATE[feature.design.state]
    if today > feature.end_date:
        return Phase.ENDED
    if not feature.is_running:
        return Phase.PAUSED
    return Phase.SCHEDULED if today < feature.start_date else Phase.RUNNING


def overview(
    catalogue: Catalogue, summaries: Mapping[int, Summary], wanted: Wanted, today: date
) -> Overview:
    """The rows that are asked for; `summaries` go by the ids of features.

    >>> overview(Catalogue(), {}, Wanted(), date(2026, 1, 1)).pages
    1
    """
    rows = [*_of_features(catalogue, summaries, today), *map(_of_flag, catalogue.flags.values())]
    found = sorted(_matching(rows, wanted), key=ORDERS[wanted.order])
    pages = max(1, -(-len(found) // ROWS_OF_A_PAGE))
    first = (min(wanted.page, pages) - 1) * ROWS_OF_A_PAGE
    return Overview(
        tuple(found[first : first + ROWS_OF_A_PAGE]),
        len(found),
        len(rows),
        pages,
        tuple(sorted({row.context for row in rows if row.context})),
        tuple(sorted({tag for row in rows for tag in row.tags})),
        owned_blocks(catalogue),
        tuple(row for row in rows if row.shortage is not None),
    )


def owned_blocks(catalogue: Catalogue) -> tuple[OwnedBlock, ...]:
    """The twenty user blocks with their owners."""
    return tuple(
        OwnedBlock(block, catalogue.feature(block.feature_id) if block.feature_id else None)
        for block in catalogue.blocks
    )


def _of_features(
    catalogue: Catalogue, summaries: Mapping[int, Summary], today: date
) -> Iterator[OverviewRow]:
    owned = Counter(block.feature_id for block in catalogue.blocks)
    for feature in catalogue.features:
        summary = of_run(feature, summaries.get(feature.id))
        phase = phase_of(feature, today)
        if feature.design is not None:
            yield _of_design(feature, feature.design, phase, summary)
        else:
            yield OverviewRow(
                KIND_OF_FEATURE[feature.type],
                str(feature.id),
                feature.id,
                feature.name,
                phase,
                feature.user_percentage,
                summary=summary,
                shortage=_shortage(feature, owned[feature.id], today),
            )


def _shortage(feature: Feature, owned: int, today: date) -> Shortage | None:
    """What a current experiment of Test Lab lacks of the user blocks that it asks for."""
    if feature.type is not FeatureType.EXPERIMENT or not feature.is_current(today):
        return None
    wanted = blocks_wanted(feature.user_percentage)
    return Shortage(owned, wanted) if owned < wanted else None


def _of_design(
    feature: Feature, design: Experiment, phase: Phase, summary: Summary | None
) -> OverviewRow:
    return OverviewRow(
        Kind.DESIGN,
        design.id,
        feature.id,
        design.name,
        phase,
        None,
        design.context,
        design.tags,
        summary,
    )


def _of_flag(flag: Flag) -> OverviewRow:
    phase = PHASE_OF_FLAG[flag.status]
    return OverviewRow(
        Kind.FLAG, flag.id, flag.feature_id, flag.name, phase, None, flag.context, flag.tags
    )


def _matching(rows: Iterable[OverviewRow], wanted: Wanted) -> list[OverviewRow]:
    search = wanted.search.casefold()
    return [
        row
        for row in rows
        if search in row.name.casefold() or wanted.search == row.key
        if wanted.kind in (None, row.kind)
        if wanted.phase in (None, row.phase)
        if wanted.context in ("", row.context)
        if not wanted.tag or wanted.tag in row.tags
    ]


def _verdict(row: OverviewRow) -> tuple[bool, str]:
    summary = row.summary
    if summary is None:
        return True, ""
    return False, summary.code if summary.latched is None else summary.latched.code


PHASES: Sequence[Phase] = (
    Phase.RUNNING,
    Phase.PAUSED,
    Phase.SCHEDULED,
    Phase.PREVIEW,
    Phase.DRAFT,
    Phase.ENDED,
    Phase.ARCHIVED,
)

ORDERS: Mapping[Order, Callable[[OverviewRow], tuple[object, ...]]] = {
    Order.NEWEST: lambda row: (-row.number,),
    Order.NAME: lambda row: (row.name.casefold(), -row.number),
    Order.UNITS: lambda row: (-(row.summary.units if row.summary else -1), -row.number),
    Order.PHASE: lambda row: (PHASES.index(row.phase), -row.number),
    Order.VERDICT: lambda row: (*_verdict(row), -row.number),
}

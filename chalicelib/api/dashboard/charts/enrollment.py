"""Units that came, day by day, against those that are planned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from chalicelib.api.dashboard.charts.forest import Tick
from chalicelib.api.dashboard.charts.scales import Scale, line, spread, whole_ticks
from chalicelib.domain.catalogue.pages.experiment_pages import ExperimentPage
from chalicelib.domain.outcomes.results.results import Period, Results
from chalicelib.domain.statistics.plan import Mode
from chalicelib.domain.statistics.sentences import count

WIDTH, HEIGHT = 480, 200
LEFT, RIGHT, TOP, BOTTOM = 76, 12, 14, 28

MOST_POINTS = 200
HEADROOM = 4
"""A plan of more times the units that came is told, and not drawn: they would be a flat line."""

LONGEST_LOOK = 2
"""Times the days so far that are drawn of the days to come."""

DAYS_LISTED = 120


@dataclass(frozen=True, slots=True)
class Enrollment:
    """How many came: the words, the line of the days so far, and the way to the plan's end."""

    units: int
    planned: int | None
    share: float | None
    words: str
    line: str = ""
    goal: float | None = None
    projection: str = ""
    days: tuple[Tick, ...] = ()
    values: tuple[Tick, ...] = ()
    listed: tuple[tuple[date, int, int], ...] = ()
    days_left_out: int = 0


def enrollment(page: ExperimentPage, found: Results, within: bool) -> Enrollment:
    """The units that came; `within` subjects the same unit is under several variants."""
    so_far = [_in_all(day, within) for day in found.days]
    units = so_far[-1] if so_far else 0
    planned = page.units_planned
    share = None if not planned else units / planned
    words = projected_end(found, planned, page.today)
    if not units:
        return Enrollment(units, planned, share, words)
    first, last = found.days[0].first, found.days[-1].first
    goal = planned if planned is not None and planned <= HEADROOM * units else None
    end = _shown_end(found, first, page.today)
    x = Scale(first.toordinal() - 1, max(end, last).toordinal(), LEFT, WIDTH - RIGHT)
    y = Scale(0, max(units, goal or 0) * 1.05, HEIGHT - BOTTOM, TOP)
    places = spread(len(so_far), MOST_POINTS)
    points = [(x.at(found.days[at].first.toordinal()), y.at(so_far[at])) for at in places]
    start = (x.at(first.toordinal() - 1), y.at(0))
    projection = ""
    if goal is not None and end > last and found.ends_on is None:
        projection = line([points[-1], (x.at(end.toordinal()), y.at(goal))])
    days = (max(end, last) - first).days + 1
    before = [0, *so_far[:-1]]
    listed = [
        (day.first, total - earlier, total)
        for day, total, earlier in zip(found.days, so_far, before, strict=True)
    ]
    return Enrollment(
        units,
        planned,
        share,
        words,
        line([start, *points]),
        None if goal is None else y.at(goal),
        projection,
        tuple(
            (x.at(day.toordinal()), f"{day:%b %-d}")
            for day in (first + timedelta(days=at) for at in spread(days, 4))
        ),
        tuple((y.at(each), f"{each:,}") for each in whole_ticks(max(units, goal or 0))),
        tuple(listed[-DAYS_LISTED:]),
        max(0, len(listed) - DAYS_LISTED),
    )


def _in_all(day: Period, within: bool) -> int:
    counts = day.so_far.values()
    return max(counts, default=0) if within else sum(counts)


def _shown_end(found: Results, first: date, today: date) -> date:
    """The last day of the drawing: the end that is foreseen, unless that is far away."""
    if found.is_over or found.days_left is None:
        return found.days[-1].first
    end = today + timedelta(days=found.days_left) if found.ends_on is None else found.ends_on
    farthest = (found.days[-1].first - first).days + 7
    return min(end, first + timedelta(days=LONGEST_LOOK * farthest))


def projected_end(found: Results, planned: int | None, today: date) -> str:
    """When it ends or can be decided, in words, as far as that is known."""
    if found.started_at is None:
        return "It has not started; from the start on days are counted."
    if found.is_over:
        return "The plan is over: what comes now changes no verdict."
    left = found.days_left
    foreseen = "" if left is None else f"{today + timedelta(days=left):%Y-%m-%d}"
    if found.mode is Mode.PLANNED and found.ends_on is not None:
        text = f"The plan ends on {found.ends_on:%Y-%m-%d}"
        if left is not None and found.window_days:
            days = count(found.window_days, "days")
            text += f"; with the window of {days} after it the last look is on {foreseen}"
        return f"{text}, in {count(left or 0, 'days')}."
    if found.mode is Mode.PLANNED and planned is not None:
        if left is None:
            return "When all will be there is not known: nobody came in the last 7 days."
        in_days = count(left, "days")
        return f"At the pace of the last 7 days all are there in about {in_days}, on {foreseen}."
    if left is None:
        return "No end is planned, and when there will be a decision is not known."
    return f"No end is planned; a decision is about {count(left, 'days')} away, on {foreseen}."

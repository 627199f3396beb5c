"""The rows behind the results of designs: who has one, and that they sum up to the results."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import mean

import pytest

from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    ConditionOrder,
    Experiment,
    State,
    Unit,
)
from chalicelib.domain.experiments.marks import Mark, MarkStatus
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.outcomes.logs import Value
from chalicelib.domain.outcomes.participant_rows import ParticipantRow
from chalicelib.domain.outcomes.value_sums import ValueSums
from chalicelib.services import Services
from chalicelib.services.outcomes import result_rows
from chalicelib.services.outcomes.result_rows import Start
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.outcomes.test_metric_analysis_service import TIME, asking, log, measure, query
from tests.unit.samples import draft, process
from tests.unit.upgrade_service_samples import (
    HERE,
    THERE,
    counting,
    design,
    feature_id_of,
    group_design,
    in_class,
    join,
    known,
    mark,
)

Found = Mapping[str, Mapping[str, Decimal]]
"""Values by condition and user."""

GROUPED = f"class@__@key@__@{TIME}"


def pages(services: Services, limit: int = 7) -> list[list[ParticipantRow]]:
    """All pages of the rows of experiment "e"."""
    found: list[list[ParticipantRow]] = []
    start: Start | None = None
    while not found or start is not None:
        page = services.result_rows.of_experiment("e", start, limit)
        assert len(page.rows) <= limit
        found.append([row for _, row in page.rows])
        start = page.next
    return found


def listed(services: Services, limit: int = 7) -> list[ParticipantRow]:
    return [row for page in pages(services, limit) for row in page]


def grouped(rows: Sequence[ParticipantRow], name: str = "q") -> Found:
    """The values of distinct users under each condition: what a client makes of the rows."""
    found: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    for row in rows:
        value = row.values[name]
        if value is not None:
            own = found[row.condition.id]
            assert own.setdefault(row.user_id, value) == value
    return found


def exact(values: Sequence[Decimal] | Sequence[Fraction]) -> Fraction:
    return mean(map(Fraction, values))


def take_part(
    services: Services,
    clock: FixedClock,
    users: int = 23,
    group: Callable[[int], str] | None = None,
    *,
    uniquifier: str = "",
) -> None:
    """Enroll users, some at two points, of whom most log something, some more than once."""
    for n in range(users):
        user_id = f"u{n}"
        join(services, user_id, update=in_class(group(n)) if group else None)
        for point_key in (HERE, THERE)[: 1 + n % 2]:
            mark(services, user_id, point_key)
        for value in range(n % 4):
            clock.advance(timedelta(seconds=1))
            log(services, clock, user_id, value + n / 7, uniquifier=uniquifier and f"{value}")


def made(services: Services, experiment: Experiment, *queries: dict[str, object]) -> None:
    measure(services, TIME, GROUPED)
    services.experiments.create(asking(experiment, *queries))


# The numbers of results


@pytest.mark.parametrize("limit", [1, 2, 7, 250])
@pytest.mark.parametrize("measure_", ["MEAN", "MOST RECENT", "EARLIEST"])
@pytest.mark.parametrize("uniquifier", ["", "grouped"])
def test_users_by_condition_have_the_means_of_results(
    services: Services, clock: FixedClock, limit: int, measure_: str, uniquifier: str
) -> None:
    key = GROUPED if uniquifier else TIME
    asked = [{**query("q", "avg", key), "repeatedMeasure": measure_}, query("s", "sum", key)]
    made(services, design(point_keys=(HERE, THERE)), *asked)
    take_part(services, clock, uniquifier=uniquifier)
    rows = listed(services, limit)
    assert len(rows) == 23 + 11
    assert len({(row.user_id, row.point_key) for row in rows}) == len(rows)
    results = services.results.of_experiment("e", up_to_now=True)
    for place, name in enumerate("qs"):
        values = grouped(rows, name)
        for variant in results.variants:
            own = list(values[variant.key].values())
            metric = variant.metrics[place]
            assert (metric.n, metric.mean) == (len(own), float(exact(own)))
    enrolled = Counter(condition for _, condition in {(r.user_id, r.condition.id) for r in rows})
    assert enrolled == {each.key: each.units for each in results.variants}


def test_shares_are_of_ones_and_zeros(services: Services, clock: FixedClock) -> None:
    measure(services, TIME, kind=MetricType.CATEGORICAL)
    share = query("q", "percentage")
    share["query"] = {"operationType": "percentage", "compareFn": "=", "compareValue": "DONE"}
    services.experiments.create(asking(design(), share))
    texts: Sequence[Value] = ("DONE", "OPEN", "DONE", 3, "OPEN", "DONE")
    for n, text in enumerate(texts):
        join(services, f"u{n}")
        mark(services, f"u{n}")
        log(services, clock, f"u{n}", text)
    values = grouped(listed(services))
    results = services.results.of_experiment("e", up_to_now=True)
    for variant in results.variants:
        own = list(values.get(variant.key, {}).values())
        assert set(own) <= {0, 1}
        metric = variant.metrics[0]
        assert (metric.n, metric.converters) == (len(own), sum(own))
        assert metric.mean == (float(exact(own)) if own else None)
    assert sum(len(each) for each in values.values()) == len(texts)


def test_groups_have_the_means_of_results(services: Services, clock: FixedClock) -> None:
    groups = replace(group_design(), points=design(point_keys=(HERE, THERE)).points)
    made(services, groups, query("q", "avg"))
    take_part(services, clock, group=lambda n: f"class {n % 6}")
    rows = listed(services)
    users = grouped(rows)
    place = {(row.user_id, row.condition.id): row.place.group_id for row in rows}
    results = services.results.of_experiment("e", up_to_now=True)
    assert set(place.values()) == {f"class {n}" for n in range(6)}
    for variant in results.variants:
        own = users[variant.key]
        classes: defaultdict[str | None, list[Decimal]] = defaultdict(list)
        for user_id, value in own.items():
            classes[place[user_id, variant.key]].append(value)
        metric = variant.metrics[0]
        assert (metric.n, metric.mean) == (
            len(classes),
            float(exact([exact(each) for each in classes.values()])),
        )
        assert metric.user_weighted == float(exact(list(own.values())))


def test_a_user_counts_with_the_first_group_under_a_condition(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    groups = replace(
        group_design(weights={"a": 100, "b": 0}), points=design(point_keys=(HERE, THERE)).points
    )
    made(services, groups, query("q", "avg"))
    join(services, "u", update=in_class("1"))
    mark(services, "u", THERE)
    clock.advance(timedelta(days=1))
    mark(services, "u", HERE)
    log(services, clock, "u", 3)
    feature_id = feature_id_of(services)
    own = memory.participants["u"].enrollments[feature_id]
    first, second = sorted(own, key=lambda each: each.at)
    moved = {feature_id: (replace(second, group_id="2"), first)}
    memory.participants["u"] = replace(memory.participants["u"], enrollments=moved)
    assert [(row.day.day, row.place.group_id) for row in listed(services)] == [(15, "1"), (16, "1")]
    assert services.results.of_experiment("e", up_to_now=True).variants[0].metrics[0].n == 1


def test_strata_have_the_sums_of_results(services: Services, clock: FixedClock) -> None:
    stratified = design(algorithm=Algorithm.STRATIFIED, stratification_factor="level")
    made(services, stratified, query("q", "avg"))
    levels = {f"u{n}": "high" if n % 3 else "low" for n in range(20)}
    services.stratification.put({"level": levels})
    take_part(services, clock)
    rows = listed(services)
    assert {row.place.stratum for row in rows} == {"high", "low", None}
    assert {row.place.group_id for row in rows} == {None}
    sums = services.snapshots.today(feature_id_of(services), "q").sums
    for cell in sums.cells:
        own = [row for row in rows if (row.condition.id, row.place.stratum) ==
               (cell.condition_id, cell.stratum)]  # fmt: skip
        numbers = [value for row in own if (value := row.values["q"]) is not None]
        assert cell.sums == ValueSums.of_decimals(numbers)
        assert cell.enrolled in (None, len(own))


def within_subjects(order: ConditionOrder = ConditionOrder.RANDOM) -> Experiment:
    return replace(
        design(unit=Unit.WITHIN_SUBJECTS, point_keys=(HERE, THERE)), condition_order=order
    )


def meet(
    services: Services,
    clock: FixedClock,
    user_id: str,
    code: str | None,
    uniquifier: str | None,
    value: float | None = None,
    point_key: object = HERE,
) -> None:
    assert point_key in (HERE, THERE)
    where = HERE if point_key == HERE else THERE
    clock.advance(timedelta(minutes=1))
    services.marking.mark(known(services, user_id), Mark(where, code, "e", None, uniquifier))
    if value is not None and uniquifier is not None:
        log(services, clock, user_id, value, uniquifier=uniquifier)


@pytest.mark.parametrize("limit", [1, 3, 250])
def test_pairs_have_the_differences_of_results(
    services: Services, clock: FixedClock, limit: int
) -> None:
    made(services, within_subjects(), query("q", "avg", GROUPED))
    for n in range(9):
        join(services, f"u{n}")
        meet(services, clock, f"u{n}", "a", "first", n / 3)
        meet(services, clock, f"u{n}", "b", "second", n + 0.1 if n % 3 else None)
        meet(services, clock, f"u{n}", "a", "third", n * 2.5, THERE)
    rows = listed(services, limit)
    assert Counter((row.condition.code, row.point_key) for row in rows) == {
        ("a", HERE): 9, ("b", HERE): 9, ("a", THERE): 9
    }  # fmt: skip
    values = grouped(rows)
    control, treated = values["id of a"], values["id of b"]
    both = control.keys() & treated.keys()
    differences = [treated[user_id] - control[user_id] for user_id in both]
    results = services.results.of_experiment("e", up_to_now=True)
    (compared,) = results.comparisons
    assert compared.estimate == float(exact(differences))
    sums = services.snapshots.today(feature_id_of(services), "q").sums
    assert [cell.sums for cell in sums.cells] == [ValueSums.of_decimals(differences)]
    assert {cell.condition_id: cell.sums for cell in sums.beside} == {
        condition: ValueSums.of_decimals(list(own.values())) for condition, own in values.items()
    }


# Who has a row


def test_within_subjects_a_row_is_of_the_day_of_the_first_mark_under_the_condition(
    services: Services, clock: FixedClock
) -> None:
    made(services, within_subjects(), query("q", "avg", GROUPED))
    join(services, "u")
    meet(services, clock, "u", "a", None)
    clock.advance(timedelta(days=1))
    meet(services, clock, "u", None, "none", 100)
    meet(services, clock, "u", "a", "first", 3)
    meet(services, clock, "u", "b", "second", 5)
    assert [(row.condition.code, row.day, row.values["q"]) for row in listed(services)] == [
        ("a", START.date(), Decimal(3)),
        ("b", START.date() + timedelta(days=1), Decimal(5)),
    ]
    assert {(row.place.group_id, row.place.stratum) for row in listed(services)} == {(None, None)}


def test_preview_users_have_a_row_if_they_were_enrolled_before(
    services: Services, clock: FixedClock
) -> None:
    made(services, design(weights={"a": 100, "b": 0}))
    for user_id in ("before", "ever"):
        join(services, user_id)
        log(services, clock, user_id, 3)
    mark(services, "before")
    for user_id in ("before", "ever"):
        services.preview_users.put(user_id, [])
        mark(services, user_id)
    assert [row.user_id for row in listed(services)] == ["before"]
    results = services.results.of_experiment("e", up_to_now=True)
    assert [each.metrics[0].n for each in results.variants] == [1, 0]


def test_who_is_erased_has_no_row(services: Services, memory: Memory, clock: FixedClock) -> None:
    made(services, design(), query())
    take_part(services, clock, 3)
    services.erasure.erase("u1")
    assert {row.user_id for row in listed(services)} == {"u0", "u2"}
    gone = once("user_enrollments.page", lambda: services.erasure.erase("u2"))
    page = process(memory, clock, before=gone).result_rows.of_experiment("e", None, 9)
    assert [row.user_id for _, row in page.rows] == ["u0"]


def test_an_enrollment_at_a_point_that_is_gone_counts_its_user_and_no_value(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    made(services, design(point_keys=(HERE, THERE), weights={"a": 100, "b": 0}), query("q", "avg"))
    join(services, "u", "v")
    for user_id, point_key in (("u", HERE), ("v", HERE), ("v", THERE)):
        mark(services, user_id, point_key)
        log(services, clock, user_id, 4)
    services.experiments.edit("e", lambda design_: replace(design_, points=design_.points[1:]))
    assert [(row.user_id, row.point_key, row.values["q"]) for row in listed(services)] == [
        ("u", HERE, None), ("v", HERE, 4), ("v", THERE, 4)
    ]  # fmt: skip
    results = services.results.of_experiment("e", up_to_now=True)
    assert (results.variants[0].units, results.variants[0].metrics[0].n) == (2, 1)
    own = memory.participants["v"].enrollments[feature_id_of(services)]
    elsewhere = tuple(replace(each, condition_id="gone") for each in own)
    memory.participants["v"] = replace(
        memory.participants["v"], enrollments={feature_id_of(services): elsewhere}
    )
    assert [row.user_id for row in listed(services)] == ["u"]


def test_there_are_rows_of_designs_alone(services: Services) -> None:
    services.features.create(draft("of Test Lab"))
    with pytest.raises(NotFound, match="there is no experiment e"):
        services.result_rows.of_experiment("e", None, 5)
    services.experiments.create(design(state=State.INACTIVE))
    assert pages(services) == [[]]


def test_a_design_without_queries_has_rows_without_values(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.experiments.create(design())
    join(services, "u")
    mark(services, "u")
    calls: Counter[str] = Counter()
    page = process(memory, clock, before=counting(calls)).result_rows.of_experiment("e", None, 5)
    assert [row.values for _, row in page.rows] == [{}]
    assert calls["logs.of_users"] == 0


# Pages


def test_a_page_of_those_who_are_excluded_is_empty_and_not_the_last(
    services: Services, clock: FixedClock
) -> None:
    made(services, design())
    for user_id in ("a0", "a1", "a2", "a3", "b"):
        join(services, user_id)
        mark(services, user_id, status=None if user_id == "b" else MarkStatus.NOT_APPLIED)
        log(services, clock, user_id, 1)
    assert [[row.user_id for row in page] for page in pages(services, 2)] == [[], [], ["b"]]


def test_a_page_ends_after_much_that_was_read(
    services: Services, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_rows, "RECORDS", 3)
    monkeypatch.setattr(result_rows, "USERS_AT_ONCE", 2)
    made(services, design(), query())
    for n in range(7):
        join(services, f"u{n}")
        mark(services, f"u{n}")
        if n < 4:
            log(services, clock, f"u{n}", 1)
    assert [[row.user_id for row in page] for page in pages(services, 9)] == [
        ["u0", "u1", "u2", "u3"], ["u4", "u5", "u6"],
    ]  # fmt: skip


def test_what_a_page_reads_does_not_grow_with_the_users_of_the_experiment(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    made(services, design(), query())
    for n in range(30):
        join(services, f"u{n:02}")
        mark(services, f"u{n:02}")
        log(services, clock, f"u{n:02}", 1)
    calls: Counter[str] = Counter()
    process(memory, clock, before=counting(calls)).result_rows.of_experiment("e", None, 5)
    assert calls["user_enrollments.page"] == calls["logs.of_users"] == 1
    assert calls["logs.of_metric"] == calls["user_enrollments.enrollments"] == 0


def test_a_page_goes_on_within_a_user_also_when_that_user_met_more(
    services: Services, clock: FixedClock
) -> None:
    made(services, design(point_keys=(HERE, THERE)))
    join(services, "u", "v")
    mark(services, "u", THERE)
    mark(services, "v", THERE)
    first = services.result_rows.of_experiment("e", None, 1)
    clock.advance(timedelta(seconds=1))
    mark(services, "u", HERE)
    assert first.next is not None
    one = services.result_rows.of_experiment("e", ("u", 1), 5)
    assert [(row.user_id, row.point_key) for _, row in one.rows] == [("u", HERE), ("v", THERE)]
    assert [one.after(count) for count in (0, 1, 2)] == [("u", 1), ("v", 0), None]

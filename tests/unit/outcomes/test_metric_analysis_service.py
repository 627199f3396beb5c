"""What is read for the results of metrics, whom it counts, and what is kept of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments.experiments import (
    DesignType,
    Experiment,
    Factor,
    Level,
    LevelElement,
    State,
    Unit,
)
from chalicelib.domain.experiments.marks import Mark
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.outcomes.logs import LogPart, LogRecordKey, Value
from chalicelib.domain.outcomes.metric_results import Effect
from chalicelib.services import Services
from chalicelib.services.outcomes.metrics import MetricDraft
from tests.fakes.memory import FixedClock, Memory
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import (
    HERE,
    THERE,
    Killed,
    counting,
    design,
    dying,
    group_design,
    in_class,
    join,
    known,
    mark,
)

TIME = "time"


def query(query_id: str = "q", operation: str = "sum", key: str = TIME) -> dict[str, object]:
    return {
        "id": query_id,
        "name": query_id,
        "query": {"operationType": operation},
        "metric": {"key": key},
        "repeatedMeasure": "MOST RECENT",
    }


def asking(experiment: Experiment, *queries: dict[str, object]) -> Experiment:
    return replace(experiment, queries=queries or (query(),))


def measure(services: Services, *keys: str, kind: MetricType = MetricType.CONTINUOUS) -> None:
    services.metrics.save([MetricDraft(key, kind, None, ("home",)) for key in keys or (TIME,)])


def log(
    services: Services, clock: FixedClock, user_id: str, value: Value, *, uniquifier: str = ""
) -> None:
    key = LogRecordKey(("class", "key"), uniquifier) if uniquifier else LogRecordKey()
    services.logs.log(user_id, [LogPart(0, clock(), key, {TIME: value})])


def results(effect: Effect) -> dict[str, tuple[object, int]]:
    return {each.arm_id: (each.result, each.participants) for each in effect.results}


def test_only_participants_count_each_under_their_condition(
    services: Services, clock: FixedClock
) -> None:
    measure(services)
    services.experiments.create(
        asking(design(point_keys=(HERE, THERE), weights={"a": 100, "b": 0}))
    )
    join(services, "u", "v", "w")
    for user_id, value in (("u", 5), ("v", 7), ("w", 100)):
        log(services, clock, user_id, value)
    mark(services, "u", HERE)
    mark(services, "u", THERE)
    mark(services, "v", THERE)
    (found,) = services.metric_analysis.analyse(["q"])
    assert (results(found.main), found.interaction) == ({"id of a": ("12", 2)}, None)
    assert found.main.without_data() == ["id of b"]


def test_results_are_in_the_order_of_the_queries_and_may_be_asked_twice(
    services: Services, clock: FixedClock
) -> None:
    measure(services)
    services.experiments.create(asking(design("e"), query("sum"), query("max", "max")))
    services.experiments.create(asking(design("f", point_keys=(THERE,)), query("other")))
    join(services, "u")
    log(services, clock, "u", 5)
    mark(services)
    found = services.metric_analysis.analyse(["max", "other", "sum", "max"])
    assert [each.query_id for each in found] == ["max", "other", "sum", "max"]
    assert [bool(each.main.results) for each in found] == [True, False, True, True]


def test_an_unknown_query_is_refused(services: Services) -> None:
    with pytest.raises(NotFound, match="nothing"):
        services.metric_analysis.analyse(["nothing"])
    assert services.metric_analysis.analyse([]) == []


def test_a_metric_is_read_once_however_many_queries_ask_for_it(
    memory: Memory, clock: FixedClock
) -> None:
    calls: Counter[str] = Counter()
    services = process(memory, clock, before=counting(calls))
    measure(services)
    services.experiments.create(asking(design(), *(query(f"q{n}") for n in range(10))))
    join(services, "u")
    log(services, clock, "u", 5)
    mark(services)
    calls.clear()
    services.metric_analysis.analyse([f"q{n}" for n in range(10)])
    assert calls["logs.of_metric"] == calls["user_enrollments.enrollments"] == 1


def test_users_of_groups_count_by_their_own_enrollment(
    services: Services, clock: FixedClock
) -> None:
    measure(services)
    services.experiments.create(asking(group_design(weights={"a": 100, "b": 0})))
    join(services, "u", "v", update=in_class("1a"))
    for user_id in ("u", "v"):
        log(services, clock, user_id, 2)
    mark(services, "u")
    (found,) = services.metric_analysis.analyse(["q"])
    assert results(found.main) == {"id of a": ("2", 1)}


def test_within_subjects_values_count_for_the_condition_met_with_their_uniquifier(
    services: Services, clock: FixedClock
) -> None:
    grouped = "class@__@key@__@time"
    measure(services, grouped)
    services.experiments.create(
        asking(design(unit=Unit.WITHIN_SUBJECTS), query(operation="sum", key=grouped))
    )
    join(services, "u", "v")
    for uniquifier, code, value in (("1", "a", 5), ("2", "b", 7), ("3", None, 9)):
        marked = Mark(HERE, code, uniquifier=uniquifier)
        services.marking.mark(known(services, "u"), marked)
        log(services, clock, "u", value, uniquifier=uniquifier)
    log(services, clock, "v", 1000, uniquifier="1")
    log(services, clock, "u", 1000, uniquifier="4")
    (found,) = services.metric_analysis.analyse(["q"])
    assert results(found.main) == {"id of a": ("5", 1), "id of b": ("7", 1)}


def factorial() -> Experiment:
    """Two factors of two levels; the conditions a and b share the level "red"."""
    plain = design(weights={"a": 100, "b": 0, "c": 0})
    combined = {"a": ("red", "round"), "b": ("red", "square"), "c": ("blue", "round")}
    factors = (
        Factor("shape", "Shape", 2, None, (Level("round", "round"), Level("square", "square"))),
        Factor("color", "Color", 1, None, (Level("red", "red"), Level("blue", "blue"))),
    )
    conditions = tuple(
        replace(each, levels=tuple(LevelElement(name, name) for name in combined[each.code]))
        for each in plain.conditions
    )
    return replace(plain, type=DesignType.FACTORIAL, factors=factors, conditions=conditions)


def test_factorial_designs_are_analysed_by_level_and_by_condition(
    services: Services, clock: FixedClock
) -> None:
    measure(services)
    services.experiments.create(asking(factorial()))
    join(services, "u", "v")
    for user_id, value in (("u", 1), ("v", 2)):
        mark(services, user_id)
        log(services, clock, user_id, value)
    (found,) = services.metric_analysis.analyse(["q"])
    assert found.main.arms == ("red", "blue", "round", "square")
    assert results(found.main) == {"red": ("3", 2), "round": ("3", 2)}
    assert found.interaction is not None
    assert results(found.interaction) == {"id of a": ("3", 2)}
    assert found.interaction.without_data() == ["id of b", "id of c"]


def test_a_metric_that_is_gone_has_what_was_logged(services: Services, clock: FixedClock) -> None:
    measure(services)
    services.experiments.create(asking(design(weights={"a": 100})))
    join(services, "u")
    mark(services)
    log(services, clock, "u", 4)
    services.metrics.delete(TIME)
    (found,) = services.metric_analysis.analyse(["q"])
    assert results(found.main) == {"id of a": ("4", 1)}


def archived(memory: Memory, clock: FixedClock) -> Services:
    """An experiment whose results are 4, archived; another one still measures the metric."""
    services = process(memory, clock)
    measure(services)
    services.experiments.create(asking(design("e", weights={"a": 100})))
    services.experiments.create(asking(design("f", point_keys=(THERE,)), query("other")))
    join(services, "u")
    mark(services)
    log(services, clock, "u", 4)
    return services


def test_results_are_frozen_when_an_experiment_is_archived(
    memory: Memory, clock: FixedClock
) -> None:
    services = archived(memory, clock)
    services.experiments.move("e", State.ARCHIVED)
    clock.advance(timedelta(seconds=1))
    log(services, clock, "u", 1000)
    (found,) = services.metric_analysis.analyse(["q"])
    assert results(found.main) == {"id of a": ("4", 1)}
    services.experiments.move("e", State.ENROLLING)
    (found,) = services.metric_analysis.analyse(["q"])
    assert results(found.main) == {"id of a": ("1000", 1)}


def test_an_edit_that_archives_freezes_too(memory: Memory, clock: FixedClock) -> None:
    services = archived(memory, clock)
    services.experiments.edit("e", lambda before: replace(before, state=State.ARCHIVED))
    log(services, clock, "u", 1000)
    assert results(services.metric_analysis.analyse(["q"])[0].main) == {"id of a": ("4", 1)}


def test_results_that_were_never_frozen_are_worked_out(memory: Memory, clock: FixedClock) -> None:
    services = archived(memory, clock)
    services.experiments.move("e", State.ARCHIVED)
    memory.results.clear()
    assert results(services.metric_analysis.analyse(["q"])[0].main) == {"id of a": ("4", 1)}


@pytest.mark.parametrize("at", range(6))
def test_archiving_that_was_killed_can_be_done_again(
    memory: Memory, clock: FixedClock, at: int
) -> None:
    archived(memory, clock)
    with pytest.raises(Killed):
        process(memory, clock, before=dying(at)).experiments.move("e", State.ARCHIVED)
    services = process(memory, clock)
    log(services, clock, "u", 6)
    services.experiments.move("e", State.ARCHIVED)
    assert results(services.metric_analysis.analyse(["q"])[0].main) == {"id of a": ("6", 1)}

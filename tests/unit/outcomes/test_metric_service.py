from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audiences.contexts import UnknownAppContext
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments.metrics import Metric, MetricType
from chalicelib.services import Services
from chalicelib.services.outcomes.metrics import MetricDraft
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import Killed, mortal

MANY = 500


def draft(
    key: str,
    kind: MetricType = MetricType.CONTINUOUS,
    allowed: tuple[str, ...] | None = None,
    contexts: tuple[str, ...] = ("home",),
) -> MetricDraft:
    return MetricDraft(key, kind, allowed, contexts)


def keys(metrics: list[Metric]) -> list[str]:
    return [metric.key for metric in metrics]


def stored(services: Services) -> list[str]:
    return keys(services.metrics.all())


def test_metrics_are_listed_by_key(services: Services) -> None:
    services.metrics.save([draft("b"), draft("a@__@k@__@x")])
    services.metrics.save([draft("a")])
    assert stored(services) == ["a", "a@__@k@__@x", "b"]


def test_a_saved_metric_is_what_it_was_asked_to_be(services: Services) -> None:
    asked = draft("grade", MetricType.CATEGORICAL, ("A", "B"), ("home", "add"))
    [made] = services.metrics.save([asked])
    assert made == Metric(
        "grade", MetricType.CATEGORICAL, ("A", "B"), ("home", "add"), START, START, 1
    )
    assert services.metrics.all() == [made]


def test_saving_again_replaces_but_no_allowed_values_leave_the_old_ones(
    services: Services, clock: FixedClock
) -> None:
    [old] = services.metrics.save([draft("grade", MetricType.CATEGORICAL, ("A",))])
    clock.advance(timedelta(hours=1))
    [new] = services.metrics.save([draft("grade", contexts=("add",))])
    assert new == replace(
        old, type=MetricType.CONTINUOUS, contexts=("add",), updated_at=clock.now, version=2
    )
    [bare] = services.metrics.save([draft("grade", allowed=())])
    assert bare.allowed_values == ()


def test_of_a_metric_that_comes_twice_the_second_counts(services: Services) -> None:
    [made] = services.metrics.save(
        [draft("grade", MetricType.CATEGORICAL, ("A",)), draft("grade", MetricType.CATEGORICAL)]
    )
    assert (made.version, made.allowed_values) == (2, ("A",))
    assert services.metrics.all() == [made]


def test_nothing_to_save_changes_nothing(services: Services, memory: Memory) -> None:
    assert services.metrics.save([]) == []
    assert memory.revision.version == 0


def test_a_metric_is_in_each_context_once_as_that_is_configured(
    services: Services, memory: Memory
) -> None:
    [saved] = services.metrics.save([draft("a", contexts=("HOME", "home", "Add"))])
    assert saved.contexts == ("home", "add")
    before = memory.revision
    with pytest.raises(UnknownAppContext):
        services.metrics.save([draft("b"), draft("a", contexts=("home", "nowhere"))])
    assert memory.revision == before


def test_metrics_are_found_by_context(services: Services) -> None:
    services.metrics.save(
        [draft("a"), draft("b", contexts=("add", "home")), draft("c", contexts=())]
    )
    assert keys(services.metrics.of_context("home")) == ["a", "b"]
    assert keys(services.metrics.of_context("add")) == ["b"]
    assert keys(services.metrics.of_context("HOME")) == ["a", "b"]
    with pytest.raises(NotFound, match="Metrics context not found: sub"):
        services.metrics.of_context("sub")


def test_nothing_is_saved_while_metrics_are_switched_off(
    services: Services, memory: Memory
) -> None:
    services.study_setup.change_settings(check_auth=False, filter_metric=False)
    before = memory.revision
    with pytest.raises(Invalid, match="Metrics filter not enabled"):
        services.metrics.save([draft("a")])
    assert (memory.revision, memory.metrics) == (before, {})


# Deletion

TREE = ["a", "a@__@k@__@x", "a@__@k@__@y", "a@__@l@__@x", "ab", "b@__@k@__@x"]


@pytest.mark.parametrize(
    ("key", "left_of_the_class", "left"),
    [
        ("ab", [], ["a", "a@__@k@__@x", "a@__@k@__@y", "a@__@l@__@x", "b@__@k@__@x"]),
        ("a", [], ["ab", "b@__@k@__@x"]),
        ("a@__@k", ["a", "a@__@l@__@x"], ["a", "a@__@l@__@x", "ab", "b@__@k@__@x"]),
        (
            "a@__@k@__@x",
            ["a", "a@__@k@__@y", "a@__@l@__@x"],
            ["a", "a@__@k@__@y", "a@__@l@__@x", "ab", "b@__@k@__@x"],
        ),
        ("b", [], ["a", "a@__@k@__@x", "a@__@k@__@y", "a@__@l@__@x", "ab"]),
    ],
)
def test_a_metric_is_deleted_with_all_below_it(
    services: Services, key: str, left_of_the_class: list[str], left: list[str]
) -> None:
    services.metrics.save([draft(each) for each in TREE])
    assert sorted(keys(services.metrics.delete(key))) == left_of_the_class
    assert stored(services) == left


@pytest.mark.parametrize("key", ["", "a@__@", "a@__@k@__@z", "A", "k"])
def test_what_is_not_there_cannot_be_deleted(services: Services, key: str) -> None:
    services.metrics.save([draft(each) for each in TREE])
    with pytest.raises(NotFound, match="Metric key not found"):
        services.metrics.delete(key)
    assert stored(services) == sorted(TREE)


# Races and deaths


def test_of_two_who_save_at_once_neither_is_lost(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    rival = once("catalogue.commit", lambda: services.metrics.save([draft("a"), draft("b")]))
    saved = process(memory, clock, before=rival).metrics.save([draft("b"), draft("c")])
    assert [(metric.key, metric.version) for metric in saved] == [("b", 2), ("c", 1)]
    assert stored(services) == ["a", "b", "c"]


def test_a_deletion_decides_anew_when_somebody_was_faster(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.metrics.save([draft("a@__@k@__@x")])
    rival = once("catalogue.commit", lambda: services.metrics.save([draft("a@__@k@__@y")]))
    assert process(memory, clock, before=rival).metrics.delete("a@__@k") == []
    assert stored(services) == []
    gone = once("catalogue.commit", lambda: services.metrics.delete("b"))
    services.metrics.save([draft("b")])
    with pytest.raises(NotFound):
        process(memory, clock, before=gone).metrics.delete("b")


def test_a_save_that_is_killed_is_there_whole_or_not_at_all(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    many = [draft(f"metric {number}") for number in range(MANY)]
    for step in ("before", "after"):
        for at in range(2):
            with pytest.raises(Killed):
                mortal(memory, clock, at, step).metrics.save(many)
            assert len(memory.metrics) in (0, MANY)
    assert len(services.metrics.save(many)) == MANY

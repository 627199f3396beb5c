"""What a request costs, and how long it waits for the store."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from chalicelib.services.running import pools, request_budget
from chalicelib.services.running.pools import Pool
from chalicelib.services.running.request_budget import RequestBudget


def test_a_budget_is_open_within_its_block_only() -> None:
    assert request_budget.current() is None
    with request_budget.opened() as outer:
        assert request_budget.current() is outer
        with request_budget.opened() as inner:
            assert request_budget.current() is inner
        assert request_budget.current() is outer
    assert request_budget.current() is None


def test_calls_and_capacity_are_added_up() -> None:
    budget = RequestBudget()
    for units in ((0.5, 0), (1.5, 4.0)):
        budget.sent()
        budget.consumed(*units)
    assert (budget.calls, budget.read_units, budget.write_units) == (2, 2.0, 4.0)


@pytest.mark.parametrize(
    ("failures", "lost"),
    [
        ([(1, 2), (3, 5)], 3),
        ([(1, 2), (1, 2), (1.5, 3)], 2),
        ([(1, 4), (2, 3)], 3),
    ],
)
def test_what_threads_lose_at_the_same_time_is_lost_once(
    failures: list[tuple[float, float]], lost: float
) -> None:
    budget = RequestBudget()
    for begun, ended in failures:
        budget.lose(begun, ended)
    assert budget.lost == lost


def test_an_attempt_is_allowed_while_it_could_end_before_the_deadline() -> None:
    budget = RequestBudget(deadline=2.5)
    assert budget.allows(2.6)
    budget.lose(0, 1)
    assert budget.allows(1.5)
    assert not budget.allows(1.6)


def test_without_a_deadline_everything_is_allowed() -> None:
    with request_budget.opened() as budget:
        budget.lose(0, 1e9)
        assert budget.allows(1e9)


def test_the_threads_of_a_pool_count_for_who_started_them() -> None:
    def work(_: int) -> None:
        budget = request_budget.current()
        assert budget is not None
        budget.sent()

    with request_budget.opened() as budget, Pool(4) as pool:
        list(pool.map(work, range(100)))
        pool.submit(work, 0).result()
    assert budget.calls == 101


def test_the_program_uses_no_other_threads() -> None:
    package = Path(pools.__file__).parents[2]
    others = [path for path in package.rglob("*.py") if path != Path(pools.__file__)]
    assert len(others) > 100
    for path in others:
        assert "ThreadPoolExecutor" not in path.read_text(), path


def test_requests_at_once_have_budgets_of_their_own() -> None:
    all_open = threading.Barrier(4)
    counted: list[int] = []

    def request(calls: int) -> None:
        with request_budget.opened() as budget:
            all_open.wait()
            with Pool(2) as pool:
                list(pool.map(lambda _: account_here().sent(), range(calls)))
            all_open.wait()
            counted.append(budget.calls)

    def account_here() -> RequestBudget:
        budget = request_budget.current()
        assert budget is not None
        return budget

    threads = [threading.Thread(target=request, args=(10 * n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counted) == [10, 20, 30, 40]

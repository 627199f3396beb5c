"""What a request costs, and how long it waits for the store."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from chalicelib.services.running import accounting, pools
from chalicelib.services.running.accounting import Account
from chalicelib.services.running.pools import Pool


def test_an_account_is_open_within_its_block_only() -> None:
    assert accounting.current() is None
    with accounting.opened() as outer:
        assert accounting.current() is outer
        with accounting.opened() as inner:
            assert accounting.current() is inner
        assert accounting.current() is outer
    assert accounting.current() is None


def test_calls_and_capacity_are_added_up() -> None:
    account = Account()
    for units in ((0.5, 0), (1.5, 4.0)):
        account.sent()
        account.consumed(*units)
    assert (account.calls, account.read_units, account.write_units) == (2, 2.0, 4.0)


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
    account = Account()
    for begun, ended in failures:
        account.lose(begun, ended)
    assert account.lost == lost


def test_an_attempt_is_allowed_while_it_could_end_before_the_deadline() -> None:
    account = Account(deadline=2.5)
    assert account.allows(2.6)
    account.lose(0, 1)
    assert account.allows(1.5)
    assert not account.allows(1.6)


def test_without_a_deadline_everything_is_allowed() -> None:
    with accounting.opened() as account:
        account.lose(0, 1e9)
        assert account.allows(1e9)


def test_the_threads_of_a_pool_count_for_who_started_them() -> None:
    def work(_: int) -> None:
        account = accounting.current()
        assert account is not None
        account.sent()

    with accounting.opened() as account, Pool(4) as pool:
        list(pool.map(work, range(100)))
        pool.submit(work, 0).result()
    assert account.calls == 101


def test_the_program_uses_no_other_threads() -> None:
    package = Path(pools.__file__).parents[2]
    others = [path for path in package.rglob("*.py") if path != Path(pools.__file__)]
    assert len(others) > 100
    for path in others:
        assert "ThreadPoolExecutor" not in path.read_text(), path


def test_requests_at_once_have_accounts_of_their_own() -> None:
    all_open = threading.Barrier(4)
    counted: list[int] = []

    def request(calls: int) -> None:
        with accounting.opened() as account:
            all_open.wait()
            with Pool(2) as pool:
                list(pool.map(lambda _: account_here().sent(), range(calls)))
            all_open.wait()
            counted.append(account.calls)

    def account_here() -> Account:
        account = accounting.current()
        assert account is not None
        return account

    threads = [threading.Thread(target=request, args=(10 * n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counted) == [10, 20, 30, 40]

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.services.audiences.list_members import ListMembers
from chalicelib.services.running import request_budget
from tests.unit.upgrade_samples import segment


class Store:
    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def members(self, segment_id: str, version: int) -> Sequence[str]:
        self.asked.append((segment_id, version))
        return ("ada",)


def test_a_list_is_read_once_for_each_request() -> None:
    store = Store()
    members, listed = ListMembers(store), segment("listed")
    for _ in range(2):
        with request_budget.opened():
            assert [members.of(listed) for _ in range(3)] == [("ada",)] * 3
    assert store.asked == [("listed", listed.version)] * 2
    members.of(listed)
    assert len(store.asked) == 3, "without a request nothing is kept"

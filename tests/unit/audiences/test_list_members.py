from __future__ import annotations

from collections.abc import Sequence

from chalicelib.services.audiences.list_members import ListMembers
from chalicelib.services.running import request_budget
from tests.fakes.audiences import FakeMemberStore
from tests.fakes.memory import Memory
from tests.unit.upgrade_samples import segment


class Noting(FakeMemberStore):
    """Notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__(Memory())
        self.asked: list[tuple[str, int]] = []

    def of_version(self, segment_id: str, version: int, limit: int | None = None) -> Sequence[str]:
        self.asked.append((segment_id, version))
        return super().of_version(segment_id, version, limit)


def test_a_list_is_read_once_for_each_request() -> None:
    store, listed = Noting(), segment("listed")
    store.note("listed", listed.version, ["ada"])
    members = ListMembers(store)
    for _ in range(2):
        with request_budget.opened():
            assert [members.of(listed) for _ in range(3)] == [["ada"]] * 3
    assert store.asked == [("listed", listed.version)] * 2
    members.of(listed)
    assert len(store.asked) == 3, "without a request nothing is kept"

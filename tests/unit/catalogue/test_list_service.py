"""Lists of experiments and flags: added, replaced and removed."""

from __future__ import annotations

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.lists import LISTS
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.services import Services
from chalicelib.services.catalogue.imports import ListDraft
from tests.fakes.memory import FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.catalogue.test_import_service import flag
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import design, segment


def draft(segment_id: str = "new", *users: str, enabled: bool = True) -> ListDraft:
    made = segment(segment_id, kind=SegmentType.PRIVATE)
    return ListDraft(made, users or ("u",), enabled, "Individual")


@pytest.fixture(autouse=True)
def holders(services: Services) -> None:
    for name in ("e", "f"):
        services.experiments.create(design(name))
    for key in ("k", "l"):
        services.imports.flag(flag(key, key), [], [])


def members(services: Services, segment_id: str) -> list[str]:
    return sorted(services.segments.members(services.segments.get(segment_id)))


class TestExperiments:
    def test_a_list_counts_on_the_side_to_which_it_was_added(self, services: Services) -> None:
        added = services.lists.add_to_experiment("e", draft("in"), exclude=False)
        assert [entry.segment_id for entry in added.include] == ["in"]
        added = services.lists.add_to_experiment("e", draft("out"), exclude=True)
        assert [entry.segment_id for entry in added.exclude] == ["out"]

    def test_without_room_no_segment_is_stored(self, services: Services) -> None:
        services.imports.into_experiment("e", exclude=False).store(
            [draft(f"l{number}") for number in range(LISTS)]
        )
        for experiment_id, refusal in (("e", Invalid), ("unknown", NotFound)):
            with pytest.raises(refusal):
                services.lists.add_to_experiment(experiment_id, draft(), exclude=False)
            assert "new" not in services.segments.stored()

    def test_a_list_is_replaced_through_the_experiment_that_has_it(
        self, services: Services
    ) -> None:
        services.lists.add_to_experiment("e", draft("in"), exclude=False)
        services.lists.replace_in_experiment("e", draft("in", "v", "w"), exclude=False)
        assert members(services, "in") == ["v", "w"]
        with pytest.raises(Invalid, match="another experiment"):
            services.lists.replace_in_experiment("f", draft("in", "x"), exclude=False)
        for experiment_id, exclude in (("e", True), ("unknown", False)):
            with pytest.raises(NotFound):
                services.lists.replace_in_experiment(
                    experiment_id, draft("in", "x"), exclude=exclude
                )
        assert members(services, "in") == ["v", "w"]

    def test_a_list_that_is_removed_meanwhile_is_not_stored_for_nobody(
        self, services: Services, memory: Memory, clock: FixedClock
    ) -> None:
        services.lists.add_to_experiment("e", draft("in"), exclude=False)

        def remove() -> None:
            services.lists.remove_from_experiments("in", exclude=False)

        slow = process(memory, clock, before=once("catalogue.commit", remove))
        with pytest.raises(NotFound):
            slow.lists.replace_in_experiment("e", draft("in", "v"), exclude=False)
        assert "in" not in services.segments.stored()

    def test_a_list_that_another_has_too_stays_where_it_is_removed(
        self, services: Services
    ) -> None:
        for experiment_id, exclude in (("e", False), ("f", True)):
            services.lists.add_to_experiment(experiment_id, draft("in"), exclude=exclude)
        assert services.lists.remove_from_experiments("in", exclude=False).id == "in"
        assert "in" in services.segments.stored()
        services.lists.remove_from_experiments("in", exclude=True)
        assert "in" not in services.segments.stored()
        with pytest.raises(NotFound):
            services.lists.remove_from_experiments("in", exclude=True)


class TestFlags:
    def test_a_list_is_put_in_and_says_how_it_counts(self, services: Services) -> None:
        put = services.lists.put_in_flag("k", draft("in"), exclude=False)
        assert put.include == (ListEntry("in", True, "Individual"),)
        again = draft("in", "v", enabled=False)
        put = services.lists.replace_in_flag("k", again, exclude=False)
        assert put.include == (ListEntry("in", False, "Individual"),)
        assert members(services, "in") == ["v"]

    def test_without_room_no_segment_is_stored(self, services: Services) -> None:
        services.imports.into_flag("k", exclude=True).store(
            [draft(f"l{number}") for number in range(LISTS)]
        )
        for flag_id, refusal in (("k", Invalid), ("unknown", NotFound)):
            with pytest.raises(refusal):
                services.lists.put_in_flag(flag_id, draft(), exclude=False)
            assert "new" not in services.segments.stored()

    def test_a_list_of_another_flag_is_not_replaced(self, services: Services) -> None:
        services.lists.put_in_flag("k", draft("in"), exclude=False)
        with pytest.raises(Invalid):
            services.lists.replace_in_flag("l", draft("in", "x"), exclude=False)
        with pytest.raises(NotFound):
            services.lists.replace_in_flag("k", draft("in", "x"), exclude=True)
        assert members(services, "in") == ["u"]

    def test_a_removed_list_goes_with_its_segment(self, services: Services) -> None:
        services.lists.put_in_flag("k", draft("in"), exclude=True)
        assert services.lists.remove_from_flag("in", exclude=True).id == "in"
        assert "in" not in services.segments.stored()
        with pytest.raises(NotFound):
            services.lists.remove_from_flag("in", exclude=True)

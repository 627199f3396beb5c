"""Experiments, flags, segments and lists with all that the answers of administration show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.listings import Listing
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.segment_usage import SegmentStatus
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.experiments.experiments import Experiment, State
from chalicelib.domain.experiments.metrics import Metric, MetricType
from chalicelib.domain.participants.participants import GroupKey
from chalicelib.services import Services
from chalicelib.services.audiences.listings import SEGMENTS_AT_ONCE
from chalicelib.services.audiences.segments import global_id
from chalicelib.services.catalogue.administration.file_imports import FlagDraft, SegmentDraft
from chalicelib.services.catalogue.administration.list_uses import Check, ListUses
from chalicelib.services.catalogue.imports import ExperimentDraft, ListDraft
from chalicelib.services.outcomes.metrics import MetricDraft
from tests.unit.catalogue.test_import_service import flag
from tests.unit.catalogue.test_list_service import draft
from tests.unit.upgrade_service_samples import CONTEXT, design, segment


def accept(_: ListUses) -> None: ...


def refuse(_: ListUses) -> None:
    raise Conflict("a part of it was shown")


@pytest.fixture(autouse=True)
def holders(services: Services) -> None:
    """An experiment and a flag that have lists, and a metric."""
    services.metrics.save([MetricDraft("stars", MetricType.CONTINUOUS, None, (CONTEXT,))])
    services.imports.experiment(design("e"), [draft("in", "a", "b")], [draft("out", "c")])
    services.imports.flag(flag("k", "k"), [draft("on", "d")], [])


def keys(metrics: Sequence[Metric]) -> list[str]:
    return [each.key for each in metrics]


class TestExperiments:
    def test_a_list_of_all_comes_with_the_faults_alone(self, services: Services) -> None:
        experiments, faults = services.experiment_administration.listed()
        assert ([each.id for each in experiments], faults) == (["e"], {})

    def test_one_comes_with_its_lists_and_all_metrics(self, services: Services) -> None:
        found = services.experiment_administration.get("e")
        assert {name: [*each.user_ids] for name, each in found.listings.items()} == {
            "in": ["a", "b"],
            "out": ["c"],
        }
        assert (found.experiment.id, keys(found.metrics), found.faults) == ("e", ["stars"], {})
        with pytest.raises(NotFound):
            services.experiment_administration.get("unknown")

    def test_all_come_each_with_its_own_lists(self, services: Services) -> None:
        services.imports.experiment(design("f"), [draft(f"f{n}") for n in range(12)], [])
        services.imports.experiment(design("g"), [], [])
        rows = services.experiment_administration.all().held
        read = {held[1].id: {*listings} for held, listings in rows.read(rows.rows)}
        assert list(read) == ["e", "f", "g"], "the oldest first"
        assert read == {"e": {"in", "out"}, "f": {f"f{n}" for n in range(12)}, "g": set()}

    def test_drafts_and_edits_are_told_the_metrics(self, services: Services) -> None:
        told: list[list[str]] = []

        def drafts(metrics: Sequence[Metric]) -> list[ExperimentDraft]:
            told.append(keys(metrics))
            return [ExperimentDraft(design("new"))]

        def renamed(before: Experiment, metrics: Sequence[Metric]) -> Experiment:
            told.append(keys(metrics))
            return replace(before, name="another")

        created = services.experiment_administration.create(drafts)
        assert ([each.id for each in created.experiments], keys(created.metrics)) == (
            ["new"],
            ["stars"],
        )
        edited = services.experiment_administration.edit("e", renamed)
        assert (edited.experiment.name, {*edited.listings}) == ("another", {"in", "out"})
        assert told == [["stars"], ["stars"]]

    def test_a_move_says_what_was_before(self, services: Services) -> None:
        moved = services.experiment_administration.move("e", State.ENROLLMENT_COMPLETE, None)
        states = State.ENROLLING, State.ENROLLMENT_COMPLETE
        assert (moved.before.state, moved.after.state) == states
        assert keys(moved.metrics) == ["stars"]

    def test_the_lists_of_a_side_come_with_their_members(self, services: Services) -> None:
        for exclude, expected in ((False, {"in": ["a", "b"]}), (True, {"out": ["c"]})):
            lists = services.experiment_administration.lists("e", exclude=exclude)
            read = {row[2].id: [*listing.user_ids] for row, listing in lists.read(lists.rows)}
            assert read == expected

    def test_a_list_comes_as_it_is_stored(self, services: Services) -> None:
        add = services.experiment_administration.add_list
        experiment, listing = add("e", draft("new", "v"), exclude=False, check=accept)
        assert [entry.segment_id for entry in experiment.include] == ["in", "new"]
        assert [*listing.user_ids] == ["v"]
        replace_list = services.experiment_administration.replace_list
        _, listing = replace_list("e", draft("new", "w"), exclude=False, check=accept)
        assert [*listing.user_ids] == ["w"]

    def test_nothing_is_stored_of_a_list_that_is_refused(self, services: Services) -> None:
        administration = services.experiment_administration
        for put in (administration.add_list, administration.replace_list):
            with pytest.raises(Conflict):
                put("e", draft("in", "v"), exclude=False, check=refuse)
        assert [*administration.get("e").listings["in"].user_ids] == ["a", "b"]


class TestFlags:
    def test_one_comes_with_its_lists(self, services: Services) -> None:
        found, listings = services.flag_administration.get("k")
        assert (found.id, {*listings}) == ("k", {"on"})
        edited, listings = services.flag_administration.edit(
            "k", lambda before: replace(before, name="another")
        )
        assert (edited.name, {*listings}) == ("another", {"on"})

    def test_users_are_counted_of_the_flags_that_are_shown(self, services: Services) -> None:
        services.imports.flag(flag("l", "l"), [], [])
        flags = services.flag_administration.with_exposures()
        assert [each.id for each in flags.rows] == ["k", "l"]
        assert [(each.id, count) for each, count in flags.read(flags.rows[1:])] == [("l", 0)]

    def test_a_list_comes_as_it_is_stored(self, services: Services) -> None:
        put = services.flag_administration.put_list
        changed, listing = put("k", draft("off", "v"), exclude=True, check=accept)
        assert [entry.segment_id for entry in changed.exclude] == ["off"]
        assert [*listing.user_ids] == ["v"]
        replace_list = services.flag_administration.replace_list
        _, listing = replace_list("k", draft("off", "w"), exclude=True, check=accept)
        assert [*listing.user_ids] == ["w"]
        for exclude, expected in ((False, ["on"]), (True, ["off"])):
            lists = services.flag_administration.lists("k", exclude=exclude)
            assert [each.id for _, _, each in lists.rows] == expected

    def test_nothing_is_stored_of_a_list_that_is_refused(self, services: Services) -> None:
        administration = services.flag_administration
        for put in (administration.put_list, administration.replace_list):
            with pytest.raises(Conflict):
                put("k", draft("on", "v"), exclude=False, check=refuse)
        assert [*administration.get("k")[1]["on"].user_ids] == ["d"]


class TestSegments:
    def test_all_come_with_their_members_some_at_a_time(self, services: Services) -> None:
        ids = [f"s{number:02}" for number in range(SEGMENTS_AT_ONCE + 1)]
        for each in ids:
            services.segments.put(segment(each), [f"user of {each}"])
        found = services.segment_administration.public()
        rows = found.segments.rows
        read = {row.id: [*listing.user_ids] for row, listing in found.segments.read(rows)}
        assert read == {each: [f"user of {each}"] for each in ids}
        assert found.usage.status(rows[0]) is SegmentStatus.UNUSED

    def test_each_context_has_a_global_exclusion(self, services: Services) -> None:
        services.segments.put(services.segments.get(global_id(CONTEXT)), ["u"])
        found = services.segment_administration.global_exclusions()
        read = found.segments.read(found.segments.rows)
        members = {row.context: [*listing.user_ids] for row, listing in read}
        assert list(members) == [*services.segments.contexts]
        assert {name for name, users in members.items() if users} == {CONTEXT}

    def test_one_comes_with_what_it_is_used_for(self, services: Services) -> None:
        found = services.segment_administration.get("in")
        assert [*found.listing.user_ids] == ["a", "b"]
        assert found.usage.status(found.listing.segment) is SegmentStatus.USED

    def test_those_that_there_are_come_with_the_lists_inside(self, services: Services) -> None:
        services.segments.put(segment("parent"), ["u"])
        services.segment_administration.put_list("parent", segment("inside"), ["v"], accept)
        some = services.segment_administration.some
        for with_own_lists, expected in ((True, {"parent", "inside"}), (False, {"parent"})):
            found = some(["unknown", "parent"], with_own_lists=with_own_lists)
            ((row, listings),) = found.read(found.rows)
            assert (row, {*listings}) == ((1, "parent"), expected)
        with pytest.raises(NotFound):
            some(["unknown"], with_own_lists=False)

    def test_nothing_is_stored_of_a_list_that_is_refused(self, services: Services) -> None:
        administration = services.segment_administration
        stored = administration.put(segment("parent"), ["u"], accept)
        assert [*stored.user_ids] == ["u"]
        with pytest.raises(Conflict):
            administration.put(segment("parent"), ["v"], refuse)
        with pytest.raises(Conflict):
            administration.put_list("parent", segment("inside"), ["v"], refuse)
        assert [*administration.get("parent").listing.user_ids] == ["u"]
        assert "inside" not in services.segments.stored()


def test_a_check_is_shown_all_that_has_the_list(services: Services) -> None:
    services.flags.edit("k", lambda before: replace(before, exclude=(ListEntry("in"),)))
    services.segments.put(segment("parent", sub_segments=["in"]), [])
    services.experiments.create(design("without it"))
    services.imports.flag(flag("l", "l"), [], [])
    seen: list[object] = []

    def look(uses: ListUses) -> None:
        listing = uses.listing()
        assert listing is not None
        seen.append([*listing.user_ids])
        seen.extend((each.experiment.id, {*each.listings}) for each in uses.experiments())
        seen.extend((each.id, {*listings}) for each, listings in uses.flags())
        seen.extend((segment_id, {*listings}) for segment_id, listings in uses.segments())

    check: Check = look
    services.experiment_administration.replace_list("e", draft("in"), exclude=False, check=check)
    assert seen[0] == ["a", "b"], "as it is before"
    assert seen[1:3] == [("e", {"in", "out"}), ("k", {"on", "in"})]
    assert ("in", {"in"}) in seen[3:]
    assert ("parent", {"parent", "in"}) in seen[3:]


def test_groups_are_shown_in_order_unless_only_some_are() -> None:
    groups = [GroupKey("class", name) for name in ("2b", "1a")]
    listing = Listing(segment(groups=groups))
    assert listing.shown_groups() == groups[::-1]
    assert replace(listing, groups=groups[:1]).shown_groups() == groups[:1]


def test_a_list_that_is_not_there_yet_has_no_members_and_no_uses(services: Services) -> None:
    seen: list[object] = []

    def look(uses: ListUses) -> None:
        seen.append(uses.listing())
        seen.extend([*uses.experiments(), *uses.flags(), *uses.segments()])

    services.experiment_administration.add_list("e", draft("new"), exclude=False, check=look)
    assert seen == [None]


class TestFiles:
    def test_what_one_file_stores_is_there_for_the_next(self, services: Services) -> None:
        experiments = services.file_imports.of_experiments()
        experiments.store(ExperimentDraft(design("new", weights={"a": 25, "b": 25})))
        assert experiments.catalogue().experiment("new") is not None, "as it is elsewhere"
        flags = services.file_imports.of_flags()
        flags.store(FlagDraft(flag("l", "l"), (draft("of l", "x"),), ()))
        assert "l" in flags.catalogue().flags
        segments = services.file_imports.of_segments()
        lists = (ListDraft(segment("inside", kind=SegmentType.PRIVATE), ["v"]),)
        segments.store(SegmentDraft(segment("new", sub_segments=["inside"]), ["u"], lists))
        assert {"new", "inside"} <= {*segments.catalogue().segments}

    def test_what_cannot_be_taken_is_refused(self, services: Services) -> None:
        with pytest.raises(Conflict):
            services.file_imports.of_experiments().store(ExperimentDraft(design("e")))
        elsewhere = SegmentDraft(segment("new", context="nowhere"), [], ())
        with pytest.raises(Invalid):
            services.file_imports.of_segments().store(elsewhere)

    def test_experiments_of_several_files_come_all_or_none(self, services: Services) -> None:
        def drafts(catalogue: Catalogue) -> list[ExperimentDraft]:
            assert catalogue.experiment("e") is not None
            return [ExperimentDraft(design("e2")), ExperimentDraft(design("e3"))]

        made = services.file_imports.experiments(drafts)
        assert [each.id for each in made] == ["e2", "e3"]
        with pytest.raises(Conflict):
            services.file_imports.experiments(
                lambda _: [ExperimentDraft(design("e4")), ExperimentDraft(design("e2"))]
            )
        assert services.catalogue.fresh().experiment("e4") is None

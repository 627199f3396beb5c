from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.catalogue.purge import SECOND_PASS, DeadVariants
from chalicelib.domain.errors import Conflict, Invalid, NotFound, Unavailable
from chalicelib.domain.features.features import FeatureType
from chalicelib.services import Services
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import Step
from tests.unit.samples import (
    SHARDS,
    add_user,
    draft,
    drafts,
    experiment,
    listed_events,
    listed_users,
    process,
    record,
)


def owners(memory: Memory) -> dict[int, int]:
    return {block: owner for block, owner in memory.blocks.items() if owner is not None}


def failing(method: str) -> Step:
    def step(call: str) -> None:
        if call == method:
            raise Unavailable("the database does not answer")

    return step


# Creating


def test_a_new_feature_has_an_id_and_no_variants(services: Services, memory: Memory) -> None:
    made = services.features.create(draft("button", kind=FeatureType.TOGGLE, share="0.25"))
    assert (made.id, made.name, made.variants) == (1, "button", ())
    assert (made.type, made.user_percentage) == (
        FeatureType.TOGGLE,
        draft(share="0.25").user_percentage,
    )
    assert made.totals_shards == SHARDS
    assert memory.features == {1: made}
    assert services.catalogue.snapshot().features == (made,)


def test_names_are_unique(services: Services, memory: Memory) -> None:
    services.features.create(draft("button"))
    before = memory.revision
    with pytest.raises(Conflict, match="feature 1 has the name already"):
        services.features.create(draft("button", kind=FeatureType.TOGGLE))
    assert memory.revision == before
    assert list(memory.features) == [1]
    assert services.features.create(draft("Button")).id == 2


def test_of_two_processes_that_use_a_name_at_once_one_is_refused(
    memory: Memory, clock: FixedClock
) -> None:
    def win(call: str) -> None:
        if call == "catalogue.commit" and not memory.features:
            process(memory, clock).features.create(draft("button"))

    with pytest.raises(Conflict):
        process(memory, clock, before=win).features.create(draft("button"))
    assert len(memory.features) == 1


def test_a_deleted_feature_frees_its_name_but_not_its_id(services: Services) -> None:
    services.features.delete(services.features.create(draft("button")).id)
    assert services.features.create(draft("button")).id == 2


# Updating


def test_an_update_replaces_everything_but_id_and_variants(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    feature_id, _ = experiment(services, "button")
    before = memory.features[feature_id]
    process(memory, clock).features.update(
        feature_id, draft("renamed", kind=FeatureType.ROLLOUT, share="0.5", is_running=False)
    )
    assert memory.features[feature_id] == replace(
        before,
        name="renamed",
        type=FeatureType.ROLLOUT,
        user_percentage=draft(share="0.5").user_percentage,
        is_running=False,
    )


def test_the_number_of_shards_stays_though_the_setting_changes(
    services: Services, memory: Memory
) -> None:
    made = services.features.create(draft())
    memory.features[made.id] = replace(made, totals_shards=SHARDS + 4)
    memory.revision = replace(memory.revision, version=memory.revision.version + 1)
    assert services.features.update(made.id, draft()).totals_shards == SHARDS + 4


def test_an_update_may_keep_the_name_but_not_take_another_s(
    services: Services, memory: Memory
) -> None:
    services.features.create(draft("button"))
    taken = services.features.create(draft("banner"))
    assert services.features.update(taken.id, draft("banner", share="0.5")).name == "banner"
    before = memory.revision
    with pytest.raises(Conflict, match="feature 1 has the name already"):
        services.features.update(taken.id, draft("button"))
    assert memory.revision == before


def test_an_unknown_feature_cannot_be_updated(services: Services, memory: Memory) -> None:
    with pytest.raises(NotFound, match="there is no feature 7"):
        services.features.update(7, draft())
    assert memory.revision.version == 0


def test_a_lower_share_gives_back_the_highest_blocks_in_the_same_write(
    services: Services, memory: Memory
) -> None:
    first = services.features.create(draft("first", share="0.25"))
    second = services.features.create(draft("second", share="0.05"))
    services.user_blocks.catch_up()
    version = memory.revision.version
    services.features.update(first.id, draft("first", share="0.1"))
    assert owners(memory) == {1: first.id, 2: first.id, 6: second.id}
    assert memory.revision.version == version + 1


def test_a_higher_share_takes_blocks_only_with_the_next_allocation(
    services: Services, memory: Memory
) -> None:
    made = services.features.create(draft(share="0.05"))
    services.user_blocks.catch_up()
    services.features.update(made.id, draft(share="0.15"))
    assert owners(memory) == {1: made.id}
    services.user_blocks.catch_up()
    assert owners(memory) == dict.fromkeys((1, 2, 3), made.id)


# Deleting


def test_an_unknown_feature_counts_as_deleted(services: Services, memory: Memory) -> None:
    services.features.delete(7)
    assert memory.revision.version == 0
    assert memory.queue == {}


def test_a_feature_without_variants_leaves_nothing_to_purge(
    services: Services, memory: Memory
) -> None:
    services.features.delete(services.features.create(draft()).id)
    assert memory.features == {}
    assert memory.queue == {}


def test_a_deleted_feature_goes_with_its_users_events_and_totals(
    services: Services, memory: Memory
) -> None:
    gone, [a, b] = experiment(services, "gone")
    _, [kept, _] = experiment(services, "kept")
    add_user(services, "u", a)
    add_user(services, "v", kept)
    record(services, "u", a)
    record(services, "u", b, 2)
    record(services, "v", kept)
    services.features.delete(gone)
    assert listed_users(services) == list(memory.users) == ["v"]
    assert {event.variant_id for event in memory.events.values()} == {kept}
    assert {shard.variant_id for shard in memory.totals} == {kept}
    assert memory.counted() == memory.recount()


def test_a_deleted_feature_leaves_an_entry_in_the_purge_queue(
    services: Services, memory: Memory
) -> None:
    gone, variants = experiment(services, "gone")
    services.features.delete(gone)
    assert list(memory.queue.values()) == [
        DeadVariants(gone, tuple(variants), START, START + SECOND_PASS, whole=True)
    ]


def test_deletion_is_all_or_nothing(services: Services, memory: Memory, clock: FixedClock) -> None:
    made, [a, _] = experiment(services, "button")
    add_user(services, "u", a)
    broken = process(memory, clock, before=failing("catalogue.commit"))
    before = memory.revision
    with pytest.raises(Unavailable):
        broken.features.delete(made)
    assert memory.revision == before
    assert (list(memory.features), list(memory.users), memory.queue) == ([made], ["u"], {})


@pytest.mark.parametrize("call", ["users.of_variant", "events.of_variant", "totals.drop"])
def test_a_purge_that_fails_does_not_fail_the_deletion(
    call: str, services: Services, memory: Memory, clock: FixedClock
) -> None:
    gone, [a, _] = experiment(services, "gone")
    add_user(services, "u", a)
    record(services, "u", a)
    process(memory, clock, before=failing(call)).features.delete(gone)
    assert (listed_users(services), listed_events(services)) == ([], [])
    assert services.analysis.of_feature(gone) == []
    clock.advance(timedelta(minutes=1))
    services.purge.run_due()
    assert (memory.users, memory.events, memory.totals) == ({}, {}, {})


# Replacing variants


def test_variants_are_numbered_through_all_features(services: Services) -> None:
    assert experiment(services, "first", 2)[1] == [1, 2]
    assert experiment(services, "second", 3)[1] == [3, 4, 5]


def test_the_first_variants_leave_nothing_to_purge(services: Services, memory: Memory) -> None:
    experiment(services, "button")
    assert memory.queue == {}


def test_new_variants_replace_the_old_with_their_users_and_events(
    services: Services, memory: Memory
) -> None:
    made, [a, b] = experiment(services, "button")
    add_user(services, "u", a)
    record(services, "u", b)
    new = services.features.replace_variants(made, drafts(made, "0.5", "0.25", "0.25"))
    assert [variant.id for variant in new] == [3, 4, 5]
    assert memory.features[made].variants == new
    assert (memory.users, memory.events, memory.totals) == ({}, {}, {})
    assert list(memory.queue.values()) == [DeadVariants(made, (a, b), START, START + SECOND_PASS)]


@pytest.mark.parametrize("weights", [(), ("0.5",), ("0.7", "0.7"), (None,) * 21])
def test_a_refused_list_leaves_variants_users_and_events(
    weights: tuple[str | None, ...], services: Services, memory: Memory
) -> None:
    made, [a, b] = experiment(services, "button")
    add_user(services, "u", a)
    record(services, "u", b)
    before = memory.revision
    with pytest.raises(Invalid):
        services.features.replace_variants(made, drafts(made, *weights))
    assert memory.revision == before
    assert [variant.id for variant in memory.features[made].variants] == [a, b]
    assert (len(memory.users), len(memory.events), memory.queue) == (1, 1, {})
    assert memory.counted() == memory.recount()


def test_an_unknown_feature_gets_no_variants(services: Services, memory: Memory) -> None:
    with pytest.raises(NotFound, match="there is no feature 7"):
        services.features.replace_variants(7, drafts(7, None))
    assert memory.revision.version == 0
    assert (
        services.features.replace_variants(services.features.create(draft()).id, drafts(1, None))[
            0
        ].id
        == 1
    ), "nor does it use up ids"


def test_a_feature_that_is_deleted_meanwhile_gets_no_variants(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    made, [a] = experiment(services, "button", 1)

    def delete(call: str) -> None:
        if call == "catalogue.new_variant_ids":
            services.features.delete(made)

    with pytest.raises(NotFound):
        process(memory, clock, before=delete).features.replace_variants(made, drafts(made, None))
    assert memory.features == {}
    assert [e.variant_ids for e in memory.queue.values() if isinstance(e, DeadVariants)] == [(a,)]


def test_of_two_lists_at_once_the_later_replaces_the_earlier(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    made, [a] = experiment(services, "button", 1)
    rival = iter([drafts(made, None)])

    def win(call: str) -> None:
        if call == "catalogue.commit" and (theirs := next(rival, None)):
            [variant] = services.features.replace_variants(made, theirs)
            add_user(services, "u", variant.id)

    slow = process(memory, clock, before=win)
    [last] = slow.features.replace_variants(made, drafts(made, None))
    assert memory.features[made].variants == (last,)
    assert memory.users == {}, "those of the list between went with it"
    died = sorted(e.variant_ids for e in memory.queue.values() if isinstance(e, DeadVariants))
    assert died == [(a,), (last.id + 1,)]


def test_a_feature_of_another_process_gets_variants_though_the_cache_is_old(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    cached = process(memory, clock, ttl=60)
    cached.catalogue.snapshot()
    made = services.features.create(draft())
    assert len(cached.features.replace_variants(made.id, drafts(made.id, None))) == 1

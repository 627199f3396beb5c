from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.users import USER_ID_BYTES, check_user_id
from chalicelib.storage.dynamodb import keys

PARTITION_KEY_BYTES = 2048
SORT_KEY_BYTES = 1024
"""Also of partition keys that are the sort key of an index."""

LAST_EVENT_ID = 10**keys.EVENT_ID_DIGITS - 1


def is_storable(user_id: str) -> bool:
    try:
        check_user_id(user_id)
    except Invalid:
        return False
    return True


def cut(text: str) -> str:
    """The longest beginning of a text that a user id may have."""
    return text.encode()[:USER_ID_BYTES].decode(errors="ignore")


# Ids that would meet if `#` and `%` were not escaped, or escapes not told apart from text.
HOSTILE = ["", "#", "%", "a", "a#", "a#b", "a%23", "a%23b", "%23", "%25", "%2523", "%25%23", "#%"]
HOSTILE += [
    "group#x",
    "user#a",
    "variant#1",
    "a#0000000000000001",
    "%sha256-",
    "\x00",
    "\U0010ffff",
]

short = st.sampled_from(HOSTILE) | st.text("#%235ab", max_size=8) | st.text(max_size=40)
long = st.builds(
    lambda text, times, end: cut(text * times)[: -len(end) or None] + end,
    st.sampled_from(["#", "%", "a", "é", "😀", "a#", "%23"]),
    st.sampled_from([100, 150, 300, 301, 512]),
    st.sampled_from(["", "#", "%", "a"]),
).filter(is_storable)
user_ids = (short | long).filter(is_storable)


def relatives(user_id: str) -> list[str]:
    """Ids made of the keys of another."""
    made = [
        keys.part(user_id),
        keys.user(user_id),
        keys.event_prefix(user_id),
        keys.event(user_id, 1),
        user_id + "#",
        user_id + "%",
        user_id.replace("#", "%23"),
        user_id.replace("%23", "#"),
        user_id[:-1],
    ]
    return [relative for relative in made if is_storable(relative)]


pairs = user_ids.flatmap(
    lambda first: st.tuples(st.just(first), user_ids | st.sampled_from(relatives(first)))
)
event_ids = st.integers(0, LAST_EVENT_ID)


@given(pairs)
def test_no_two_users_share_a_partition(pair: tuple[str, str]) -> None:
    first, second = pair
    assume(first != second)
    assert keys.user(first) != keys.user(second)
    assert keys.erased_user(first) != keys.erased_user(second)
    assert keys.aliases(first) != keys.aliases(second)
    assert keys.member_of(1, first) != keys.member_of(1, second)


@given(pairs, event_ids)
def test_no_event_lies_under_another_user_s_prefix(pair: tuple[str, str], event_id: int) -> None:
    first, second = pair
    assert keys.event(first, event_id).startswith(keys.event_prefix(first))
    assume(first != second)
    assert not keys.event(second, event_id).startswith(keys.event_prefix(first))
    assert not keys.event_prefix(second).startswith(keys.event_prefix(first))


@given(user_ids, st.lists(event_ids, min_size=2, max_size=5))
def test_events_of_a_user_are_in_the_order_of_their_ids(user_id: str, ids: list[int]) -> None:
    assert [keys.event(user_id, i) for i in sorted(ids)] == sorted(
        keys.event(user_id, i) for i in ids
    )


@given(user_ids, event_ids)
def test_keys_of_a_user_are_short_enough(user_id: str, event_id: int) -> None:
    assert len(keys.event(user_id, event_id).encode()) <= SORT_KEY_BYTES
    assert len(keys.erased_user(user_id).encode()) <= SORT_KEY_BYTES
    assert len(keys.aliases(user_id).encode()) <= SORT_KEY_BYTES
    assert len(keys.member_of(2**48, user_id).encode()) <= SORT_KEY_BYTES
    assert len(keys.user(user_id).encode()) <= PARTITION_KEY_BYTES
    assert len(keys.user(user_id).encode()) <= SORT_KEY_BYTES, "it sorts the index by variant"


@given(
    st.sampled_from(["#", "%"]), st.sampled_from(["a", "é", "😀"]), st.integers(0, USER_ID_BYTES)
)
def test_keys_of_the_longest_users_are_short_enough(escaped: str, plain: str, escapes: int) -> None:
    user_id = cut(escaped * escapes + plain * USER_ID_BYTES)
    assert len(user_id.encode()) > USER_ID_BYTES - len(plain.encode())
    assert len(keys.event(user_id, LAST_EVENT_ID).encode()) <= SORT_KEY_BYTES


@given(st.text(), st.text(), st.integers(1, 3000), st.integers(1, 3000))
def test_parts_of_any_length_are_told_apart(
    first: str, second: str, times: int, others: int
) -> None:
    first, second = first * times, second * others
    assume(first != second)
    assert keys.part(first) != keys.part(second)
    for part in (keys.part(first), keys.part(second)):
        assert "#" not in part
        assert len(part.encode()) <= keys.PART_BYTES


@given(st.integers(1, 2**31), st.integers(1, 2**31), st.integers(0, 99), user_ids)
def test_items_of_features_and_variants_are_told_apart(
    first: int, second: int, shard: int, user_id: str
) -> None:
    assert keys.variant_of_totals(keys.totals(first, shard)) == first
    assert keys.dead_variants(first, second) != keys.erased_user(user_id)
    assert keys.feature(first).startswith(keys.feature_prefix())
    assert not keys.variant(first).startswith(keys.totals_prefix())
    for other in (second, first * 10, first * 10 + 1):
        assume(first != other)
        assert not keys.totals(other, shard).startswith(keys.totals_prefix(first))
        assert keys.event_partition(first) != keys.event_partition(other)


@given(pairs, pairs)
def test_no_two_factors_or_users_share_a_note(
    factors: tuple[str, str], users: tuple[str, str]
) -> None:
    first, second = factors
    pk, sk = keys.user_of_factor(first, users[0])
    assert len(sk.encode()) <= SORT_KEY_BYTES
    assert len(pk.encode()) <= PARTITION_KEY_BYTES
    assert pk in {keys.users_of_factor(first, shard) for shard in range(keys.STRATUM_SHARDS)}
    if users[0] != users[1]:
        assert keys.user_of_factor(first, users[1])[1] != sk
    assume(first != second)
    others = {keys.users_of_factor(second, shard) for shard in range(keys.STRATUM_SHARDS)}
    assert pk not in others | {keys.STRATA, keys.PREVIEW_USERS}


def test_what_outlives_everything_is_no_feature() -> None:
    assert not keys.CONFIG.startswith(keys.feature_prefix())
    assert not keys.sequence("feature").startswith(keys.feature_prefix())
    assert keys.user("x") != keys.PURGE


# Logs, metrics, flags

texts = st.sampled_from(HOSTILE) | st.text("#%:1ab", max_size=6) | st.text(max_size=30)
long_texts = texts | st.builds(lambda text, times: text * times, texts, st.integers(1, 1000))
log_records = st.tuples(long_texts, long_texts, long_texts)
LOG_RECORD_CHARACTERS = 40


@given(log_records, log_records)
def test_log_records_are_told_apart_whatever_their_parts_hold(
    first: tuple[str, str, str], second: tuple[str, str, str]
) -> None:
    assume(first != second)
    assert keys.log_record(*first) != keys.log_record(*second)


@given(log_records, st.integers(0, 40))
def test_parts_of_a_log_record_do_not_run_together(
    parts: tuple[str, str, str], cut_at: int
) -> None:
    group, key, uniquifier = parts
    joined = group + key
    other = (joined[:cut_at], joined[cut_at:], uniquifier)
    assume(other != parts)
    assert keys.log_record(*other) != keys.log_record(*parts)
    assert len(keys.log_record(*parts)) == LOG_RECORD_CHARACTERS
    assert keys.log_record(*parts) != keys.SIMPLE_LOG_RECORD


@given(pairs, log_records, log_records)
def test_a_note_of_a_metric_is_that_of_one_user_and_log_record(
    pair: tuple[str, str], one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    first, second = pair
    assume((first, one) != (second, other))
    assert keys.logged(first, keys.log_record(*one)) != keys.logged(second, keys.log_record(*other))
    assume(first != second)
    for log_record in (keys.SIMPLE_LOG_RECORD, keys.log_record(*one)):
        assert keys.logged(first, log_record) != keys.logged(second, log_record)


@given(pairs)
def test_no_two_users_share_what_was_logged(pair: tuple[str, str]) -> None:
    first, second = pair
    assume(first != second)
    assert keys.logs(first) != keys.logs(second)


@given(long_texts, long_texts)
def test_metrics_and_flags_are_told_apart(first: str, second: str) -> None:
    assume(first != second)
    assert keys.metric(first) != keys.metric(second)
    assert keys.flag(first) != keys.flag(second)


@given(user_ids, long_texts, log_records)
def test_keys_of_logs_metrics_and_flags_are_short_enough(
    user_id: str, text: str, log_record: tuple[str, str, str]
) -> None:
    assert len(keys.logged(user_id, keys.log_record(*log_record)).encode()) <= SORT_KEY_BYTES
    for pk in (keys.logs(user_id), keys.metric(text), keys.flag(text), keys.metrics(text)):
        assert len(pk.encode()) <= PARTITION_KEY_BYTES


@given(user_ids, long_texts, st.integers(1, 2**31), st.integers(1, 2**31))
def test_events_marks_logs_and_metrics_share_no_partition(
    user_id: str, text: str, variant_id: int, feature_id: int
) -> None:
    made = [
        keys.event_partition(variant_id),
        keys.repeats(feature_id, user_id),
        keys.logs(user_id),
        keys.metric(text),
    ]
    assert len({pk.split("#")[0] for pk in made}) == len(made)


@given(long_texts, st.integers(1, 2**31))
def test_parts_of_the_catalogue_are_told_apart_by_their_prefixes(
    text: str, feature_id: int
) -> None:
    made = {
        keys.feature_prefix(): keys.feature(feature_id),
        keys.segment_prefix(): keys.segment(text),
        keys.flag_prefix(): keys.flag(text),
        keys.metrics_prefix(): keys.metrics(text),
        keys.CONFIG: keys.CONFIG,
        keys.sequence(""): keys.sequence("feature"),
    }
    for prefix in made:
        assert [own for own, pk in made.items() if pk.startswith(prefix)] == [prefix]


@given(st.lists(long_texts, max_size=30))
def test_metrics_are_spread_over_few_items_and_stay_where_they_are(metric_keys: list[str]) -> None:
    for metric_key in metric_keys:
        assert keys.metrics(metric_key) == keys.metrics(metric_key)
        assert 0 <= int(keys.metrics(metric_key).split("#")[1]) < keys.METRIC_CHUNKS


def test_metrics_of_a_class_are_spread_evenly() -> None:
    items = [keys.metrics(f"class@__@key {n}@__@time") for n in range(1600)]
    assert len(set(items)) == keys.METRIC_CHUNKS
    assert all(60 < items.count(item) < 140 for item in set(items))


@given(st.integers(0, 10**6), st.integers(0, 10**6), user_ids)
def test_exposures_are_told_apart_from_each_other_and_from_all_else(
    first: int, second: int, text: str
) -> None:
    others = [
        keys.PROFILE,
        keys.PREVIEW,
        keys.TESTLAB,
        keys.enrollment(first, text),
        keys.exclusion(first),
        keys.lifted(first),
        keys.point(text),
        keys.member(text, first),
        keys.stratum(text),
    ]
    assert keys.exposures(first) not in others
    assume(first != second)
    assert keys.exposures(first) != keys.exposures(second)


@given(user_ids)
def test_a_user_is_known_by_the_partition_key_unless_that_is_a_digest(user_id: str) -> None:
    found = keys.user_of(keys.user(user_id))
    assert found == user_id or (found is None and len(user_id.encode()) * 3 > keys.PART_BYTES)

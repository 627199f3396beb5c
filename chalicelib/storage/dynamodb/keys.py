"""Keys of items. No two subjects share a key or the prefix of one.

Parts that come from a client are escaped, so that `#` only ever separates parts, and replaced by
a digest where they are too long for a key. `%` begins an escape or a digest and nothing else, so
an escaped part, a digest and a separator cannot be mistaken for each other.
"""

from __future__ import annotations

import hashlib
import zlib

PART_BYTES = 900
"""Bytes of the longest part that stands in a key as it is; sort keys end at 1,024."""

EVENT_ID_DIGITS = 16

ASIDE = "~"
"""What the sort keys begin with that are beside the records of a collection: they come last."""


DIGEST = "%sha256-"
"""What a part begins with that is a digest."""


def part(text: str) -> str:
    """A client's text as one part of a key."""
    escaped = text.replace("%", "%25").replace("#", "%23")
    if len(escaped.encode()) <= PART_BYTES:
        return escaped
    return DIGEST + hashlib.sha256(text.encode()).hexdigest()


def unescaped(escaped: str) -> str:
    """The text behind the `escaped` part of a key, where it was short."""
    return escaped.replace("%23", "#").replace("%25", "%")


USERS = "user#"
"""What the partition keys of users begin with."""


def user(user_id: str) -> str:
    """Partition key of everything stored of a user."""
    return f"{USERS}{part(user_id)}"


def user_of(user_key: str) -> str | None:
    """The user whose partition key that is; None where it is a digest of the id."""
    escaped = user_key.removeprefix(USERS)
    return None if escaped.startswith(DIGEST) else unescaped(escaped)


def event_partition(variant_id: int) -> str:
    """Partition key of a variant's events."""
    return f"variant#{variant_id}"


def event_prefix(user_id: str) -> str:
    """The prefix of the sort keys of a user's events."""
    return f"{part(user_id)}#"


def event(user_id: str, event_id: int) -> str:
    """Sort key of an event; ordered by id within a user."""
    return f"{event_prefix(user_id)}{event_id:0{EVENT_ID_DIGITS}d}"


def feature(feature_id: int) -> str:
    """Partition key of a feature."""
    return f"feature#{feature_id}"


def feature_prefix() -> str:
    """What the partition keys of features begin with."""
    return "feature#"


def sequence(name: str) -> str:
    """Partition key of an id sequence."""
    return f"sequence#{name}"


def note(name: str) -> str:
    """Partition key of a note of the scheduled function."""
    return f"note#{name}"


def point_text(site: str, target: str) -> str:
    """A decision point as one part of a key: a digest, for both may be long."""
    length = len(site.encode())
    return hashlib.sha256(f"{length}:{site}{target}".encode()).hexdigest()[:40]


GROUPS_OF = "group#"
"""What the partition keys of groups begin with."""


def group(group_type: str, group_id: str) -> str:
    """Partition key of everything stored of a group."""
    return f"{GROUPS_OF}{part(group_type)}#{part(group_id)}"


PROFILE = "profile"
"""Sort key of a user's group, working group and owner."""

PREVIEW = "preview"
"""Sort key of what makes a user a preview user."""


ENROLLMENTS = "enrollment#"
"""What the sort keys of enrollments begin with."""


def enrollment(feature_id: int, point_text: str) -> str:
    """Sort key of an enrollment of a user; of a group, with an empty point."""
    return f"{ENROLLMENTS}{feature_id}#{point_text}"


def exclusion(feature_id: int) -> str:
    """Sort key of an exclusion from an experiment."""
    return f"exclusion#{feature_id}"


def lifted(feature_id: int) -> str:
    """Sort key of the note until when reached points exclude no longer."""
    return f"lifted#{feature_id}"


def point(point_text: str) -> str:
    """Sort key of a decision point that was reached."""
    return f"point#{point_text}"


def count(feature_id: int) -> str:
    """Sort key of the number of users of a group who are enrolled."""
    return f"count#{feature_id}"


def counter_prefix(kind: str) -> str:
    """What the sort keys of a counter's shards begin with."""
    return f"{kind}#"


def counter(kind: str, shard: int) -> str:
    """Sort key of one shard of a counter."""
    return f"{counter_prefix(kind)}{shard}"


ENROLLED = "enrolled"
"""Kind of the counters of enrollments with a condition at a point."""

EXCLUDED = "excluded"
"""Kind of the counters of exclusions."""

GROUPS = "groups"
"""Kind of the counters of groups with users enough."""

EXPOSED = "exposed"
"""Kind of the counters of users for whom a flag was on."""

NO_CONDITION = "-"
"""In place of the id of a condition where there is none."""


def enrolled(condition_id: str | None, point_text: str, shard: int) -> str:
    """Sort key of a shard of the enrollments with a condition at a point."""
    return f"{ENROLLED}#{part(condition_id or NO_CONDITION)}#{point_text}#{shard}"


def enrolled_on(day: str, condition_id: str | None, point_text: str, shard: int) -> str:
    """Sort key of the enrollments at a point in one day (ISO 8601)."""
    return f"day#{day}#{part(condition_id or NO_CONDITION)}#{point_text}#{shard}"


def excluded_users(shard: int) -> str:
    """Sort key of a shard of the users who are excluded."""
    return f"{EXCLUDED}#users#{shard}"


def excluded_groups(shard: int) -> str:
    """Sort key of a shard of the groups that are excluded."""
    return f"{EXCLUDED}#groups#{shard}"


def enrolled_at(feature_id: int, point_text: str) -> str:
    """Sort key of the note that a member of a group was enrolled at a decision point."""
    return f"at#{feature_id}#{point_text}"


STRATUM_COUNTERS = "stratum#"
"""What the counters of all strata begin with."""


def stratum_counter(value: str, condition: int) -> str:
    """The counter of a condition's enrollments in a stratum."""
    return f"{stratum_counter_prefix(value)}{condition}"


def stratum_counter_prefix(value: str) -> str:
    """What the counters of a stratum begin with."""
    return f"{STRATUM_COUNTERS}{hashlib.sha256(value.encode()).hexdigest()[:32]}#"


def repeats(feature_id: int, user_id: str) -> str:
    """Partition key of the marks of a user in a within-subjects experiment."""
    return f"repeat#{feature_id}#{part(user_id)}"


def repeats_beside(feature_id: int, user_key: str) -> str:
    """The partition key of the marks of a user, by the partition key of the user."""
    return f"repeat#{feature_id}#{user_key.removeprefix(USERS)}"


def repeat(point_text: str, index: int) -> str:
    """Sort key of one of them."""
    return f"{point_text}#{index:0{EVENT_ID_DIGITS}d}"


def logs(user_id: str) -> str:
    """Partition key of what was logged of a user."""
    return f"log#{part(user_id)}"


SIMPLE_LOG_RECORD = "simple"
"""Sort key of a user's simple metrics."""


def log_record(group_class: str, group_key: str, uniquifier: str) -> str:
    """Sort key of a user's grouped metrics: a digest, for each part may be long."""
    parts = "".join(f"{len(text)}:{text}" for text in (group_class, group_key, uniquifier))
    return hashlib.sha256(parts.encode()).hexdigest()[:40]


def metric(metric_key: str) -> str:
    """Partition key of the notes where a metric was logged."""
    return f"metric#{part(metric_key)}"


def logged(user_id: str, log_record_key: str) -> str:
    """Sort key of one of them: the user leads, so that a metric's notes spread."""
    return f"{part(user_id)}#{log_record_key}"


def results(feature_id: int) -> str:
    """Partition key of what the queries of an archived experiment found."""
    return f"results#{feature_id}"


SUMMARIES = "summaries"
"""Partition key of the lines of the list of results."""


def summary(feature_id: int) -> str:
    """Sort key of the line of an experiment."""
    return f"{feature_id:0{EVENT_ID_DIGITS}d}"


SERIES = f"{ASIDE}series#"
"""What the sort keys of snapshots begin with, behind the kept results of all queries."""

TAKEN = f"{ASIDE}taken#"
"""What the sort keys of the notes begin with that say how far snapshots are."""


def series(query_id: str, day: str) -> str:
    """Sort key of the snapshot of a query to the end of a day."""
    return f"{SERIES}{part(query_id)}#{day}"


def taken(query_id: str) -> str:
    """Sort key of the note how far the snapshots of a query are."""
    return f"{TAKEN}{part(query_id)}"


def member(segment_id: str, version: int) -> str:
    """Sort key of the note that a version of a segment names a user."""
    return f"member#{part(segment_id)}#{version}"


def member_of(version: int, user_id: str) -> str:
    """Sort key of a user whom a version of a segment names, in the segment's own partition."""
    return f"{version}#{part(user_id)}"


def aliases(first: str) -> str:
    """Sort key of the note, at an owner, of aliases that were made together."""
    return f"aliases#{part(first)}"


def stratum(factor: str) -> str:
    """Sort key of a user's value of a stratification factor."""
    return f"stratum#{part(factor)}"


PREVIEW_USERS = "previewusers"
"""Partition key of all preview users; their sort keys are their escaped ids."""

STRATA = "strata"
"""Partition key of all stratification factors; their sort keys are their escaped names."""

STRATUM_SHARDS = 4
"""Partitions over which the users of a factor are spread: a file brings many of them at once."""


def users_of_factor(factor: str, shard: int) -> str:
    """Partition key of some of the users with a value of a factor."""
    return f"{STRATA}#{part(factor)}#{shard}"


def user_of_factor(factor: str, user_id: str) -> tuple[str, str]:
    """Both keys of the note that a user has a value of a factor."""
    shard = zlib.crc32(user_id.encode()) % STRATUM_SHARDS
    return users_of_factor(factor, shard), part(user_id)


def exposures(bucket: int) -> str:
    """Sort key of some of the flags that were on for a user."""
    return f"exposures#{bucket}"


ANSWER = f"{ASIDE}answer"
"""Kind of the answers that are given again to the same request."""


def stored_response(digest: str) -> str:
    """Sort key of such an answer; digests are hexadecimal."""
    return f"{ANSWER}#{digest}"


BEGUN = f"{ASIDE}begun"
"""Kind of the notes that logs of a user were begun to be stored."""


def begun(log_record_key: str) -> str:
    """Sort key of the note that a log record was begun to be stored, at its user."""
    return f"{BEGUN}#{log_record_key}"


def answered(digest: str) -> str:
    """Partition key of such an answer, if the request was about no user."""
    return f"answer#{digest}"


def segment_prefix() -> str:
    """What the partition keys of segments begin with."""
    return "segment#"


def segment(segment_id: str) -> str:
    """Partition key of a segment, and of the users that it names."""
    return f"segment#{part(segment_id)}"


def flag_prefix() -> str:
    """What the partition keys of flags begin with."""
    return "flag#"


def flag(flag_id: str) -> str:
    """Partition key of a flag."""
    return f"{flag_prefix()}{part(flag_id)}"


METRIC_CHUNKS = 16
"""Items over which the metrics are spread: one for each would not fit a transaction."""


def metrics_prefix() -> str:
    """What the partition keys of metrics begin with."""
    return "metrics#"


def metrics(metric_key: str) -> str:
    """Partition key of the item that holds a metric, and others."""
    return f"{metrics_prefix()}{zlib.crc32(metric_key.encode()) % METRIC_CHUNKS}"


FAULTS = "faults"
"""Partition key of what is known of experiments that the scheduled function fails at."""


CONFIG = "config"
"""Partition key of the item that holds the catalogue's revision."""

TESTLAB = "testlab"
"""Sort key of a user's row in Test Lab."""

PURGE = "purge"
"""Partition key of the purge queue."""


def variant(variant_id: int) -> str:
    """Sort key of a variant among the items of its feature."""
    return f"variant#{variant_id}"


FOLDED = "~"
"""In place of a shard: what the shards of days gone by were folded into."""


def totals(variant_id: int, shard: int | str, day: str | None = None, part: int = 0) -> str:
    """Sort key of one shard of a variant's totals, or of those of a day (ISO 8601).

    A shard of many metrics has several parts.
    """
    place = shard if day is None else f"{day}#{shard}"
    return f"{totals_prefix(variant_id)}{place}{f'.{part}' if part else ''}"


def totals_prefix(variant_id: int | None = None) -> str:
    """What the sort keys of totals begin with: all, or those of one variant."""
    return "totals#" if variant_id is None else f"totals#{variant_id}#"


def window(variant_id: int, month: str) -> str:
    """Sort key of the cohorts of a month (YYYY-MM), once the shards of their days were folded.

    It sorts behind them: a Query that meets a cohort before and after it was folded meets it twice
    and can tell, and never misses it.
    """
    return f"{window_prefix(variant_id)}{month}"


def window_prefix(variant_id: int | None = None) -> str:
    """What the sort keys of folded cohorts begin with: all, or those of one variant."""
    return "window#" if variant_id is None else f"window#{variant_id}#"


def dead_variants(feature_id: int, variant_id: int) -> str:
    """Sort key of the purge entry for variants that died together, known by the first of them."""
    return f"variants#{feature_id}#{variant_id}"


def loose_lists(name: str) -> str:
    """Sort key of the purge entry for versions of lists."""
    return f"lists#{part(name)}"


def erased_user(user_id: str) -> str:
    """Sort key of the purge entry for a user."""
    return f"user#{part(user_id)}"


def variant_of_totals(sort_key: str) -> int:
    """The variant that an item of totals, or of a folded cohort, belongs to."""
    return int(sort_key.split("#")[1])


def day_of_totals(sort_key: str) -> str | None:
    """The day of an item of totals (ISO 8601); None if it is of no day."""
    parts = sort_key.split("#")
    return parts[2] if len(parts) > 3 else None


def part_of_totals(sort_key: str) -> int:
    """Which part of the metrics an item of totals holds."""
    return int(sort_key.partition(".")[2] or 0)

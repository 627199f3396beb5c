"""The five tables, and the kinds of items in them.

Times are whole milliseconds since 1970 (UTC) unless said otherwise; shares and weights are
decimal text, so that every digit comes back.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.constants import NUMBER, PAY_PER_REQUEST_BILLING_MODE, STRING
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib.storage.dynamodb.connection import TableModel, store_errors

COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""One for all: `json.dumps` would make one for each text."""


class CompactJson(Attribute[Any]):
    """JSON text in UTF-8 without spaces: an item ends at 400 KB, and escapes would triple it."""

    attr_type = STRING

    def serialize(self, value: Any) -> str:
        return COMPACT.encode(value)

    def deserialize(self, value: str) -> Any:
        return json.loads(value)


class FeaturesTable(TableModel):
    """Features, the catalogue's revision and the id sequences."""

    class Meta:
        table = "features"
        table_name = table
        billing_mode = PAY_PER_REQUEST_BILLING_MODE

    pk = UnicodeAttribute(hash_key=True)


class FeatureRow(FeaturesTable):
    """A feature, with a copy of its variants. Dates are ISO 8601.

    `version` is that of the catalogue when the row was written.
    """

    id = NumberAttribute()
    type = NumberAttribute()
    name = UnicodeAttribute()
    start_date = UnicodeAttribute()
    end_date = UnicodeAttribute()
    is_running = BooleanAttribute()
    user_percentage = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    totals_shards = NumberAttribute()
    variants = CompactJson()
    design = CompactJson(null=True)
    plan = CompactJson(null=True)
    run = CompactJson(null=True)
    version = NumberAttribute()


class PartRow(FeaturesTable):
    """Another part of the catalogue: a segment without its users, a flag, some metrics.

    `version` is that of the catalogue when it was written.
    """

    data = CompactJson()
    version = NumberAttribute()


class CatalogueRow(FeatureRow):
    """Any part of the catalogue, as one scan reads them all."""

    data = CompactJson(null=True)


class ConfigRow(FeaturesTable):
    """The catalogue's revision; `last_modified` in seconds, `as_of` an ISO 8601 date.

    `shared` is there if an earlier version has the same `last_modified`.
    `written` are the ids of what the commit of this version wrote and removed.
    """

    version = NumberAttribute()
    last_modified = NumberAttribute()
    as_of = UnicodeAttribute()
    shared = BooleanAttribute(null=True)
    written = CompactJson()
    settings = CompactJson(null=True)
    keys = CompactJson(null=True)


class SequenceRow(FeaturesTable):
    """The last id given out."""

    value = NumberAttribute()


class NoteRow(FeaturesTable):
    """What the scheduled function notes of its own work."""

    note = CompactJson()


class VariantsTable(TableModel):
    """Variants and their totals, one collection per feature."""

    class Meta:
        table = "variants"
        table_name = table
        billing_mode = PAY_PER_REQUEST_BILLING_MODE

    feature_id = NumberAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class VariantRow(VariantsTable):
    """A variant."""

    id = NumberAttribute()
    value = UnicodeAttribute()
    is_control = BooleanAttribute()
    weight = UnicodeAttribute()


class CounterRow(VariantsTable):
    """One shard of a counter of an experiment."""

    n = NumberAttribute(null=True)


class EnrolledRow(VariantsTable):
    """One shard of the enrollments with a condition at a point (`EnrollmentCount`)."""

    users = NumberAttribute(null=True)
    condition_users = NumberAttribute(null=True)
    point_users = NumberAttribute(null=True)
    groups = NumberAttribute(null=True)
    point_groups = NumberAttribute(null=True)
    n = NumberAttribute(null=True)
    """Of the other counters of an experiment, which are read with these."""


HOURS = range(24)


class EnrolledOnRow(VariantsTable):
    """Enrollments of one day (UTC) at a point: new users by hour, then new groups.

    `condition_users` and `condition_groups` are those who first enrolled under the condition.
    `counted` are the users of the hours among whom they were looked for: in rows that were begun
    before there were such counts it is less than these.
    """

    condition_users = NumberAttribute(null=True)
    condition_groups = NumberAttribute(null=True)
    counted = NumberAttribute(null=True)
    for _hour in HOURS:
        locals()[f"u{_hour}"] = NumberAttribute(null=True)
        locals()[f"g{_hour}"] = NumberAttribute(null=True)


METRICS_OF_A_ROW = 5
"""Metrics whose sums lie in one row: so a row keeps within the KB that one write unit pays for."""

SUMS = {"converters": "n", "total": "s", "squares": "q", "cubes": "k", "capped": "c"}
"""How the sums of a metric are called in a row, before the place of the metric in it."""


class IntegerAttribute(Attribute[int]):
    """A whole number of up to 38 digits, which floats would round."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        return str(value)

    def deserialize(self, value: str) -> int:
        return int(Decimal(value))


class TotalsRow(VariantsTable):
    """One shard of a variant's totals; what is missing is 0.

    A shard of a day holds the cohort of that day too: its `users`, and sums of some metrics.
    `foreign_events` are those of users of other variants. Where days are folded into a row,
    `folds` counts how often, and `folded_at` says when that was last; `cohorts` are those of a
    month, for a text is read in a fraction of the time of as many attributes.
    """

    event_total = NumberAttribute(null=True)
    distinct_user_events_total = NumberAttribute(null=True)
    total_users = NumberAttribute(null=True)
    foreign_events = NumberAttribute(null=True)
    users = NumberAttribute(null=True)
    folds = NumberAttribute(null=True)
    folded_at = NumberAttribute(null=True)
    cohorts = CompactJson(null=True)
    for _name in SUMS.values():
        for _place in range(METRICS_OF_A_ROW):
            locals()[f"{_name}{_place}"] = IntegerAttribute(null=True)


class UsersTable(TableModel):
    """What is stored of users, one collection each, and the purge queue."""

    class Meta:
        table = "users"
        table_name = table
        billing_mode = PAY_PER_REQUEST_BILLING_MODE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class UsersByVariant(GlobalSecondaryIndex["UserRow"]):
    """The users of a variant, by partition key. Holds only rows with a `variant_id`."""

    class Meta:
        index_name = "by_variant"
        projection = IncludeProjection(["user_id", "ip_address", "time_stamp"])
        billing_mode = PAY_PER_REQUEST_BILLING_MODE

    variant_id = NumberAttribute(hash_key=True)
    pk = UnicodeAttribute(range_key=True)
    user_id = UnicodeAttribute()
    ip_address = UnicodeAttribute()
    time_stamp = NumberAttribute()


class UsersByExperiment(GlobalSecondaryIndex["RecordRow"]):
    """The keys of what belongs to one experiment, by the id of its feature."""

    class Meta:
        index_name = "by_experiment"
        projection = KeysOnlyProjection()
        billing_mode = PAY_PER_REQUEST_BILLING_MODE

    experiment = NumberAttribute(hash_key=True)
    pk = UnicodeAttribute(range_key=True)


class UserRow(UsersTable):
    """A user's row in Test Lab; an erased one has `erased_variant_id` in place of `variant_id`.

    Where a mark counts a user who has no row, there is a note in its place: only the `experiment`.
    `own` are the totals of the user's own events by metric, `late` how many came before it was
    there.
    """

    by_variant = UsersByVariant()
    by_experiment = UsersByExperiment()
    user_id = UnicodeAttribute()
    variant_id = NumberAttribute(null=True)
    erased_variant_id = NumberAttribute(null=True)
    ip_address = UnicodeAttribute()
    time_stamp = NumberAttribute()
    variants_with_events = NumberSetAttribute(null=True)
    own = CompactJson(null=True)
    late = NumberAttribute(null=True)


class RecordRow(UsersTable):
    """Anything else in the collection of a user or a group; the sort key says what.

    `data` are its fields, `n` a count or the version of a list, `numbers` those of flags, `met`
    ids of conditions, `ids` those of aliases. `point` is in an enrollment what was first marked
    at its decision point, if that was one and the same mark.
    `experiment` is the feature id of the one that it ends with, where it belongs to one.
    `variant_id` and `time_stamp` are those of a row of Test Lab, which is read with the others.
    """

    by_experiment = UsersByExperiment()
    experiment = NumberAttribute(null=True)
    data = CompactJson(null=True)
    n = NumberAttribute(null=True)
    numbers = NumberSetAttribute(null=True)
    met = UnicodeSetAttribute(null=True)
    ids = UnicodeSetAttribute(null=True)
    point = CompactJson(null=True)
    variant_id = NumberAttribute(null=True)
    time_stamp = NumberAttribute(null=True)


class PurgeRow(UsersTable):
    """An entry of the purge queue: for variants, for a user, or for versions of lists.

    `whole` says that the feature of the variants went too. `lists` are the versions, and the
    segments that were lists; of a claimed entry too.
    """

    due = NumberAttribute()
    died = NumberAttribute(null=True)
    feature_id = NumberAttribute(null=True)
    variant_ids = NumberSetAttribute(null=True)
    whole = BooleanAttribute(null=True)
    user_id = UnicodeAttribute(null=True)
    lists = CompactJson(null=True)
    claimed = BooleanAttribute(null=True)


class IdempotencyRow(UsersTable):
    """A kept answer, compressed JSON; `expires_at` in seconds, as DynamoDB's TTL wants it.

    `fingerprint` is the digest of the body that was answered.
    """

    fingerprint = UnicodeAttribute()
    answer = BinaryAttribute(legacy_encoding=False)
    expires_at = NumberAttribute()


class UserBlocksTable(TableModel):
    """The user blocks that were ever owned; one that is missing is free."""

    class Meta:
        table = "userblocks"
        table_name = table
        billing_mode = PAY_PER_REQUEST_BILLING_MODE

    id = NumberAttribute(hash_key=True)
    feature_id = NumberAttribute(null=True)
    version = NumberAttribute()


class EventsTable(TableModel):
    """Events."""

    class Meta:
        table = "events"
        table_name = table
        billing_mode = PAY_PER_REQUEST_BILLING_MODE

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class EventRow(EventsTable):
    """An event of Test Lab; `value` is decimal text."""

    id = NumberAttribute()
    user_id = UnicodeAttribute()
    time_stamp = NumberAttribute()
    metric = UnicodeAttribute(null=True)
    value = UnicodeAttribute(null=True)


class RepeatRow(EventsTable):
    """One mark of a within-subjects experiment."""

    data = CompactJson()


class LogRecordRow(EventsTable):
    """What a user logged for one log record; `n` is its revision."""

    user_id = UnicodeAttribute()
    data = CompactJson()
    n = NumberAttribute()


class LoggedRow(EventsTable):
    """The note that a log record of a user holds values of a metric."""

    user_id = UnicodeAttribute()
    log_record = UnicodeAttribute(attr_name="sheet")


class SummaryRow(EventsTable):
    """The line of an experiment in the list of results, of the `run` that began then.

    `latched` is the first terminal verdict of that run.
    """

    data = CompactJson()
    run = NumberAttribute()
    latched = CompactJson(null=True)


class ResultRow(EventsTable):
    """What a query of an archived experiment found; the sort key is the id of the query."""

    data = CompactJson()


class SnapshotRow(EventsTable):
    """What a query came to, to the end of a day: the sums, and when they were read."""

    data = CompactJson()


class TakenRow(EventsTable):
    """How far the snapshots of a query are: the last one, and when one was tried for.

    `day` is an ISO 8601 date; `final` is there if one of them is final.
    """

    day = UnicodeAttribute(null=True)
    at = NumberAttribute(null=True)
    final = BooleanAttribute(null=True)
    tried = NumberAttribute(null=True)


TABLES: tuple[type[TableModel], ...] = (
    FeaturesTable,
    VariantsTable,
    UserRow,  # which declares the indexes of the users table
    UserBlocksTable,
    EventsTable,
)
"""One class per table, for creating them."""

ROWS: tuple[type[TableModel], ...] = (
    *TABLES, FeatureRow, PartRow, CatalogueRow, ConfigRow, SequenceRow, NoteRow, VariantRow,
    TotalsRow, EnrolledRow, EnrolledOnRow, CounterRow, UsersTable, RecordRow, PurgeRow,
    IdempotencyRow, EventRow, RepeatRow, LogRecordRow, LoggedRow, SummaryRow, ResultRow,
    SnapshotRow, TakenRow,
)  # fmt: skip
"""All classes."""


def bind_all() -> None:
    """Bind every class to the connection, before the first threads."""
    for row in ROWS:
        row.bind()


@store_errors()
def create_missing() -> list[str]:
    """Create the tables that do not exist; their names."""
    created = []
    for table in TABLES:
        if not table.exists():
            table.create_table(wait=True)
            created.append(table.Meta.table_name)
    return created

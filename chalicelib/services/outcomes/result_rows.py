"""The rows behind results, for those who compute for themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chalicelib.domain.errors import NotFound
from chalicelib.domain.features.cohorts import DECIMALS, EVENTS
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.domain.features.users import User
from chalicelib.services.features.ports import UserStore
from chalicelib.services.running.catalogue import CatalogueService

UNNAMED = "events"
"""The column of events without a name."""

Position = tuple[int, str]
"""Where a page ended: at a user of a variant."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A user as results count them: variant, day of enrollment, and the total of each metric.

    A total is that of the user's own events within the window; None without any. `is_counted` says
    whether the user is in a cohort already.
    """

    user_id: str
    variant_id: int
    variant: str
    day: date
    values: Mapping[str, Decimal | None]
    is_counted: bool


@dataclass(frozen=True, slots=True)
class ResultRows:
    """Some rows, by ascending variant and user id, and where the next page starts."""

    metrics: tuple[str, ...]
    rows: tuple[ResultRow, ...]
    next: Position | None


class ResultRowService:
    """Lists the users of an experiment with what each adds to the sums."""

    def __init__(self, catalogue: CatalogueService, users: UserStore) -> None:
        self._catalogue = catalogue
        self._users = users

    def of_feature(self, feature_id: int, after: Position | None, limit: int) -> ResultRows:
        """Up to `limit` users of an experiment of Test Lab, those after a position.

        Users whom a mark counts, and who have no row, are not listed.

        Raises:
            NotFound: if there is no such experiment.
        """
        feature = self._catalogue.find(lambda catalogue: catalogue.own_feature(feature_id))
        if feature is None or feature.type is not FeatureType.EXPERIMENT:
            raise NotFound(f"there is no experiment {feature_id}")
        listed = list(self._listed(feature, after, limit + 1))
        found = {user.id: user for user in self._users.many([user.id for user in listed[:limit]])}
        live = [
            user
            for each in listed[:limit]
            if (user := found.get(each.id)) is not None
            if not user.erased and user.variant_id == each.variant_id
        ]
        last = listed[limit - 1] if len(listed) > limit else None
        names = {UNNAMED: EVENTS, **feature.metric_ids}
        return ResultRows(
            tuple(names),
            tuple(_row(feature, user, names) for user in live),
            None if last is None else (last.variant_id, last.id),
        )

    def _listed(self, feature: Feature, after: Position | None, limit: int) -> Iterator[User]:
        """Up to `limit` users by ascending variant and id, as they are listed."""
        for variant_id in sorted(variant.id for variant in feature.variants):
            if after is not None and variant_id < after[0]:
                continue
            behind = after[1] if after is not None and after[0] == variant_id else None
            for user in self._users.of_variant(variant_id, behind, limit):
                yield user
                limit -= 1
                if not limit:
                    return


def _row(feature: Feature, user: User, names: Mapping[str, int]) -> ResultRow:
    own = user.own or {}
    values = {name: _value(own.get(metric_id), metric_id) for name, metric_id in names.items()}
    variant = next(each.value for each in feature.variants if each.id == user.variant_id)
    return ResultRow(
        user.id, user.variant_id, variant, user.enrolled_on, values, user.own is not None
    )


def _value(total: int | None, metric_id: int) -> Decimal | None:
    if total is None:
        return None
    return Decimal(total) if metric_id == EVENTS else Decimal(total).scaleb(-DECIMALS).normalize()

"""Test Lab events and the analysis of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chalicelib.domain.access.idempotency import Seal
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.errors import LostRace, NotFound
from chalicelib.domain.features.cohorts import own_event_of
from chalicelib.domain.features.features import Feature, Variant
from chalicelib.domain.features.users import Event, Measurement, Totals, TotalsShard, User
from chalicelib.services.features.ports import EventStore, TotalsStore, UserStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.paging import Page, PageRequest, Sizes, read_page
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries


class EventService:
    """Records events and lists them."""

    def __init__(
        self, catalogue: CatalogueService, users: UserStore, events: EventStore, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._users = users
        self._events = events
        self._clock = clock

    def record(
        self,
        user_id: str,
        variant_id: int,
        seal: Seal[Event] | None = None,
        measurement: Measurement | None = None,
    ) -> Event:
        """Store that a user did something under a variant, which may be another user's.

        It counts for results where the variant is the user's own, within the window of the
        experiment.

        Raises:
            AlreadyAnswered: if the request that `seal` makes a record of was answered before.
            NotFound: if there is no such user, variant, or metric in the plan of its feature.
            Invalid: if the value, or what the user's values come to with it, is out of range.
        """
        catalogue = self._catalogue.snapshot()
        tries = retries("events")
        while True:
            attempt = next(tries)
            user = self._users.get(user_id)
            if not _all_known(catalogue, user, variant_id, measurement):
                catalogue = self._catalogue.fresh()
            user, feature = _alive(catalogue, user, variant_id)
            event = Event(
                self._events.new_id(),
                variant_id,
                user.id,
                self._clock(),
                measurement,
            )
            shard = TotalsShard.pick(
                feature.id, variant_id, feature.totals_shards, str(event.id), attempt
            )
            own = own_event_of(event, user, feature)
            if own is not None:
                shard = shard.of_day(user.enrolled_on, event.time_stamp.date())
            try:
                self._events.add(event, user, shard, own, seal and seal(event))
            except LostRace:
                continue
            return event

    def page(self, request: PageRequest, sizes: Sizes[Event]) -> Page[Event]:
        """The events of all variants, a page at a time."""
        variant_ids = [variant.id for variant in self._catalogue.snapshot().variants()]
        return self._page_of(variant_ids, request, sizes)

    def page_of_feature(
        self, feature_id: int, request: PageRequest, size: Callable[[Event, Variant], int]
    ) -> tuple[Page[Event], Mapping[int, Variant]]:
        """The events of a feature of Test Lab, and its variants; none if it is unknown."""
        feature = self._catalogue.find(lambda catalogue: catalogue.own_feature(feature_id))
        variants = {variant.id: variant for variant in feature.variants} if feature else {}
        page = self._page_of(
            list(variants), request, lambda event: size(event, variants[event.variant_id])
        )
        return page, variants

    def _page_of(
        self, variant_ids: Sequence[int], request: PageRequest, sizes: Sizes[Event]
    ) -> Page[Event]:
        return read_page(
            variant_ids,
            request,
            fetch=self._events.of_variant,
            key=lambda event: (event.user_id, event.id),
            sizes=sizes,
        )


class AnalysisService:
    """The figures of a feature's variants."""

    def __init__(self, catalogue: CatalogueService, totals: TotalsStore) -> None:
        self._catalogue = catalogue
        self._totals = totals

    def of_feature(self, feature_id: int) -> list[tuple[Variant, Totals]]:
        """The variants of a feature of Test Lab with their totals; nothing if it is unknown."""
        feature = self._catalogue.find(lambda catalogue: catalogue.own_feature(feature_id))
        if feature is None:
            return []
        totals = self._totals.of_feature(feature_id)
        return [(variant, totals.get(variant.id, Totals())) for variant in feature.variants]


def _all_known(
    catalogue: Catalogue, user: User | None, variant_id: int, measurement: Measurement | None
) -> bool:
    found = catalogue.variant(variant_id)
    return (
        found is not None
        and (measurement is None or measurement.metric in found[0].metric_ids)
        and user is not None
        and not user.erased
        and catalogue.variant(user.variant_id) is not None
    )


def _alive(catalogue: Catalogue, user: User | None, variant_id: int) -> tuple[User, Feature]:
    found = catalogue.variant(variant_id)
    if found is None:
        raise NotFound(f"there is no variant {variant_id}")
    if user is None or user.erased or catalogue.variant(user.variant_id) is None:
        raise NotFound("there is no such user: create it with POST /api/users first")
    return user, found[0]

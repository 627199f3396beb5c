"""Test Lab users."""

from __future__ import annotations

from chalicelib.domain.access.idempotency import Seal
from chalicelib.domain.errors import Conflict, LostRace, NotFound
from chalicelib.domain.features.ip_addresses import IpAddressMode, kept_address
from chalicelib.domain.features.users import Marked, TotalsShard, User, check_user_id
from chalicelib.domain.participants.participants import Participant
from chalicelib.services.features.ports import UserStore
from chalicelib.services.features.purge import PurgeService
from chalicelib.services.participants.ports import ParticipantStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.paging import Page, PageRequest, Sizes, read_page
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries


class UserService:
    """Assigns users to variants, lists and deletes them.

    `ip_address_mode` says how much of their addresses is stored, from now on.
    """

    def __init__(
        self,
        catalogue: CatalogueService,
        store: UserStore,
        participants: ParticipantStore,
        purge: PurgeService,
        clock: Clock,
        ip_address_mode: IpAddressMode = IpAddressMode.FULL,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._participants = participants
        self._purge = purge
        self._clock = clock
        self._ip_address_mode = ip_address_mode

    def create(
        self, user_id: str, variant_id: int, ip_address: str, seal: Seal[User] | None = None
    ) -> User:
        """Assign a new user to a variant.

        An id whose variant is dead counts as free; what is left of that user goes first. Whom a
        mark counts already in the experiment counts by the row from then on, and only by that.

        Raises:
            AlreadyAnswered: if the request that `seal` makes a record of was answered before.
            Invalid: if the id is too long.
            NotFound: if there is no such variant.
            Conflict: if the id is taken.
        """
        check_user_id(user_id)
        address = kept_address(ip_address, self._ip_address_mode)
        participant: Participant | None = None
        tries = retries("users")
        while True:
            attempt = next(tries)
            found = self._catalogue.find(lambda catalogue: catalogue.variant(variant_id))
            if found is None:
                raise NotFound(f"there is no variant {variant_id}")
            feature, _ = found
            user = User(user_id, variant_id, address, self._clock())
            today = user.enrolled_on
            shard = TotalsShard.pick(
                feature.id, variant_id, feature.totals_shards, user_id, attempt
            ).of_day(today, today)
            marked = None if participant is None else Marked.of(participant, feature)
            try:
                self._store.create(user, shard, seal and seal(user), marked)
            except LostRace:
                self._make_room(user_id)
                participant = self._participants.read(user_id)
            else:
                return user

    def page(self, request: PageRequest, sizes: Sizes[User]) -> Page[User]:
        """The users of all variants, a page at a time."""
        variant_ids = [variant.id for variant in self._catalogue.snapshot().variants()]
        return read_page(
            variant_ids,
            request,
            fetch=lambda variant_id, after, limit: self._store.of_variant(
                variant_id, after[0] if after else None, limit
            ),
            key=lambda user: (user.id, 0),
            sizes=sizes,
        )

    def delete(self, user_id: str) -> None:
        """Delete a user and all their events; an unknown one counts as deleted.

        Raises:
            Invalid: if no user can have the id.
        """
        check_user_id(user_id)
        user = self._store.get(user_id)
        if user is not None:
            self._purge.erase(user)

    def _make_room(self, user_id: str) -> None:
        """Finish the removal of a user who holds an id no longer.

        Raises:
            Conflict: if the user is alive.
        """
        user = self._store.get(user_id)
        if user is None:
            return
        if not user.erased and self._catalogue.fresh().variant(user.variant_id) is not None:
            raise Conflict("the user id is taken")
        self._purge.erase(user, budget=None)

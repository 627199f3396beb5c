"""Administration of preview users (UpGrade, section 14)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.errors import Invalid, LostRace, NotFound
from chalicelib.domain.experiments.experiments import Condition, Experiment
from chalicelib.domain.features.users import check_user_id
from chalicelib.domain.participants.preview_users import PreviewAssignment, PreviewUser
from chalicelib.services.participants.ports import PreviewUserStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.details import Detailed, batched
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries

USERS_AT_ONCE = 100
"""Preview users whose assignments are looked up at a time."""


@dataclass(frozen=True, slots=True)
class RequestedAssignment:
    """The condition that a preview user is to get in an experiment; `id` None for a new one."""

    experiment_id: str
    condition_id: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """An assignment of a preview user, looked up."""

    id: str
    experiment: Experiment
    condition: Condition


@dataclass(frozen=True, slots=True)
class ShownPreviewUser:
    """A preview user with the assignments, looked up."""

    user: PreviewUser
    previews: Sequence[Preview]


class PreviewUserService:
    """Registers preview users and the conditions they are to get."""

    def __init__(
        self,
        catalogue: CatalogueService,
        store: PreviewUserStore,
        clock: Clock,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._new_id = new_id

    def all(self) -> list[PreviewUser]:
        """All preview users, the newest first."""
        users = sorted(self._store.all(), key=lambda user: user.id)
        return sorted(users, key=lambda user: user.created_at, reverse=True)

    def get(self, user_id: str) -> PreviewUser:
        """One preview user.

        Raises:
            NotFound: if the user is none.
        """
        found = self._store.get(user_id)
        if found is None:
            raise NotFound(f"there is no preview user {user_id}")
        return found

    def shown_all(self) -> Detailed[PreviewUser, Sequence[Preview]]:
        """All preview users, the newest first, with their assignments, looked up."""
        return Detailed(self.all(), self._looked_up)

    def shown(self, user_id: str) -> ShownPreviewUser:
        """One preview user.

        Raises:
            NotFound: if the user is none.
        """
        return self._shown(self.get(user_id))

    def put_shown(
        self, user_id: str, requested: Sequence[RequestedAssignment] | None
    ) -> ShownPreviewUser:
        """Make a user a preview user, as `put` does; the user with the assignments as stored.

        Raises:
            Invalid: as `put` does.
        """
        return self._shown(self.put(user_id, requested))

    def _shown(self, user: PreviewUser) -> ShownPreviewUser:
        return ShownPreviewUser(user, self.previews([user])[user.id])

    def _looked_up(
        self, users: Iterable[PreviewUser]
    ) -> Iterator[tuple[PreviewUser, Sequence[Preview]]]:
        for some in batched(users, USERS_AT_ONCE):
            previews = self.previews(some)
            yield from ((user, previews[user.id]) for user in some)

    def previews(self, users: Sequence[PreviewUser]) -> dict[str, list[Preview]]:
        """The assignments of some preview users by their ids.

        Those whose experiment or condition is gone are left out.
        """
        catalogue = self._catalogue.fresh()
        return {
            user.id: [found for each in user.assignments if (found := _preview(catalogue, each))]
            for user in users
        }

    def put(
        self, user_id: str, requested: Sequence[RequestedAssignment] | None = None
    ) -> PreviewUser:
        """Make a user a preview user, with some assignments in place of others.

        None leaves the assignments as they are. Of several for an experiment the last counts.

        Raises:
            Invalid: if an assignment names an experiment or a condition that does not exist, or the
                id cannot be stored.
        """
        check_user_id(user_id)
        wanted = {each.experiment_id: each for each in requested or ()}
        catalogue = self._catalogue.fresh()
        for each in wanted.values():
            if _preview(catalogue, PreviewAssignment("", each.experiment_id, each.condition_id)):
                continue
            raise Invalid(
                f"assignments: there is no condition {each.condition_id} in an experiment"
                f" {each.experiment_id}"
            )
        tries = retries("the preview user")
        while True:
            next(tries)
            now = self._clock()
            before = self._store.get(user_id)
            user = before or PreviewUser(user_id, (), now, now)
            if requested is not None:
                user = replace(user, assignments=self._assigned(user, list(wanted.values())))
            user = replace(user, updated_at=now, version=user.version + 1)
            try:
                self._store.put(user)
            except LostRace:
                continue
            return user

    def _assigned(
        self, user: PreviewUser, requested: Sequence[RequestedAssignment]
    ) -> tuple[PreviewAssignment, ...]:
        """The assignments that are asked for; one for an experiment as before keeps its id."""
        known = {each.experiment_id: each.id for each in user.assignments}
        return tuple(
            PreviewAssignment(
                each.id or known.get(each.experiment_id) or self._new_id(),
                each.experiment_id,
                each.condition_id,
            )
            for each in requested
        )

    def remove(self, user_id: str) -> PreviewUser | None:
        """Make a preview user an ordinary one; who it was, None if the user was none."""
        tries = retries("the preview user")
        while True:
            next(tries)
            user = self._store.get(user_id)
            if user is None:
                return None
            try:
                self._store.remove(user)
            except LostRace:
                continue
            return user


def _preview(catalogue: Catalogue, assignment: PreviewAssignment) -> Preview | None:
    feature = catalogue.experiment(assignment.experiment_id)
    if feature is None or feature.design is None:
        return None
    for condition in feature.design.conditions:
        if condition.id == assignment.condition_id:
            return Preview(assignment.id, feature.design, condition)
    return None

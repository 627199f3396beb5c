"""Users of UpGrade's experiments: who they are, their groups and aliases."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.errors import Conflict, Invalid, LostRace
from chalicelib.domain.experiments.group_change import GroupChange, after_group_change
from chalicelib.domain.features.users import check_user_id
from chalicelib.domain.participants.participants import (
    ErasedMeanwhile,
    Membership,
    Participant,
    Profile,
    WorkingGroup,
)
from chalicelib.services.participants.ports import ParticipantStore, ProfileStore
from chalicelib.services.running.compilation import CompilationService
from chalicelib.services.running.key_locks import KeyLocks
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries

ALIASES_AT_ONCE = 90
"""Aliases of one call: a transaction holds a hundred actions."""


class AliasOfAnother(Conflict):
    """An id is an alias of another user."""


class AliasIsUser(Conflict):
    """Some ids belong to users of their own."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a call is made for: the record that was named, and the user whose records count."""

    named: Participant
    user: Participant


@dataclass(frozen=True, slots=True)
class GroupUpdate:
    """The fields of a profile that a call sets; `*_sent` tells null from nothing."""

    group: Membership | None = None
    working_group: WorkingGroup | None = None
    group_sent: bool = False
    working_group_sent: bool = False


class ParticipantService:
    """Looks up users and keeps their profiles."""

    def __init__(
        self,
        participants: ParticipantStore,
        profiles: ProfileStore,
        compilation: CompilationService,
        clock: Clock,
    ) -> None:
        self._participants = participants
        self._profiles = profiles
        self._compilation = compilation
        self._clock = clock
        self._key_locks = KeyLocks()

    def find(self, user_id: str) -> Caller | None:
        """The user with an id, or the owner of an alias; None for an unknown one."""
        check_user_id(user_id)
        named = self._participants.get(user_id)
        if named is None:
            return None
        owner = named.profile.owner
        if owner is None:
            return Caller(named, named)
        user = self._participants.get(owner)
        return Caller(named, user if user is not None else named)

    def init(self, user_id: str, update: GroupUpdate, *, follow: bool) -> tuple[Profile, bool]:
        """Create a user, or update what is known (section 4); the profile, and whether it is new.

        Through an alias the owner is updated if `follow`, else the alias' own record.
        """
        check_user_id(user_id)
        with self._key_locks.of(user_id):
            return self._init(user_id, update, follow=follow)

    def _init(self, user_id: str, update: GroupUpdate, *, follow: bool) -> tuple[Profile, bool]:
        tries = retries("the user")
        while True:
            next(tries)
            caller = self.find(user_id)
            try:
                if caller is None:
                    now = self._clock()
                    profile = Profile(user_id, update.group, update.working_group, None, now, now)
                    self._profiles.create([profile])
                    return profile, True
                return self._updated(caller.user if follow else caller.named, update), False
            except LostRace:
                continue

    def set_groups(self, caller: Caller, update: GroupUpdate) -> Profile:
        """Replace the group or the working group of the record that a call names; the profile.

        Raises:
            ErasedMeanwhile: if the user was erased since the request began.
        """
        with self._key_locks.of(caller.named.id):
            return self._set_groups(caller, update)

    def _set_groups(self, caller: Caller, update: GroupUpdate) -> Profile:
        tries = retries("the user")
        named = caller.named
        while True:
            next(tries)
            profile = _merged(named.profile, update)
            try:
                self._replaced(named, profile)
                return profile
            except LostRace:
                current = self._participants.get(named.id)
                if current is None:
                    raise ErasedMeanwhile(f"{named.id} was erased") from None
                named = current

    def set_aliases(self, caller: Caller, aliases: Sequence[str]) -> list[str]:
        """Make some ids aliases of a user: those that are already, then those that are new.

        As in the original, nothing is stored if an id is repeated before a new one.

        Raises:
            Invalid: if they are too many, or an id is too long.
            AliasOfAnother, AliasIsUser: if an id is taken; then nothing is stored.
        """
        distinct = list(dict.fromkeys(aliases))
        if len(distinct) > ALIASES_AT_ONCE:
            raise Invalid(f"aliases: at most {ALIASES_AT_ONCE} at once, not {len(distinct)}")
        for alias in distinct:
            check_user_id(alias)
        tries = retries("the aliases")
        while True:
            next(tries)
            known = {alias: self._participants.get(alias) for alias in distinct}
            kept = self._own_aliases(caller.user.id, known)
            new = [alias for alias in distinct if known[alias] is None]
            if not new or _repeats_before(aliases, new):
                return kept
            try:
                now, owner = self._clock(), caller.user.id
                self._profiles.create(
                    [Profile(a, owner=owner, created_at=now, updated_at=now) for a in new]
                )
            except LostRace:
                continue
            return [*kept, *new]

    def _own_aliases(self, owner: str, known: Mapping[str, Participant | None]) -> list[str]:
        found = {alias: record.profile for alias, record in known.items() if record is not None}
        users = [alias for alias, profile in found.items() if profile.owner is None]
        foreign = {a: p.owner for a, p in found.items() if p.owner not in (None, owner)}
        if foreign:
            listed = [{"userId": alias, "linkedTo": other} for alias, other in foreign.items()]
            text = json.dumps(listed, indent=2, ensure_ascii=False)
            raise AliasOfAnother(
                f"Users already associated with other users {text}"
                f" and cannot be made alias of {owner}"
            )
        if users:
            text = json.dumps(users, indent=2, ensure_ascii=False)
            raise AliasIsUser(
                f"Users with ids {text} are root user and should not be converted"
                f" to an alias of {owner}"
            )
        return list(found)

    def _updated(self, participant: Participant, update: GroupUpdate) -> Profile:
        before = participant.profile
        after = _merged(before, update)
        if before.group is not None and update.group_sent and after.group is not None:
            after = replace(after, group=_sorted(after.group))
        if _same(before, after):
            return after
        self._replaced(participant, after)
        return after

    def _replaced(self, participant: Participant, after: Profile) -> None:
        change = GroupChange()
        if after.working_group is not None:
            _, compiled_catalogue = self._compilation.current()
            change = after_group_change(
                participant, after.working_group, compiled_catalogue.grouped
            )
        now = self._clock()
        self._profiles.update(participant, replace(after, updated_at=now), change, now)


def _merged(profile: Profile, update: GroupUpdate) -> Profile:
    if update.group_sent:
        profile = replace(profile, group=update.group)
    if update.working_group_sent:
        profile = replace(profile, working_group=update.working_group)
    return profile


def _sorted(group: Membership) -> Membership:
    """The lists in the order of UTF-16 code units, as JavaScript sorts."""
    return {
        kind: tuple(sorted(ids, key=lambda text: text.encode("utf-16-be")))
        for kind, ids in group.items()
    }


def _same(before: Profile, after: Profile) -> bool:
    def sets(group: Membership | None) -> Mapping[str, frozenset[str]] | None:
        return None if group is None else {kind: frozenset(ids) for kind, ids in group.items()}

    return before.working_group == after.working_group and sets(before.group) == sets(after.group)


def _repeats_before(aliases: Sequence[str], new: Sequence[str]) -> bool:
    seen: set[str] = set()
    repeated = False
    for alias in aliases:
        if alias in seen:
            repeated = True
        elif repeated and alias in new:
            return True
        seen.add(alias)
    return False

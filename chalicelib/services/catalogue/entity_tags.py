"""Tags of features, experiments, flags and segments, and changes that insist on one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.entity_tags import Kind, Shown, Subject, shown
from chalicelib.domain.errors import PreconditionFailed
from chalicelib.services.audiences.list_members import ListMembers
from chalicelib.services.audiences.ports import MemberStore
from chalicelib.services.audiences.segments import global_id
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.pools import Pool

LISTS_AT_ONCE = 8


class EntityTagService:
    """Computes tags of resources, and lets a change insist on one."""

    def __init__(
        self,
        catalogue: CatalogueService,
        members: MemberStore,
        lists: ListMembers,
        contexts: Sequence[str],
    ) -> None:
        self._catalogue = catalogue
        self._lists = lists
        self._members = members
        self._global_ids = frozenset(map(global_id, contexts))

    def current(self, subject: Subject) -> str | None:
        """The tag of a subject as it is stored now; None if there is none."""
        # The answer shows them: they are read for both.
        return self._tag(self._catalogue.fresh(), subject, lambda each: len(self._lists.of(each)))

    def written(self, subject: Subject) -> str | None:
        """The tag of a subject as the last change of this request left it, if it is there.

        It is not read anew: what others have changed since is not what this request has written.
        """
        catalogue = self._catalogue.changed
        return None if catalogue is None else self.tag(catalogue, subject)

    def insist(
        self, subject: Subject | None, accepted: Callable[[str], bool], *, creates: bool
    ) -> None:
        """Let this request change a subject only while its tag is `accepted`.

        That is looked at now, before anything is written, and once more with the catalogue that
        the first change of this request is committed on. Where there is no subject the request
        goes on, to be refused for that; unless it `creates` one, or does not mind.

        Raises:
            PreconditionFailed: if the tag is another one, now; later the change raises it.
        """

        def premise(catalogue: Catalogue) -> None:
            tag = None if subject is None else self.tag(catalogue, subject)
            if tag is None and creates:
                raise PreconditionFailed("If-Match: there is nothing that it could match", None)
            if tag is not None and not accepted(tag):
                raise PreconditionFailed(
                    f"If-Match: the {subject} has changed since: read it again, and decide anew",
                    tag,
                )

        premise(self._catalogue.fresh())
        self._catalogue.insist(premise)

    def tag(self, catalogue: Catalogue, subject: Subject) -> str | None:
        """The tag of a subject as a catalogue has it; None if there is none."""
        return self._tag(catalogue, subject, self._count)

    def _tag(
        self, catalogue: Catalogue, subject: Subject, count: Callable[[Segment], int]
    ) -> str | None:
        found = shown(catalogue, subject) or self._unmade(subject)
        return None if found is None else found.tag(_each(count, found.lists))

    def _unmade(self, subject: Subject) -> Shown | None:
        """A context's global exclusion, which is shown before anything is stored of it."""
        is_global = subject.kind is Kind.SEGMENT and subject.id in self._global_ids
        return Shown(("unmade", subject.id)) if is_global else None

    def _count(self, segment: Segment) -> int:
        return self._members.count(segment.id, segment.version)


def _each(count: Callable[[Segment], int], lists: Sequence[Segment]) -> list[int]:
    if len(lists) < 2:
        return list(map(count, lists))
    with Pool(min(len(lists), LISTS_AT_ONCE)) as pool:
        return list(pool.map(count, lists))

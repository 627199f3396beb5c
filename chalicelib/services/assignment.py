"""Assign: which conditions a user gets, computed and not stored."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from chalicelib.domain.assignment import Assignment, StratumCounts, assign, is_corrected
from chalicelib.domain.offers import ContextOffers, Offer
from chalicelib.domain.participants import Participant
from chalicelib.domain.segments import globally_excluded
from chalicelib.domain.testlab_offers import TestLabOffer, offered_to
from chalicelib.services.experiments import OfferService, UnknownContext
from chalicelib.services.ports import Clock, ParticipantStore

STRATA_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a user gets: in experiments of UpGrade's form, and in one of Test Lab."""

    assignments: tuple[Assignment, ...]
    testlab: TestLabOffer | None


class AssignmentService:
    """Answers assign."""

    def __init__(self, offers: OfferService, store: ParticipantStore, clock: Clock) -> None:
        self._offers = offers
        self._store = store
        self._clock = clock

    def assign(self, participant: Participant, context: str) -> Assigned:
        """What a user gets at all decision points of a context.

        Raises:
            UnknownContext: if there is no such context.
        """
        catalogue, offers = self._offers.current()
        offered = offers.in_context(context)
        if offered is None:
            raise UnknownContext(f"Invalid app context: {context}")
        types = offered.group_types()
        wanted = [key for key in participant.working_groups() if key.type in types]
        groups = self._store.groups(wanted) if wanted else {}
        assignments = assign(offered, participant, groups, self._strata(offered, participant))
        if globally_excluded(offered.shut_out, participant):
            return Assigned((), None)
        own = offered_to(catalogue, self._clock().date(), participant.id)
        return Assigned(tuple(assignments), own)

    def _strata(self, offered: ContextOffers, participant: Participant) -> StratumCounts:
        """The enrollments of the user's strata, where they are to be evened out."""
        stratified = [offer for offer in offered.offers if is_corrected(offer, participant)]
        if not stratified:
            return {}
        with ThreadPoolExecutor(min(len(stratified), STRATA_AT_ONCE)) as pool:
            counted = pool.map(lambda offer: self._stratum(offer, participant), stratified)
            return dict(zip((offer.number for offer in stratified), counted, strict=True))

    def _stratum(self, offer: Offer, participant: Participant) -> Mapping[str, int]:
        value = participant.strata[offer.experiment.stratification_factor or ""]
        by_number = self._store.stratum(offer.number, value)
        return {c.id: by_number.get(c.number, 0) for c in offer.conditions}

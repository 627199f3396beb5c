"""Assign: which conditions a user gets, computed and not stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.audiences.segments import globally_excluded
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.testlab_offers import TestLabOffer, offered_to
from chalicelib.domain.experiments.assignment import (
    Assignment,
    Groups,
    StratumCounts,
    assign,
    assign_at,
    is_corrected,
)
from chalicelib.domain.experiments.offers import ContextOffers, Offer
from chalicelib.domain.participants.decision_points import Place
from chalicelib.domain.participants.participants import Participant
from chalicelib.services.participants.participant_ports import ParticipantStore
from chalicelib.services.running.offers import OfferService, UnknownContext
from chalicelib.services.running.pools import Pool
from chalicelib.services.running.ports import Clock

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

    def prepare(self) -> None:
        """Read the catalogue, where several assignments of one request are to share it."""
        self._offers.current()

    def assign(
        self, participant: Participant, context: str, place: Place | None = None
    ) -> Assigned:
        """What a user gets at all decision points of a context, or of that at one of them.

        Raises:
            UnknownContext: if there is no such context.
        """
        catalogue, offered = self._offered(participant, context)
        groups, strata = self._groups(offered, participant), self._strata(offered, participant)
        assignments = assign(offered, participant, groups, strata)
        if globally_excluded(offered.shut_out, participant):
            return Assigned((), None)
        own = offered_to(catalogue, self._clock().date(), participant)
        return _at(place, Assigned(tuple(assignments), own))

    def assign_at(self, participant: Participant, context: str, place: Place) -> Assigned:
        """What a user gets at one decision point, of the experiments there alone.

        Raises:
            UnknownContext: if there is no such context.
        """
        catalogue, whole = self._offered(participant, context)
        offered = replace(whole, offers=tuple(o for o in whole.offers if place in o.places))
        if globally_excluded(offered.shut_out, participant):
            return Assigned((), None)
        groups, strata = self._groups(offered, participant), self._strata(offered, participant)
        assignments = assign_at(offered, place, participant, groups, strata)
        own = offered_to(catalogue, self._clock().date(), participant)
        return _at(place, Assigned(tuple(assignments), own))

    def _offered(self, participant: Participant, context: str) -> tuple[Catalogue, ContextOffers]:
        catalogue, offers = self._offers.current_for(participant)
        offered = offers.in_context(context)
        if offered is None:
            raise UnknownContext(f"Invalid app context: {context}")
        return catalogue, offered

    def _groups(self, offered: ContextOffers, participant: Participant) -> Groups:
        types = offered.group_types()
        wanted = [key for key in participant.working_groups() if key.type in types]
        return self._store.groups(wanted) if wanted else {}

    def _strata(self, offered: ContextOffers, participant: Participant) -> StratumCounts:
        """The enrollments of the user's strata, where they are to be evened out."""
        stratified = [offer for offer in offered.offers if is_corrected(offer, participant)]
        if not stratified:
            return {}
        with Pool(min(len(stratified), STRATA_AT_ONCE)) as pool:
            counted = pool.map(lambda offer: self._stratum(offer, participant), stratified)
            return dict(zip((offer.number for offer in stratified), counted, strict=True))

    def _stratum(self, offer: Offer, participant: Participant) -> Mapping[str, int]:
        value = participant.strata[offer.experiment.stratification_factor or ""]
        by_number = self._store.stratum(offer.number, value)
        return {c.id: by_number.get(c.number, 0) for c in offer.conditions}


def _at(place: Place | None, assigned: Assigned) -> Assigned:
    """What of it is at a decision point, or everything."""
    if place is None:
        return assigned
    own = assigned.testlab
    is_there = own is not None and place == Place(own.feature.name, "")
    return Assigned(
        tuple(each for each in assigned.assignments if each.point.place == place),
        own if is_there else None,
    )

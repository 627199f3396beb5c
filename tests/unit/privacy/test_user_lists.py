"""Which lists name a user, and what they are lists of."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.user_lists import naming_lists
from tests.unit.measure_samples import flag
from tests.unit.samples import feature
from tests.unit.upgrade_service_samples import design, segment

OWN = replace(segment("own", kind=SegmentType.PRIVATE), version=3)
PUBLIC = replace(segment("public"), version=5)
AROUND = segment("around", kind=SegmentType.PRIVATE, sub_segments=["public"])
PARENT = segment("parent", sub_segments=["public"])
CATALOGUE = Catalogue(
    features=(replace(feature(1), design=design("e", include=["own"], exclude=["around"])),),
    segments={each.id: each for each in (OWN, PUBLIC, AROUND, PARENT)},
    flags={"f": flag("f", feature_id=2)},
)


def test_a_list_tells_whose_it_is_at_any_depth_and_on_which_side() -> None:
    own, public = naming_lists(CATALOGUE, "u", [("public", 5), ("own", 3)])
    assert (own.user_id, own.segment, own.parents) == ("u", OWN, ())
    assert [(use.holder.id, use.exclude) for use in own.uses] == [("e", False)]
    assert [(use.holder.id, use.exclude) for use in public.uses] == [("e", True)]
    assert public.parents == (PARENT,)


def test_what_is_in_force_no_more_names_nobody() -> None:
    assert naming_lists(CATALOGUE, "u", [("own", 2), ("gone", 1)]) == ()

from __future__ import annotations

from decimal import Decimal

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.features import (
    NAME_LENGTH,
    VARIANTS_PER_FEATURE,
    FeatureType,
    Variant,
    VariantDraft,
    check_variants,
    make_variants,
)
from tests.unit.samples import draft, drafts


def test_kinds_are_numbered_as_in_the_api() -> None:
    assert [(kind.name, int(kind)) for kind in FeatureType] == [
        ("TOGGLE", 1),
        ("ROLLOUT", 2),
        ("EXPERIMENT", 3),
    ]


@pytest.mark.parametrize("character", ["a", "é", "😀"])
def test_a_name_has_up_to_255_characters_of_any_size(character: str) -> None:
    assert NAME_LENGTH == 255
    assert draft(character * 255).name == character * 255
    with pytest.raises(Invalid, match=r"^name: at most 255 characters, not 256$"):
        draft(character * 256)


@pytest.mark.parametrize("share", ["0", "1", "0.5", "1.0", "1E-30"])
def test_a_share_lies_from_0_to_1(share: str) -> None:
    assert draft(share=share).user_percentage == Decimal(share)


@pytest.mark.parametrize("share", ["-0.1", "1.0000000000000000000000000000000000001", "2", "-1E-9"])
def test_a_share_out_of_range_is_refused(share: str) -> None:
    with pytest.raises(Invalid, match=r"^user_percentage: from 0 to 1, not "):
        draft(share=share)


def test_a_feature_has_1_to_20_variants() -> None:
    assert VARIANTS_PER_FEATURE == 20
    check_variants(1, drafts(1, None))
    check_variants(1, drafts(1, *[None] * 20))
    for count in (0, 21):
        with pytest.raises(Invalid, match=f"^variants: from 1 to 20, not {count}$"):
            check_variants(1, drafts(1, *[None] * count))


def test_variants_belong_to_the_feature_of_the_path() -> None:
    with pytest.raises(Invalid, match=r"^feature_id: 2 is not the 1 of the path$"):
        check_variants(1, [*drafts(1, "0.5"), *drafts(2, "0.5")])


@pytest.mark.parametrize(
    "weights",
    [
        ("1",),
        ("0", "1"),
        ("0.1",) * 10,
        ("0.3", "0.3", "0.4"),
        ("0.5", "0.500000001"),
        ("0.5", "0.499999999"),
        ("0.333333333", "0.333333333", "0.333333333"),
        ("0.5", "0.5000000009999999999999999999999999999"),
    ],
)
def test_weights_sum_to_1_within_a_billionth(weights: tuple[str, ...]) -> None:
    check_variants(1, drafts(1, *weights))


@pytest.mark.parametrize(
    "weights",
    [
        ("0.5",),
        ("0", "0"),
        ("0.5", "0.6"),
        ("0.5", "0.4999999989"),
        ("0.5", "0.5000000011"),
        ("0.5", "0.5000000010000000000000000000000000001"),
        ("0.5", "0.4999999989999999999999999999999999999"),
    ],
)
def test_weights_of_another_sum_are_refused(weights: tuple[str, ...]) -> None:
    with pytest.raises(Invalid, match=r"^weight: the sum must be 1, not "):
        check_variants(1, drafts(1, *weights))


@pytest.mark.parametrize("weights", [("-0.1", "1.1"), ("2", "-1"), ("1.1",), ("1", "-1E-10")])
def test_each_weight_lies_from_0_to_1(weights: tuple[str, ...]) -> None:
    with pytest.raises(Invalid, match=r"^weight: from 0 to 1, not "):
        check_variants(1, drafts(1, *weights))


@pytest.mark.parametrize("count", range(1, VARIANTS_PER_FEATURE + 1))
def test_equal_default_weights_are_a_valid_list(count: int) -> None:
    made = make_variants(1, drafts(1, *[None] * count), range(count))
    assert len({variant.weight for variant in made}) == 1
    assert abs(sum((variant.weight for variant in made), Decimal(-1))) <= Decimal("1E-9")
    check_variants(1, drafts(1, *[str(variant.weight) for variant in made]))


@pytest.mark.parametrize(
    ("count", "weight"),
    [(1, "1"), (2, "0.5"), (3, "0.3333333333333333"), (6, "0.1666666666666667"), (20, "0.05")],
)
def test_a_default_weight_is_written_short(count: int, weight: str) -> None:
    made = make_variants(1, drafts(1, *[None] * count), range(count))
    assert {format(variant.weight, "f") for variant in made} == {weight}


def test_a_draft_without_weight_gets_an_equal_share_beside_those_with() -> None:
    made = make_variants(1, drafts(1, None, "0.5"), [1, 2])
    assert [variant.weight for variant in made] == [Decimal("0.5"), Decimal("0.5")]
    with pytest.raises(Invalid, match="sum"):
        check_variants(1, drafts(1, "0.25", None, "0.25"))


def test_variants_are_numbered_in_their_order_and_keep_what_was_given() -> None:
    given = [
        VariantDraft(4, "red", True, Decimal("0.50")),
        VariantDraft(4, "", weight=Decimal("0.5")),
    ]
    made = make_variants(4, given, [17, 18])
    assert made == (
        Variant(17, 4, "red", True, Decimal("0.5")),
        Variant(18, 4, "", False, Decimal("0.5")),
    )
    assert str(made[0].weight) == "0.50"


def test_every_variant_needs_an_id() -> None:
    with pytest.raises(ValueError, match="zip"):
        make_variants(4, drafts(4, None, None), [17])


def test_no_variants_are_made_of_a_refused_list() -> None:
    with pytest.raises(Invalid, match="sum"):
        make_variants(4, drafts(4, "0.5"), [17])

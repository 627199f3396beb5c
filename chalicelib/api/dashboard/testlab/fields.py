"""Values of the forms of Test Lab's features, and rows of them as they were typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from chalicelib.api.dashboard.serving.forms import PLACES
from chalicelib.api.testlab.fields import Boolean, Share, Text
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.features.features import VARIANTS_PER_FEATURE, VariantDraft

WHOLE = 100
EXACT = 60
"""Digits with which per cent are counted: numbers have 38 at most."""


def _of_percent(value: Decimal) -> Decimal:
    if not 0 <= value <= WHOLE:
        raise ValueError(f"from 0 to 100 per cent, not {value}")
    with localcontext(prec=EXACT):
        return (value / WHOLE).normalize()


Percent = Annotated[Share, AfterValidator(_of_percent)]
"""A share that is typed as per cent: "12.5" is 0.125."""


class VariantRow(BaseModel):
    """A variant as it is typed."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    value: Text
    weight: Percent | None = None
    is_control: Boolean = False

    def draft(self) -> VariantDraft:
        """The variant, of a feature that is not known here."""
        return VariantDraft(0, self.value, self.is_control, self.weight)


def _whole(rows: tuple[VariantRow, ...]) -> tuple[VariantRow, ...]:
    if len(rows) > VARIANTS_PER_FEATURE:
        raise ValueError(f"at most {VARIANTS_PER_FEATURE} variants, not {len(rows)}")
    given = [row.weight for row in rows if row.weight is not None]
    if 0 < len(given) < len(rows):
        raise ValueError("give a weight to all of them, or to none for equal shares")
    with localcontext(prec=EXACT):
        total = sum(given, Decimal(0)) * WHOLE
        if given and abs(total - WHOLE) > Decimal("1e-7"):
            raise ValueError(f"the weights add up to {total.normalize():f} %, not to 100 %")
    return rows


VariantRows = Annotated[tuple[VariantRow, ...], AtMost(PLACES), AfterValidator(_whole)]
"""Variants whose weights add up, or that have none and get equal shares."""


def marked(fields: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The fields of a form with the mark of control at the variant that it names.

    >>> marked({"control": ["1"], "variants.1.value": ["b"]})["variants.1.is_control"]
    ['true']
    """
    control = fields.get("control", [""])[-1]
    left = {name: values for name, values in fields.items() if name != "control"}
    if left.get(f"variants.{control}.value", [""])[-1].strip():
        left[f"variants.{control}.is_control"] = ["true"]
    return left

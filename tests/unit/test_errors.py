from __future__ import annotations

import re

from chalicelib.domain import errors
from chalicelib.domain.errors import SwitchyardError


def test_the_tree_of_errors_is_the_one_its_docstring_draws() -> None:
    drawn = re.findall(r"^[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    assert {error.__name__ for error in SwitchyardError.__subclasses__()} == set(drawn)
    assert set(drawn) <= set(vars(errors))

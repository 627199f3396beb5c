"""Secrets of a deployed stage, from SSM's Parameter Store."""

from __future__ import annotations

from aws_lambda_powertools.utilities.parameters import get_parameter
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from chalicelib.domain.errors import Unavailable

AGE = 300
"""Seconds for which a process trusts what it has read."""


def secret(name: str) -> str:
    """The value of a SecureString.

    Raises:
        Unavailable: if it cannot be read.
    """
    try:
        return get_parameter(name, decrypt=True, max_age=AGE)
    except GetParameterError as error:
        raise Unavailable(f"the parameter {name} cannot be read") from error

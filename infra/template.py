"""`infra/resources.json`: what a stage has besides its functions and routes.

`chalice package` merges the file into its template; `infra.cloud` makes the same things for a stage
that plain `chalice deploy` made. So there is one description of both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.api.protocol.cors import Cors
from chalicelib.settings import Settings
from infra.stages import PROJECT, config_of

RESOURCES = PROJECT / "infra" / "resources.json"
PRODUCTION = "prod"

NO_VALUE = "AWS::NoValue"
NOTHING = object()
"""What `AWS::NoValue` stands for: the property is left out."""


def deployed_stages() -> tuple[str, ...]:
    """The stages of `.chalice/config.json` that run in AWS."""
    config = json.loads((PROJECT / ".chalice" / "config.json").read_text())
    return tuple(stage for stage in config["stages"] if stage != "local")


def environment(stage: str) -> dict[str, str]:
    """The environment variables of a stage's functions."""
    return dict(config_of(stage).environment_variables)


def for_stage(stage: str) -> dict[str, Any]:
    """The template of one stage: its parameters have the stage's values.

    Outside production, tables go when the stack goes. (CloudFormation takes no condition there.)
    """
    template: dict[str, Any] = json.loads(RESOURCES.read_text())
    variables = environment(stage)
    cors = _cors(variables)
    values = {
        "Stage": stage,
        "TablePrefix": variables["TABLE_PREFIX"],
        "CorsOrigin": cors.allow_origin,
        "CorsAllowedHeaders": cors.allow_headers,
    }
    for name, value in values.items():
        # Only this value: the functions' environment and policies in the template say the same.
        # A pattern, for the linter takes it ill if a condition on the only value is always true.
        template["Parameters"][name] |= {
            "Default": value,
            "AllowedPattern": f"^{re.escape(value)}$",
        }
    if stage != PRODUCTION:
        for resource in template["Resources"].values():
            if resource.get("Type") == "AWS::DynamoDB::Table":
                resource |= {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
                resource["Properties"]["DeletionProtectionEnabled"] = False
    return template


def _cors(variables: Mapping[str, str]) -> Cors:
    """What the functions tell browsers, which have these environment variables."""
    given: dict[str, Any] = {
        name: variables[name.upper()]
        for name in ("cors_origin", "cors_headers")
        if name.upper() in variables
    }
    settings = Settings(**given)
    return Cors(settings.cors_origin, settings.cors_headers)


class Resolver:
    """Works out CloudFormation's functions, as far as the template's own resources use them."""

    def __init__(self, template: Mapping[str, Any], **known: Any) -> None:
        """`known` are values of parameters, and of anything else that `Ref` may name.

        Raises:
            KeyError: for a value of a parameter that the template does not have.
        """
        parameters = template["Parameters"]
        self._known = {name: p["Default"] for name, p in parameters.items() if "Default" in p}
        self._known |= {name.replace("__", "::"): value for name, value in known.items()}
        self._known[NO_VALUE] = NOTHING
        self._conditions = template["Conditions"]

    def __call__(self, value: Any) -> Any:
        """`value` with every function in it worked out.

        Raises:
            KeyError: for what is not known.
            ValueError: for a function other than Ref, Fn::Sub and Fn::If.
        """
        if isinstance(value, list):
            return [self(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self._known[argument]
            if name == "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(self._known[found[1]]), argument)
            if name == "Fn::If":
                condition, then, otherwise = argument
                return self(then if self.holds(condition) else otherwise)
            if name.startswith("Fn::"):
                raise ValueError(f"{name} is not worked out here")
        resolved = {key: self(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NOTHING}

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template is true."""
        return self._true(self._conditions[condition])

    def _true(self, expression: dict[str, Any]) -> bool:
        ((name, argument),) = expression.items()
        if name == "Fn::Not":
            return not self._true(argument[0])
        if name == "Fn::Equals":
            left, right = map(self, argument)
            return str(left) == str(right)
        raise ValueError(f"{name} is not worked out here")

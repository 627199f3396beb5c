"""What a view calls is seen through aliases, helpers, and what it hands on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from chalicelib.services import Services
from chalicelib.services.flags.flags import FlagService
from tests.unit.service_calls import Escaped, use_cases

GET, EXPOSURES, ALL_METRICS = "flags.get", "flags.exposures", "metrics.all"


def direct(services: Services) -> object:
    return services.flags.get("f")


def counted(flags: FlagService) -> object:
    return flags.exposures([])


def with_metrics(services: Services) -> object:
    return direct(services), services.metrics.all()


def by_alias(services: Services) -> object:
    flags = services.flags
    everything, own = services, flags
    return own.get("f"), everything.metrics.all()


def by_helpers(services: Services) -> object:
    return with_metrics(services), counted(services.flags)


def handed_on(services: Services) -> object:
    return partial(counted, services.flags), list(map(direct, [services]))


def bound(services: Services) -> object:
    return list(map(services.flags.get, ["f"]))


def in_a_lambda(services: Services) -> object:
    return lambda: (direct(services), counted(services.flags))


def configured(services: Services) -> object:
    return services.segments.contexts, direct(services)


def either(services: Services, which: str) -> object:
    if which:
        return services.flags.get("f")
    return services.metrics.all()


def one_of_two_then_another(services: Services, which: str) -> object:
    found = None
    if which:
        found = services.flags.get("f")
    return found, services.metrics.all()


def after_a_refusal(services: Services, which: str) -> object:
    found = services.flags.get("f")
    if which:
        return found
    return found, services.metrics.all()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (direct, {GET}),
        (counted, {EXPOSURES}),
        (by_alias, {GET, ALL_METRICS}),
        (by_helpers, {GET, ALL_METRICS, EXPOSURES}),
        (handed_on, {GET, EXPOSURES}),
        (bound, {GET}),
        (in_a_lambda, {GET, EXPOSURES}),
        (configured, {GET}),
        (one_of_two_then_another, {GET, ALL_METRICS}),
        (after_a_refusal, {GET, ALL_METRICS}),
    ],
)
def test_what_a_function_calls_is_seen(function: Callable[..., object], expected: set[str]) -> None:
    assert use_cases(function) == expected


def test_ways_that_exclude_each_other_do_not_add_up() -> None:
    assert len(use_cases(either)) == 1


def test_services_that_cannot_be_followed_are_told() -> None:
    def to_an_unknown(services: Services, view: Callable[[Services], object]) -> object:
        return view(services)

    def kept(services: Services) -> object:
        return Holder(services)

    def perhaps(services: Services | None) -> object:
        return services

    for function in (to_an_unknown, kept, perhaps):
        with pytest.raises(Escaped):
            use_cases(function)


class Holder:
    def __init__(self, services: Services) -> None:
        self.services = services

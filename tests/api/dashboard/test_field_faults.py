"""Faults of forms that were refused, each with the field that it is about."""

from __future__ import annotations

import re
from html import unescape

from tests.api.dashboard import test_designs, test_feature_design
from tests.api.dashboard.pages import Seen, load, submit
from tests.api.dashboard.test_design_plans import plan, with_queries
from tests.http import Gateway

FAULT = re.compile(r'<template data-fault="(.*?)" data-form="(.*?)">(.*?)</template>', re.DOTALL)


def faults(page: Seen) -> dict[str, str]:
    """The faults of a page by the fields that they are about."""
    found = FAULT.findall(page.answer.text)
    return {unescape(name): unescape(fault) for name, _, fault in found}


def test_a_page_that_nobody_refused_has_none(gateway: Gateway) -> None:
    assert faults(load(gateway, "/dashboard/flags/new")) == {}


def test_all_fields_that_are_wrong_are_told(gateway: Gateway) -> None:
    page = submit(gateway, "/dashboard/flags/new", {"name": "", "key": "k", "context": ""})
    assert {*faults(page)} >= {"name", "context"}


def test_a_row_keeps_the_place_that_it_has_in_the_form(gateway: Gateway) -> None:
    made = test_feature_design.experiment(gateway)
    fields = {
        "variants.0.value": "a",
        "variants.0.weight": "50",
        "variants.2.value": "",
        "variants.3.value": "b",
        "variants.3.weight": "150",
    }
    page = submit(
        gateway, test_feature_design.page_of(made), {"do": "variants", "control": "0", **fields}
    )
    assert faults(page) == {"variants.3.weight": "from 0 to 100 per cent, not 150"}
    assert FAULT.findall(page.answer.text)[0][1] == "variants"


def test_a_rule_of_the_domain_is_told_at_its_field(gateway: Gateway) -> None:
    experiment_id = with_queries(gateway)
    page = plan(gateway, experiment_id, {"plan.units": "1"})
    assert faults(page)["plan.units"].startswith("from 2 to")


def test_a_fault_in_the_words_of_the_api_is_told_at_the_field_of_the_form(
    gateway: Gateway,
) -> None:
    experiment_id = test_designs.made(gateway)
    page = test_designs.edits(gateway, experiment_id, conditions__1__weight="half")
    assert faults(page) == {"conditions.1.weight": "must be a number"}

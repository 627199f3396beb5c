"""The calculator as a page: questions are in the address, answers in sentences."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.api.dashboard.pages import Seen, load
from tests.http import Gateway

PLACE = "/dashboard/calculator"
HOSTILE = "\"><script>alert(1)</script>'\u202e"


def ask(gateway: Gateway, **fields: str) -> Seen:
    return load(gateway, f"{PLACE}?{urlencode(fields)}")


def test_without_a_question_there_is_the_form_and_an_example(gateway: Gateway) -> None:
    page = load(gateway, PLACE)
    assert page.status == 200
    assert "Answer" not in page.text
    assert "note bad" not in page.answer.text
    example = next(link for link in page.links if "rate=" in link)
    answered = load(gateway, f"/{example.removeprefix('../')}")
    assert "after 14 days" in answered.text or "days" in answered.text
    assert "Control needs" in answered.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"rate": "10 %", "difference": "2%"}, "Control needs"),
        ({"rate": "0.1", "n": "5000"}, "Control with 5,000 users is enough to find"),
        ({"kind": "means", "sd": "3", "difference": "0.5", "mode": "open"}, "holds at every look"),
        ({"kind": "pairs", "sd": "1", "n": "30"}, "30 users under both conditions"),
        (
            {"kind": "groups", "rate": "0.2", "group_size": "25", "icc": "0.1", "n": "40"},
            "Control with 40 groups",
        ),
        (
            {"kind": "margin", "rate": "20 %", "margin": "2 %", "guardrails": "3"},
            "no more than 2.0 percentage points is lost",
        ),
        ({"rate": "0.1", "difference": "0.02", "users_per_day": "500"}, "At 500 users a day"),
        (
            {"rate": "0.1", "difference": "0.02", "comparisons": "3", "ratio": "2", "power": "90%"},
            "a chance of 90 %",
        ),
    ],
)
def test_each_question_has_its_sentence(
    gateway: Gateway, fields: dict[str, str], says: str
) -> None:
    page = ask(gateway, **fields)
    assert page.status == 200
    assert says in page.text
    assert "note bad" not in page.answer.text
    for name, value in fields.items():
        if name != "mode":
            assert page.fields[name] == value


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (
            {"rate": "10 %"},
            "Fill in either “Smallest difference that matters” or “Users of control”",
        ),
        ({"rate": "0.1", "difference": "0.1", "n": "5"}, "Fill in either"),
        ({"rate": "2", "difference": "0.1"}, "Rate of control: more than 0 and less than 1, not 2"),
        ({"difference": "0.1"}, "Rate of control: Field required"),
        ({"rate": "many %", "difference": "0.1"}, "Rate of control: "),
        ({"rate": HOSTILE, "difference": HOSTILE}, "Rate of control: "),
        ({"rate": "0.1", "n": "5", "users_per_day": "5"}, "users_per_day: only with an effect"),
        ({"kind": "groups", "group_size": "9", "icc": "0", "n": "9"}, "give either rate"),
        ({"kind": "margin", "n": "9"}, "give either rate"),
        ({"kind": "margin", "sd": "9"}, "Most that may be lost"),
        ({"rate": "0.1", "difference": "1e-12"}, "too small"),
        ({"rate": "0.1", "difference": "0.02", "mode": "x"}, "How it ends"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    gateway: Gateway, fields: dict[str, str], says: str
) -> None:
    page = ask(gateway, **fields)
    assert page.status == 200
    assert says in page.text
    for name, value in fields.items():
        if name != "mode":
            assert page.fields[name] == value
    assert "<script>alert" not in page.answer.text


@pytest.mark.parametrize("kind", ["", "nonsense", HOSTILE])
def test_an_unknown_kind_is_the_first(gateway: Gateway, kind: str) -> None:
    assert ask(gateway, kind=kind).fields["kind"] == "proportions"

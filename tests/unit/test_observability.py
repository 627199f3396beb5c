"""What is told of exceptions."""

from __future__ import annotations

from chalicelib.observability import outline


def caught(error: Exception, cause: BaseException | None) -> Exception:
    try:
        raise error from cause
    except Exception as raised:  # noqa: BLE001 - whatever it was
        return raised


def test_causes_are_told_after_what_they_led_to_without_what_they_say() -> None:
    lines = outline(caught(KeyError("ada"), ValueError("ada")))
    assert [line for line in lines if not line.startswith(" ")] == [
        "builtins.KeyError",
        "builtins.ValueError",
    ]
    assert "ada" not in "".join(lines)


def test_an_exception_that_is_its_own_cause_is_told_once() -> None:
    error = KeyError("ada")
    error.__cause__ = error
    assert outline(error) == ["builtins.KeyError"]

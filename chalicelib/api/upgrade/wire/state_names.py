"""What administrators call the states of experiments."""

from __future__ import annotations

from chalicelib.domain.experiments.experiments import (
    State,
)

DISPLAY_NAMES = {
    State.ENROLLING: "running",
    State.ENROLLMENT_COMPLETE: "paused",
    State.CANCELLED: "completed",
}
"""What administrators call some of the states."""


def display_name(state: State) -> str:
    """The name of a state that administrators know."""
    return DISPLAY_NAMES.get(state, state.value)

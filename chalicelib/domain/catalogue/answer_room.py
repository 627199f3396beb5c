"""How much of an answer that must be whole each feature, experiment and flag takes.

Lambda's answers end at 6 MB. What comes in pages may grow for ever; what clients poll or are
assigned comes at once, and so does each experiment by itself: what would not fit any more is
refused when it is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.experiments import (
    ConditionOrder,
    Experiment,
    Level,
    Payload,
    State,
    Unit,
)
from chalicelib.domain.experiments.seedrandom import QUEUE_LENGTH
from chalicelib.domain.features.features import Feature
from chalicelib.domain.flags.flags import Flag, FlagStatus

FEATURE_BYTES = 300
"""JSON of a feature of Test Lab without its texts, numbers included."""

VARIANT_BYTES = 160
"""JSON of a variant without its value."""

ITEM_BYTES = 200
"""JSON of what assign answers of a decision point, without site, target and condition."""

CONDITION_BYTES = 250
"""JSON of an assigned condition without its texts."""

LEVEL_BYTES = 80
"""JSON of a level of a factorial condition without its texts."""

HEAD_BYTES = 900
"""JSON of an experiment without its parts and texts."""

PART_BYTES = 450
"""JSON of a condition, point, level, payload or query of a design without its texts."""

SHOWN_BYTES = 3_000_000
"""What an experiment may take where it is shown; its metrics and lists need some room beside it."""


def answer_bytes(text: str) -> int:
    """The bytes of a text in an answer, as far as they count against what one may have.

    That is its UTF-8, or three quarters of the JSON that Lambda makes of it, where quotes are
    escaped and what is not ASCII takes up to three times its bytes: 4 MB are at most 5.3 MB there.
    Rounded up, so that the bytes of parts are never fewer than those of the whole.

    >>> answer_bytes("plain"), answer_bytes("é" * 4)
    (6, 20)
    """
    return max(len(text.encode()), -(len(json.dumps(text)) * -3 // 4))


def listed_bytes(feature: Feature) -> int:
    """What a feature of Test Lab takes, with its variants, at the most."""
    texts = [feature.name, feature.description or "", str(feature.user_percentage)]
    for variant in feature.variants:
        texts += [variant.value, str(variant.weight)]
    return FEATURE_BYTES + len(feature.variants) * VARIANT_BYTES + sum(map(_text_bytes, texts))


def assigned_bytes(experiment: Experiment) -> int:
    """What an experiment in UpGrade's form takes in the answer of assign, at the most."""
    if experiment.state is State.ARCHIVED:
        return 0
    compiled = CompiledExperiment.of(0, experiment, {})
    codes = {
        condition.id: CONDITION_BYTES
        + _text_bytes(compiled.answered_code(condition))
        + sum(
            LEVEL_BYTES
            + _text_bytes(factor.name)
            + _text_bytes(level.name)
            + (_text_bytes(level.payload.value) if level.payload else 0)
            for factor, level in compiled.combined(condition)
        )
        for condition in compiled.conditions
    }
    total = 0
    is_drawn = experiment.condition_order in (
        ConditionOrder.RANDOM,
        ConditionOrder.RANDOM_ROUND_ROBIN,
    )
    for point in experiment.points:
        sizes = [
            codes[condition.id] + (_text_bytes(payload.value) if payload else 0)
            for condition in compiled.conditions
            for payload in (compiled.payload(condition, point),)
        ]
        conditions = max(sizes, default=0)
        if experiment.unit is Unit.WITHIN_SUBJECTS:
            conditions *= len(sizes) + QUEUE_LENGTH if is_drawn else len(sizes)
        total += ITEM_BYTES + _text_bytes(point.site) + _text_bytes(point.target) + conditions
    return total


def shown_bytes(experiment: Experiment) -> int:
    """What an experiment takes in any answer of its administration, at the most.

    That is without its metrics, its lists and the log of its states. Each query shows the
    experiment again, each condition the levels that it combines; and a change of state shows
    points and queries twice, before and after.
    """
    head = HEAD_BYTES + _texts(
        experiment.id, experiment.name, experiment.description, experiment.context,
        experiment.group, experiment.revert_to, experiment.stratification_factor, *experiment.tags,
    )  # fmt: skip
    levels = {
        level.id: _level_bytes(level) for factor in experiment.factors for level in factor.levels
    }
    conditions = sum(
        PART_BYTES
        + _texts(each.id, each.code, each.name, each.description, each.two_character_id)
        + sum(PART_BYTES + levels[element.level_id] for element in each.levels)
        for each in experiment.conditions
    )
    points = sum(
        PART_BYTES
        + _texts(each.id, each.site, each.target, each.description, each.two_character_id)
        for each in experiment.points
    )
    payloads = sum(
        PART_BYTES + _texts(each.id) + _payload_bytes(each.payload) for each in experiment.payloads
    )
    factors = sum(
        PART_BYTES
        + _texts(each.id, each.name, each.description)
        + sum(levels[level.id] for level in each.levels)
        for each in experiment.factors
    )
    queries = sum(PART_BYTES + _value_bytes(query) for query in experiment.queries)
    heads = head * (2 + len(experiment.queries))
    return heads + conditions + 2 * points + payloads + factors + 2 * queries


def check_shown(experiment: Experiment) -> None:
    """Refuse an experiment that no answer could show.

    Raises:
        Invalid: if so.
    """
    if shown_bytes(experiment) > SHOWN_BYTES:
        raise Invalid(
            f"the experiment would be answered with more than {SHOWN_BYTES} bytes: shorten its"
            " description, which each query shows again, or those of the levels, which each"
            " condition shows again, or ask fewer queries"
        )


def flagged_bytes(flag: Flag) -> int:
    """What a flag takes in the answer of featureflag, at the most."""
    return _text_bytes(flag.key) + 1 if flag.status is FlagStatus.ENABLED else 0


def _texts(*texts: str | None) -> int:
    return sum(_text_bytes(text) for text in texts if text)


def _level_bytes(level: Level) -> int:
    payload = _payload_bytes(level.payload) if level.payload else 0
    return PART_BYTES + _texts(level.id, level.name, level.description) + payload


def _payload_bytes(payload: Payload) -> int:
    return _texts(payload.type, payload.value)


def _value_bytes(value: object) -> int:
    """The text in a plain value; the rest of it is reckoned with the part that it is of."""
    if isinstance(value, Mapping):
        return sum(map(_value_bytes, value.values()))
    return _text_bytes(value) if isinstance(value, str) else 0


def _text_bytes(text: str) -> int:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return len(text) + 3  # as almost all are: measuring them costs a tenth
    return answer_bytes(json.dumps(text, ensure_ascii=False))

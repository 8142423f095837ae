"""Settings cannot break what the documentation promises about personal data and outcomes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from config import topics
from config.settings import Settings

DAY_S = 86_400.0


def test_a_processed_command_is_gone_within_a_day_whatever_is_set() -> None:
    latest = Settings(commands_keep_s=23 * 3600.0, commands_trim_interval_s=1800.0)

    assert latest.commands_keep_s + 2 * latest.commands_trim_interval_s <= DAY_S


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("commands_keep_s", DAY_S + 1),
        ("commands_keep_s", 23.5 * 3600),
        ("commands_keep_s", -1),
        ("commands_trim_interval_s", 0),
        ("commands_trim_interval_s", 3600),
        ("outcomes_keep_s", DAY_S - 1),
    ],
)
def test_a_time_that_breaks_the_promise_is_refused_by_its_name(setting: str, value: float) -> None:
    with pytest.raises(ValidationError, match=setting):
        Settings.model_validate({setting: value})


def test_an_outcome_outlives_its_command_in_every_log() -> None:
    least = Settings(outcomes_keep_s=DAY_S)

    assert least.outcomes_keep_s > Settings.model_fields["commands_keep_s"].default
    assert least.outcomes_keep_s >= DAY_S


def test_segments_of_commands_are_small_and_short() -> None:
    [declared] = [topic for topic in topics.declared_by(Settings()) if topic.name == topics.COMMANDS]

    assert int(declared.settings["segment.ms"]) <= topics.HOUR_MS
    assert int(declared.settings["segment.bytes"]) <= 16 << 20

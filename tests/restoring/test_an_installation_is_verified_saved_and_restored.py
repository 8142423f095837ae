"""Under load everything is verified, damage is found and healed, and a backup becomes an installation that is verified, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.restoring.trial import DAMAGE, NOBODY, Options, run


@pytest.mark.slow
def test_an_installation_is_verified_healed_saved_and_restored(tmp_path: Path) -> None:
    lines: list[str] = []

    result = run(Options(tmp_path), lines.append)

    assert result.under_load.clean, result.under_load.as_text(values=True)
    assert {(one.table, one.what) for one in result.healed.healed} == {("summary", what) for what in DAMAGE}
    assert NOBODY in {one.whom for one in result.healed.healed}
    assert result.healed.clean, result.healed.as_text(values=True)
    assert result.restored.clean, result.restored.as_text(values=True)
    assert result.restored.tally.persons == 32
    # Nothing but what somebody waits for: a copy that an operator made is compared in the place of its event.
    for report in (result.under_load, result.restored):
        assert report.tally.left_out["events that wait in quarantine of fold_persons"] == 1
        assert report.tally.left_out["days of statistics with discarded or edited events"] == 1
        assert not [reason for reason in report.tally.left_out if reason.startswith(("persons with", "partitions"))]
    assert result.restored.tally.sagas == result.under_load.tally.sagas >= 3
    assert result.restored.tally.records > result.restored.tally.events > 100
    assert (result.answers_differ, result.persons_lost) == (0, 0)
    assert result.manifest.decided
    assert not list(tmp_path.rglob("*.tmp"))

"""`faust agents` shows the whole application: every agent by its name, with the topic that it folds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_faust_lists_the_agents_by_name_and_topic(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "faust", "-A", "app", "--datadir", str(tmp_path), "agents"]
    shown = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60)

    assert shown.returncode == 0, shown.stderr
    assert dict(re.findall(r"@agents\.(\w+)\s*\|\s*([\w.]+)", shown.stdout)) == {
        "adopt_outcomes": "person.commands",
        "advance_sagas": "person.events",
        "announce_changes": "person.events",
        "apply_policies": "person.events",
        "decide_person": "person.commands",
        "decide_rule": "person.commands",
        "decide_saga": "person.commands",
        "expire_outcomes": "person.commands",
        "feed_index": "person.events",
        "feed_saga_index": "person.sagas",
        "fire_timers": "person.timers",
        "fold_persons": "person.events",
        "fold_sagas": "person.sagas",
        "heal_rows": "person.events",
        "heal_saga_rows": "person.sagas",
        "mark_live_position": "person.events",
        "mark_position": "person.events",
        "measure_commands": "person.commands",
        "measure_events": "person.events",
        "park_poison": "person.events",
        "project_network": "person.events",
        "project_search": "person.events",
        "project_skills": "person.events",
        "project_statistics": "person.events",
        "project_summary": "person.events",
        "project_timeline": "person.events",
        "project_views": "person.events",
        "request_analysis": "person.events",
        "send_effects": "person.sagas",
        "sweep_inactivity": "person.timers",
        "translate_agent": "person.foreign",
        "translate_git": "person.foreign",
        "translate_identity": "person.foreign",
        "translate_location": "person.foreign",
        "translate_organization": "person.foreign",
    }

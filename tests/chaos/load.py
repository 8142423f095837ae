"""The commands of a round, as a pure function of its seed: who is asked for what, and when each is due.

Names and ids are made of the seed; a round touches persons of its own, so that it can be run again alone."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from domain.ids import NS, derive
from ops.client import CommandMessage

PERSONS = 150
SOURCE = "/tests/chaos"
ACTOR = "user:chaos"

_IN_LETTERS = str.maketrans("0123456789", "abcdefghij")

TWICE = 0.03
"""Share of commands that an impatient sender sends again although the first copy was acknowledged."""


@dataclass(frozen=True)
class DueCommand:
    """A command and when it is sent, in seconds after the load began. `again_at_s`: the sender is impatient."""

    at_s: float
    message: CommandMessage
    again_at_s: float | None = None


def commands(seed: int, *, per_s: float, seconds: float) -> list[DueCommand]:
    """All commands of a round, by time. A shorter load is the beginning of a longer one."""
    chance = random.Random(f"commands {seed}")
    lives = [_Life(derive(NS, f"chaos {seed} person {number}")) for number in range(PERSONS)]
    due = []
    for number in range(int(per_s * seconds)):
        at = number / per_s
        life = chance.choice(lives)
        kind, data, version = life.next(chance)
        message = CommandMessage(
            f"person.commands.{kind}",
            data,
            life.person_id,
            actor=ACTOR,
            id=str(uuid.uuid5(uuid.UUID(life.person_id), f"command {number}")),
            source=SOURCE,
            expected_version=version,
        )
        again = at + chance.uniform(0.05, 3.0) if chance.random() < TWICE else None
        due.append(DueCommand(at, message, again))
    return due


class _Life:
    """What a sender believes of one person; it is wrong whenever a command before was refused."""

    def __init__(self, person_id: str) -> None:
        self.person_id = person_id
        self._created = False
        self._suspended = False
        self._components: list[str] = []
        self._names = self._numbers()

    def next(self, chance: random.Random) -> tuple[str, dict[str, Any], int | None]:
        """Type, payload and expected version of the next command."""
        if not self._created:
            self._created = True
            return "create", {"name": self._name(), "source": "chaos"}, None
        kind = chance.choices(
            ("toggle", "name", "add", "change", "remove", "stale", "wrong", "end"),
            weights=(30, 25, 25, 8, 5, 3, 3, 1),
        )[0]
        if kind in {"change", "remove"} and not self._components:
            kind = "add"
        return getattr(self, f"_{kind}_command")(chance)  # type: ignore[no-any-return]

    def _toggle_command(self, _: random.Random) -> tuple[str, dict[str, Any], int | None]:
        self._suspended = not self._suspended
        verb = "suspend" if self._suspended else "reactivate"
        return f"lifecycle.{verb}", {"reason": "chaos"}, None

    def _name_command(self, _: random.Random) -> tuple[str, dict[str, Any], int | None]:
        return "update", {"name": self._name(), "change_reason": "chaos"}, None

    def _add_command(self, chance: random.Random) -> tuple[str, dict[str, Any], int | None]:
        component_id = derive(self.person_id, f"component {next(self._names)}")
        self._components.append(component_id)
        data = {"name": f"skill {len(self._components)}", "category": "Technical", "proficiency": "Expert"}
        return "component.add", {"component_id": component_id, "component_type": "Skill", "data": data}, None

    def _change_command(self, chance: random.Random) -> tuple[str, dict[str, Any], int | None]:
        changes = {"years_of_experience": chance.randint(1, 40)}
        component = {"component_id": chance.choice(self._components), "component_type": "Skill"}
        return "component.update", {**component, "changes": changes}, None

    def _remove_command(self, chance: random.Random) -> tuple[str, dict[str, Any], int | None]:
        component_id = self._components.pop(chance.randrange(len(self._components)))
        return "component.remove", {"component_id": component_id, "component_type": "Skill"}, None

    def _stale_command(self, chance: random.Random) -> tuple[str, dict[str, Any], int | None]:
        return "update", {"name": self._name()}, chance.randint(1, 20)

    def _wrong_command(self, _: random.Random) -> tuple[str, dict[str, Any], int | None]:
        return "update", {"name": {"given_names": []}}, None

    def _end_command(self, _: random.Random) -> tuple[str, dict[str, Any], int | None]:
        return "lifecycle.archive", {"reason": "chaos"}, None

    def _name(self) -> dict[str, Any]:
        number = str(next(self._names)).translate(_IN_LETTERS)
        return {"given_names": [number.capitalize()], "family_names": ["Chaos"]}

    @staticmethod
    def _numbers() -> Iterator[int]:
        number = 0
        while True:
            number += 1
            yield number

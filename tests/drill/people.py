"""Whom the drill lets down: persons with a family name that the broken release cannot show."""

from __future__ import annotations

from typing import Final

from ops.client import CommandMessage
from tests.generations.load import person_id

UNFORTUNATE: Final = "Quokka"


def let_down(number: int) -> CommandMessage:
    """Gives a person the name."""
    name = {"given_names": ["Ada"], "family_names": [UNFORTUNATE]}
    return CommandMessage("person.commands.update", {"name": name}, person_id(number), actor="user:drill").with_id()


def learn(whom: str, skill: str) -> CommandMessage:
    """Gives a person a skill."""
    data = {"component_type": "Skill", "data": {"name": skill, "category": "Programming"}}
    return CommandMessage("person.commands.component.add", data, whom, actor="user:drill").with_id()

"""The commands that a state remembers, kept as one text."""

import random
from collections.abc import Sequence

import orjson

from domain.person import Person, dump_state, load_state
from domain.recent_commands import RECENT_COMMANDS, RecentCommand, RecentCommands
from tests.domain.specification import ADA, uuid


def behind(recent: Sequence[RecentCommand], command_id: str, sequence: int) -> Sequence[RecentCommand]:
    """The rule over plain tuples."""
    if recent and recent[-1][0] == command_id and recent[-1][1] + recent[-1][2] == sequence:
        return (*recent[:-1], (command_id, recent[-1][1], recent[-1][2] + 1))
    return (*recent, (command_id, sequence, 1))[-RECENT_COMMANDS:]


def test_one_text_remembers_what_a_list_of_commands_would() -> None:
    chance = random.Random(7)
    expected: Sequence[RecentCommand] = ()
    recent = RecentCommands()
    command, sequence = uuid("command 0"), 0
    for number in range(400):
        # A command mostly causes one event, often some; a discarded event leaves a hole.
        command = command if chance.random() < 0.4 else uuid(f"command {number}")
        sequence += 2 if chance.random() < 0.1 else 1
        expected, recent = behind(expected, command, sequence), recent.behind(command, sequence)
        assert (tuple(recent), len(recent), recent[-1]) == (expected, len(expected), expected[-1])
        assert recent == RecentCommands(expected)


def test_a_state_holds_them_as_a_list_of_lists() -> None:
    recent = RecentCommands().behind(uuid("a"), 1).behind(uuid("a"), 2).behind(uuid("b"), 3)
    person = Person.new(ADA).model_copy(update={"version": 3, "recent": recent})
    stored = dump_state(person)
    assert orjson.loads(stored)["recent"] == [[uuid("a"), 1, 2], [uuid("b"), 3, 1]]
    assert load_state(stored) == person


def test_a_state_without_commands_says_nothing_of_them() -> None:
    assert b"recent" not in dump_state(Person.new(ADA))
    assert RecentCommands() == ()

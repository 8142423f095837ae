"""What the comparison rests on: a seed asks the same again, every command is asked, and an answer that differs is found."""

from __future__ import annotations

import orjson

from domain.commands import COMMANDS
from tests.system import comparison
from tests.system.asking import commands, creation, with_other_content
from tests.system.model import Model
from tests.system.population import Sent
from tests.system.seeded_draws import SeededDraws

ADA = "0190c8a2-7b1e-4c3d-9a4f-1b2c3d4e5f60"


def asked_by(seed: str, count: int) -> list[Sent]:
    draws, model = SeededDraws(seed), Model()
    sent = []
    for number in range(count):
        command_id = f"0190c8a2-7b1e-4c3d-9a4f-{number:012}"
        asked = (
            draws(commands(model.person(ADA), [ADA], command_id))
            if number
            else creation({"given_names": ["Ada"]}, command_id, ADA, onboarding=False)
        )
        sent.append(Sent(asked, model.decide(asked), number))
    return sent


def test_a_seed_asks_the_same_again() -> None:
    def without_time(sent: Sent) -> object:
        return {**orjson.loads(sent.asked.raw), "time": ""}

    first, again = asked_by("1", 40), asked_by("1", 40)

    assert [*map(without_time, first)] == [*map(without_time, again)]
    assert [one.expected for one in first] == [one.expected for one in again]


def test_every_command_is_asked() -> None:
    types = {orjson.loads(sent.asked.raw)["type"] for seed in range(60) for sent in asked_by(str(seed), 40)}

    assert types >= COMMANDS.keys()


def test_an_id_that_is_used_again_is_refused_and_changes_nothing() -> None:
    model = Model()
    asked = creation({"given_names": ["Ada"]}, "0190c8a2-7b1e-4c3d-9a4f-000000000001", ADA, onboarding=False)
    first = model.decide(asked)

    other = model.decide(with_other_content(asked))

    assert (first["status"], other["code"]) == ("accepted", "invalid_command")
    assert model.decide(asked) == first
    assert len(model.events[ADA]) == 1


def test_an_answer_that_differs_is_found() -> None:
    sent = asked_by("2", 10)
    answers = [[{**one.expected, "position": None}] for one in sent]
    assert comparison.outcomes(sent, answers) == []

    answers[4].append({**sent[4].expected, "version": 99})

    [difference] = comparison.outcomes(sent, answers)
    assert difference.startswith("message 4, ")

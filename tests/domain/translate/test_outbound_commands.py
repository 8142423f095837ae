"""What this domain asks of its neighbours: the verbs of the specification, ids alone, and the analysis of an account without languages."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from config import streams
from domain.components.git_profile import GitProfileComponent
from domain.event_data.component import ComponentAdded
from domain.ids import derive
from domain.sagas.catalogue import SAGAS
from domain.sagas.definition import Send, Undo
from domain.translate.analysis import analysis_wanted
from domain.translate.outbound import NEIGHBOURS, OUTBOUND, is_outbound, verbs_of
from local.neighbours.streams import DOMAINS
from ops.contracts.examples.foreign import all_asked
from tests.domain.specification import ADA, admitted, recorded, uuid

OF_ALL = {"reassign_person", "release_person", "forget_person"}


def test_the_verbs_are_those_of_the_specification() -> None:
    own = {
        "identity": {"request_verification", "link_person", "unlink_person"},
        "organization": {"start_employment", "end_employment"},
        "location": {"request_assignment", "associate_person", "disassociate_person"},
        "git": {"analyze_contributions"},
        "agent": set(),
    }

    assert {domain: set(verbs_of(domain)) for domain in NEIGHBOURS} == {d: verbs | OF_ALL for d, verbs in own.items()}
    # Those who carry, translate and stand in for neighbours mean the same five.
    assert streams.NEIGHBOURS == NEIGHBOURS == DOMAINS
    assert is_outbound("git", "forget_person")
    assert not is_outbound("git", "link_person")
    assert not verbs_of("weather")


@pytest.mark.parametrize(("command_type", "document"), all_asked().items())
def test_each_example_is_what_its_model_says(command_type: str, document: dict[str, Any]) -> None:
    assert OUTBOUND[command_type].model.admit(document["data"])


def sends() -> list[tuple[str, Send]]:
    found = []
    for definition in SAGAS.values():
        for step in definition.steps:
            undo = step.undo if isinstance(step.undo, Undo) else None
            for send in (*step.sends, *((*undo.sends, *undo.then) if undo else ())):
                if send.is_foreign:
                    found.append((definition.name, send))
    return found


@pytest.mark.parametrize(("saga", "send"), sends())
def test_every_saga_asks_for_what_its_neighbour_knows(saga: str, send: Send) -> None:
    model = OUTBOUND[send.type].model
    required = {name for name, field in model.model_fields.items() if field.is_required()} - {"person_id"}

    assert required <= set(send.data) <= set(model.model_fields), saga


def added(**fields: Any) -> ComponentAdded:
    return ComponentAdded(
        component_id=uuid("profile"),
        component_type="GitProfile",
        component_data=admitted(GitProfileComponent, username="ada", **fields),
    )


def test_an_account_without_languages_is_to_be_analysed() -> None:
    event = recorded(added(provider="GitLab"), 3, causationdepth=2)
    command = analysis_wanted(event)

    assert command is not None
    assert command.id == derive(event.id, "git/analyze_contributions")
    body = orjson.loads(command.body)
    assert (body["correlationid"], body["causationid"], body["causationdepth"]) == (event.correlationid, event.id, 3)
    assert body["data"] == {
        "person_id": ADA,
        "component_id": uuid("profile"),
        "provider": "GitLab",
        "username": "ada",
    }
    assert analysis_wanted(recorded(added(languages=["Rust"]), 3)) is None
    assert analysis_wanted(recorded(added().model_copy(update={"component_data": {}}), 3)) is None

"""PersonArchival: every neighbouring domain lets go of a person who was archived or has died. The person has ended, so it only goes on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from domain.sagas.definition import NothingToUndo, SagaDefinition, Send, Signals, Step
from domain.sagas.inputs import StartInput

RELEASE_TIME: Final = timedelta(hours=24)


def dated(given: StartInput) -> Mapping[str, JsonValue]:
    """Without a date the day of the command is meant."""
    return {"effective_date": given.now.date().isoformat(), **given.data}


def _release(domain: str) -> Step:
    return Step(
        name=f"release_{domain}",
        sends=(
            Send(
                f"release_{domain}",
                f"{domain}.commands.release_person",
                {"cause": "=data.cause", "effective_date": "=data.effective_date"},
            ),
        ),
        awaits=Signals("person_released"),
        timeout=RELEASE_TIME,
        undo=NothingToUndo("the person has ended before the first step, and does not come back"),
    )


DEFINITION: Final = SagaDefinition(
    name="archival",
    title="PersonArchival",
    purpose="has every domain release a person who was archived or has died",
    starts_on=None,
    complete_data=dated,
    steps=tuple(_release(domain) for domain in ("organization", "location", "agent", "git", "identity")),
    forward_only=True,
    undoes=False,
    goes_on=True,
    cancellable=False,
)

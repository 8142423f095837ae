"""PersonMerge: the target takes over what the source had, and every neighbouring domain follows. The merge itself is done, so it only goes on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from domain.event_data.lifecycle import PersonMerged
from domain.ids import is_person_id
from domain.person import Person
from domain.resolved import MAX_REDIRECTS
from domain.sagas.definition import Follow, NothingToUndo, Outcomes, SagaDefinition, Send, Signals, Step
from domain.sagas.event_data import Receipt, Sent
from domain.sagas.inputs import OutcomeInput, PersonEventInput
from domain.sagas.state import Saga

ABSORB_TIME: Final = timedelta(seconds=60)
REASSIGN_TIME: Final = timedelta(hours=24)
_UNDO: Final = NothingToUndo("the source was merged before the first step, and a merge is final")


def business_key(given: PersonEventInput) -> str:
    """A person is merged once."""
    return f"merge:{given.event.person_id}"


def start_data(given: PersonEventInput) -> Mapping[str, JsonValue]:
    """The target, and the version of the source that it has to take over at least."""
    data = given.event.data
    assert isinstance(data, PersonMerged)
    return {"target_person_id": data.target_person_id, "source_version": given.event.sequence}


def absorb_plan(saga: Saga) -> tuple[Sent, ...]:
    """First the target that the merge names."""
    return (Sent(i=0, send="absorb", to=str(saga.data["target_person_id"])),)


def follow_target(saga: Saga, sent: Sent, outcome: OutcomeInput) -> Follow | None:
    """A target that was merged names its own target. One that is erased takes the source with it."""
    if sent.send == "confirm_erasure":
        is_erased = outcome.status == "accepted" or outcome.code == "person_erased"
        return Follow(ends=True) if is_erased else None
    if outcome.status == "accepted" or outcome.code == "already_absorbed":
        return Follow(data={"person_id": sent.to})
    if outcome.code == "merged_away":
        target = outcome.facts.get("target")
        if isinstance(target, str) and is_person_id(target) and len(saga.sends) < MAX_REDIRECTS:
            return Follow((Sent(i=0, send="absorb", to=target),))
    if outcome.code == "person_erased":
        return Follow((Sent(i=0, send="confirm_erasure"),))
    return None


def final_target(_: Saga, __: Person, received: tuple[Receipt, ...]) -> Mapping[str, JsonValue]:
    """Who has absorbed the source."""
    target = next((one.data["person_id"] for one in reversed(received) if "person_id" in one.data), None)
    return {} if target is None else {"target_person_id": target}


def _reassign(domain: str) -> Step:
    name = f"reassign_{domain}"

    def plan(saga: Saga) -> tuple[Sent, ...]:
        target = saga.result_of("absorb").get("target_person_id", saga.data.get("target_person_id"))
        return (Sent(i=0, send=name, to=str(target)),)

    return Step(
        name=name,
        sends=(
            Send(
                name,
                f"{domain}.commands.reassign_person",
                {"from_person_id": "=person_id", "to_person_id": "=to"},
            ),
        ),
        awaits=Signals("person_reassigned"),
        timeout=REASSIGN_TIME,
        undo=_UNDO,
        plan=plan,
    )


DEFINITION: Final = SagaDefinition(
    name="merge",
    title="PersonMerge",
    purpose="lets the target of a merge absorb the source, and hands the source's links over in every domain",
    starts_on=PersonMerged,
    key=business_key,
    start_data=start_data,
    steps=(
        Step(
            name="absorb",
            sends=(
                Send(
                    "absorb",
                    "person.commands.lifecycle.absorb",
                    {"source_person_id": "=person_id", "source_version": "=data.source_version"},
                    subject="=to",
                ),
                Send(
                    "confirm_erasure",
                    "person.commands.privacy.confirm_erasure",
                    {"via": "=data.target_person_id"},
                ),
            ),
            awaits=Outcomes(),
            timeout=ABSORB_TIME,
            ok_codes=frozenset({"already_absorbed"}),
            undo=_UNDO,
            plan=absorb_plan,
            follow=follow_target,
            result=final_target,
        ),
        *(_reassign(domain) for domain in ("identity", "organization", "location", "git", "agent")),
    ),
    forward_only=True,
    undoes=False,
    cancellable=False,
    end_on_erasure="completed",
)

"""PersonErasure: waits out the grace period, erases the person and everybody it has absorbed, and has every domain forget them.

The person serialises cancelling and confirming; from the first confirmed erasure on there is no way back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from domain.event_data.privacy import ErasureCancelled, ErasureRequested
from domain.ids import is_person_id
from domain.person import Person
from domain.sagas.definition import (
    Follow,
    NothingToUndo,
    Outcomes,
    SagaDefinition,
    Send,
    Signals,
    Step,
    Until,
    Verdict,
)
from domain.sagas.event_data import Receipt, Sent
from domain.sagas.inputs import OutcomeInput, PersonEventInput, RetryInput, SagaInput
from domain.sagas.state import Saga
from domain.standing import ErasurePending
from domain.times import format_instant

CONFIRM_TIME: Final = timedelta(seconds=60)
FORGET_TIME: Final = timedelta(days=30)
DOMAINS: Final = ("identity", "organization", "location", "git", "agent")
_CONFIRM: Final = "person.commands.privacy.confirm_erasure"


def business_key(given: PersonEventInput) -> str:
    """One saga for each request."""
    data = given.event.data
    assert isinstance(data, ErasureRequested)
    return f"erasure:{given.event.person_id}:{data.request_id}"


def start_data(given: PersonEventInput) -> Mapping[str, JsonValue]:
    """The request, and when its grace period is over."""
    data = given.event.data
    assert isinstance(data, ErasureRequested)
    return {"request_id": data.request_id, "not_before": format_instant(data.not_before)}


def settle(saga: Saga, given: SagaInput, person: Person) -> Verdict | None:
    """A request that is cancelled before anybody was erased ends the saga.

    The event says so. Only a saga that was parked when it came has to look at the person.
    """
    request_id = saga.data.get("request_id")
    event = given.event.data if isinstance(given, PersonEventInput) else None
    is_cancelled = isinstance(event, ErasureCancelled) and event.request_id == request_id
    if isinstance(given, RetryInput) and not person.is_erased:
        pending = person.erasure
        is_cancelled = not (isinstance(pending, ErasurePending) and pending.request_id == request_id)
    return Verdict("compensated", "cancelled") if is_cancelled and not saga.past_pivot else None


def confirm_plan(saga: Saga) -> tuple[Sent, ...]:
    """First the person itself."""
    return (Sent(i=0, send="confirm", to=saga.person_id),)


def follow_absorbed(saga: Saga, sent: Sent, outcome: OutcomeInput) -> Follow | None:
    """Who is erased takes along whom it had absorbed; each is erased through the person that it was merged into."""
    if outcome.status == "accepted" or outcome.code == "person_erased":
        known = {one.to for one in saga.sends} | set(erased_persons(saga.received))
        absorbed = outcome.facts.get("absorbed")
        found = (
            [one for one in absorbed if isinstance(one, str) and is_person_id(one)]
            if isinstance(absorbed, list)
            else []
        )
        sends = tuple(Sent(i=0, send="confirm_absorbed", to=one, via=sent.to) for one in found if one not in known)
        return Follow(sends, past_pivot=True, data={"person_id": sent.to})
    if outcome.code == "erasure_not_pending" and sent.send == "confirm_absorbed":
        # Absorbed along a chain of merges: it refers to one of the others.
        through = outcome.facts.get("merged_into")
        if isinstance(through, str) and through != sent.via and any(one.to == through for one in saga.sends):
            return Follow((Sent(i=0, send="confirm_absorbed", to=sent.to, via=through),))
    return None


def erased_persons(received: tuple[Receipt, ...]) -> list[str]:
    """Who was erased, the person of the saga first."""
    return list(dict.fromkeys(str(one.data["person_id"]) for one in received if "person_id" in one.data))


def all_erased(_: Saga, __: Person, received: tuple[Receipt, ...]) -> Mapping[str, JsonValue]:
    """Who has to be forgotten."""
    return {"persons": list(erased_persons(received))}


def forget_plan(saga: Saga) -> tuple[Sent, ...]:
    """Every domain for every erased person, without those that have answered in an earlier round."""
    persons = saga.result_of("confirm").get("persons")
    answered = {one.answer for one in saga.received} if saga.step == "forget_domains" else set()
    return tuple(
        Sent(i=0, send=f"forget_{domain}", to=str(person))
        for person in (persons if isinstance(persons, list) and persons else [saga.person_id])
        for domain in DOMAINS
        if f"{domain}.person_forgotten/{person}" not in answered
    )


DEFINITION: Final = SagaDefinition(
    name="erasure",
    title="PersonErasure",
    purpose="erases a person, those it has absorbed, and what other domains know of them",
    starts_on=ErasureRequested,
    key=business_key,
    start_data=start_data,
    steps=(
        Step(
            name="grace",
            awaits=Until("not_before"),
            timeout=None,
            undo=NothingToUndo("waiting changes nothing"),
        ),
        Step(
            name="confirm",
            sends=(
                Send("confirm", _CONFIRM, {"request_id": "=data.request_id"}, subject="=to"),
                Send("confirm_absorbed", _CONFIRM, {"via": "=via"}, subject="=to"),
            ),
            awaits=Outcomes(),
            timeout=CONFIRM_TIME,
            ok_codes=frozenset({"person_erased"}),
            # The request was cancelled; the event that says so is on its way.
            wait_codes=frozenset({"erasure_not_pending"}),
            pivot=True,
            undo=NothingToUndo("what was erased is gone"),
            plan=confirm_plan,
            follow=follow_absorbed,
            result=all_erased,
        ),
        Step(
            name="forget_domains",
            sends=tuple(
                Send(f"forget_{domain}", f"{domain}.commands.forget_person", subject="=to") for domain in DOMAINS
            ),
            awaits=Signals("person_forgotten"),
            timeout=FORGET_TIME,
            undo=NothingToUndo("what was forgotten is gone"),
            plan=forget_plan,
        ),
    ),
    undoes=False,
    cancellable=False,
    heeds_erasure=False,
    settle=settle,
    settled_by={ErasureCancelled: "compensated"},
    keeps_receipts=True,
)

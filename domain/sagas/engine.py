"""The engine of all sagas: which saga events an input leads to. Pure; the definitions say what is particular to a saga.

Guarantee: an input that comes again, comes late or was meant for another step changes nothing; folding the events that `start` and `react`
return gives the state that they were decided on; what was done is undone in the reverse order, each step once."""

from typing import Final

from domain.envelope import actor_kind
from domain.event_catalogue import SPEC_OF
from domain.event_data.privacy import ErasureCancelled, ErasureRequested, PersonErased
from domain.ids import saga_id_of
from domain.person import Person
from domain.refusals import Refused
from domain.sagas.catalogue import SAGAS
from domain.sagas.definition import OWN_TIMEOUTS, PersonEvent, SagaDefinition, Starting, Timeouts
from domain.sagas.effects import effects, pending
from domain.sagas.event_data import SagaFailed, SagaStarted
from domain.sagas.evolve import evolve, fold
from domain.sagas.inputs import OutcomeInput, PersonEventInput, SagaInput, SignalInput, TimerInput
from domain.sagas.operators import OPERATORS
from domain.sagas.run import Run
from domain.sagas.saga_events import SagaEvent
from domain.sagas.state import Saga

__all__ = ["awaited_types", "effects", "evolve", "fold", "park", "pending", "react", "start", "starting_types"]


def start(
    given: Starting, person: Person, *, timeouts: Timeouts = OWN_TIMEOUTS
) -> tuple[str, tuple[SagaEvent, ...]] | None:
    """Id and first events of the saga that an input starts; None if it starts none.

    `person` is the saga's person at or behind the input. Whether the saga exists already is for the caller to know. Raises Refused for a
    StartSaga of a person who does not exist.
    """
    definition = _started_by(given)
    if definition is None:
        return None
    if isinstance(given, PersonEventInput):
        assert definition.key is not None
        assert definition.start_data is not None
        if actor_kind(given.actor) == "import" or (definition.heeds_erasure and person.is_erased):
            return None
        business_key, data = definition.key(given), definition.start_data(given)
    else:
        if not person.exists:
            raise Refused("person_not_found")
        complete = definition.complete_data
        business_key, data = given.business_key, given.data if complete is None else complete(given)
    saga_id = saga_id_of(business_key)
    saga = Saga.model_construct(saga_id=saga_id, saga=definition.name, person_id=person.person_id)
    run = Run(definition, saga, given, person, timeouts)
    run.record(
        SagaStarted(
            saga=definition.name,
            business_key=business_key,
            person_id=person.person_id,
            depth=given.depth,
            steps=definition.chosen(data),
            data=dict(data),
            past_pivot=definition.forward_only,
        )
    )
    run.go_on()
    return saga_id, tuple(run.events)


def react(saga: Saga, given: SagaInput, person: Person, *, timeouts: Timeouts = OWN_TIMEOUTS) -> tuple[SagaEvent, ...]:
    """The events that an input leads to, none if it changes nothing.

    `person` is the saga's person as folded so far, at or behind an event that is the input. Raises Refused for an operator's command that the
    status of the saga forbids, and KeyError for a saga or step that no definition has.
    """
    if given.id in saga.recent:
        return ()
    run = Run(SAGAS[saga.saga], saga, given, person, timeouts)
    operator = OPERATORS.get(type(given))
    if operator is not None:
        operator(run, given)
    elif saga.is_ended:
        return ()
    elif isinstance(given, OutcomeInput):
        run.on_outcome(given)
    elif isinstance(given, SignalInput):
        run.on_signal(given)
    elif isinstance(given, TimerInput):
        run.on_timer(given)
    elif isinstance(given, PersonEventInput):
        run.on_person_event(given)
    run.go_on()
    return tuple(run.events)


def park(saga: Saga, given: SagaInput, error: str) -> tuple[SagaEvent, ...]:
    """The saga after an input that cannot be handled: parked with `error`, a code, until RetrySaga. Never raises."""
    if saga.is_ended:
        return ()
    run = Run(_UNKNOWN, saga, given, Person.new(saga.person_id), OWN_TIMEOUTS)
    run.record(SagaFailed(error=error, step=saga.step))
    return tuple(run.events)


def starting_types() -> frozenset[str]:
    """Types of person events that start a saga."""
    return frozenset(SPEC_OF[one.starts_on].type for one in SAGAS.values() if one.starts_on is not None)


def awaited_types() -> frozenset[str]:
    """Types of person events that start a saga or that one may have to hear of; all others are no inputs."""
    found = {SPEC_OF[model].type for model in _OF_ERASURE} | starting_types()
    for definition in SAGAS.values():
        found.update(SPEC_OF[model].type for model in definition.settled_by)
        found.update(step.awaits.type for step in definition.steps if isinstance(step.awaits, PersonEvent))
    return frozenset(found)


def _started_by(given: Starting) -> SagaDefinition | None:
    if isinstance(given, PersonEventInput):
        return next((one for one in SAGAS.values() if one.starts_on is type(given.event.data)), None)
    return next((one for one in SAGAS.values() if one.name == given.saga and one.starts_on is None), None)


_OF_ERASURE: Final = (ErasureRequested, ErasureCancelled, PersonErased)
_UNKNOWN: Final = SagaDefinition(name="", title="", purpose="", starts_on=None, steps=())

"""Saga events: the complete record, its bytes, and its subjects. Built and read here only."""

from typing import Final

from pydantic import ConfigDict, Field, JsonValue, SerializeAsAny

from domain.envelope import Depth, Ordinal
from domain.ids import Uuid, is_person_id, is_uuid
from domain.model import Frozen
from domain.sagas.event_data import SAGA_EVENTS, SPEC_OF_SAGA_EVENT, SagaEventData, SagaEventSpec
from domain.stored_form import complete, restored, stored_object, stored_payload, write_stored
from domain.times import Instant
from domain.undecodable import Undecodable

SAGA_SOURCE: Final = "/person/saga"
SAGA_SUBJECTS: Final = "person.sagas"
_EVENT_NAMES: Final = frozenset(spec.name for spec in SAGA_EVENTS.values())


class SagaEvent(Frozen):
    """Something that happened to a saga, with everything its envelope says. `saga` and `person_id` are in each, so each has a subject."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: Uuid
    type: str
    dataversion: Ordinal = 1
    saga_id: Uuid = Field(alias="subject")
    saga: str
    person_id: Uuid = Field(alias="partitionkey")
    sequence: Ordinal
    time: Instant
    correlationid: Uuid
    causationid: Uuid
    causationdepth: Depth
    actor: str
    traceparent: str | None = None
    data: SerializeAsAny[SagaEventData]
    context: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def spec(self) -> SagaEventSpec:
        """Its entry in the catalogue."""
        return SPEC_OF_SAGA_EVENT[type(self.data)]


def write_saga_event(event: SagaEvent) -> bytes:
    """The canonical bytes of a saga event: made once, by the writer."""
    data: dict[str, object] = dict(event.data)
    if event.context:
        data["context"] = event.context
    return write_stored(
        event,
        source=SAGA_SOURCE,
        subject=event.saga_id,
        dataversion=event.dataversion,
        data=data,
        saga=event.saga,
        partitionkey=event.person_id,
    )


def read_saga_event(raw: bytes, *, subject: str | None = None) -> SagaEvent:
    """The saga event in stored bytes, and under the subject it was stored with. Raises Undecodable."""
    document = stored_object(raw)
    event_type, version = document.get("type"), document.setdefault("dataversion", 1)
    spec = SAGA_EVENTS.get(event_type) if isinstance(event_type, str) else None
    if spec is None:
        raise Undecodable("unknown_type", "type: unknown")
    if version != spec.version or isinstance(version, bool):
        raise Undecodable("unknown_version", "dataversion: unknown")
    payload = stored_payload(document)
    document["context"] = payload.pop("context", {})
    document["data"] = restored(spec.model, payload)
    event = complete(SagaEvent, document)
    if subject is not None:
        _check_subject(event, subject)
    return event


def saga_event_subject(event: SagaEvent) -> str:
    """Subject under which the writer publishes a saga event; the server inserts the partition before the person."""
    return f"{SAGA_SUBJECTS}.{event.saga}.{event.spec.name}.{event.person_id}.{event.saga_id}"


def saga_filter(saga_id: str) -> str:
    """Every stored event of one saga."""
    return f"{SAGA_SUBJECTS}.*.*.*.*.{saga_id}"


def sagas_of_partition_filter(partition: int) -> str:
    """Every stored saga event of one partition."""
    return f"{SAGA_SUBJECTS}.*.*.{partition}.*.*"


def saga_of_subject(subject: str) -> tuple[str, str]:
    """Person id and saga id of the subject of a saga event, of 6 or 7 tokens. Raises ValueError for any other."""
    tokens = subject.split(".")
    if tokens[:2] != ["person", "sagas"] or not 6 <= len(tokens) <= 7:
        raise ValueError("not the subject of a saga event")
    _, _, _, name, *partition, person_id, saga_id = tokens
    if name not in _EVENT_NAMES or not all(part.isascii() and part.isdecimal() for part in partition):
        raise ValueError("not the subject of a saga event")
    if not is_person_id(person_id) or not is_uuid(saga_id):
        raise ValueError("not the subject of a saga event")
    return person_id, saga_id


def _check_subject(event: SagaEvent, subject: str) -> None:
    tokens = subject.split(".")
    del tokens[4:-2]
    if ".".join(tokens) != saga_event_subject(event):
        raise Undecodable("subject_mismatch", "not the subject of this event")

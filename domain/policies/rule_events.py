"""Events of rules: what was registered, put in force and decided, and the one place where their bytes are made and read."""

from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol, cast

from pydantic import ConfigDict, Field, SerializeAsAny

from domain.canonical import encode_stored
from domain.envelope import Depth, Ordinal
from domain.events import read_document
from domain.ids import NS, PolicyId, Uuid, derive
from domain.model import Frozen
from domain.policies.checked import CheckedPolicy
from domain.policies.evaluation import SOURCE, Judgement
from domain.policies.occasion import Occasion
from domain.policies.rule_event_data import RULE_EVENTS, RuleDecided, RuleEventData, RuleEventName, RuleRegistered
from domain.stored_form import Correlated, complete, restored, stored_payload, write_stored
from domain.times import Instant
from domain.undecodable import Undecodable

STATE_EVENTS: Final[tuple[RuleEventName, ...]] = ("registered", "shadowed", "activated", "suspended", "retired")
"""What the fold of the rules reads: the stream PERSON_RULES."""
RULE_SUBJECTS: Final = "person.rules"
TYPE_PREFIX: Final = "person.rule."


class RuleEvent(Frozen):
    """One event of a rule. Those of `STATE_EVENTS` count 1, 2, 3, … per policy in `sequence`; decisions have none."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: Uuid
    name: RuleEventName
    policy_id: PolicyId = Field(alias="subject")
    sequence: Ordinal | None = None
    time: Instant
    correlationid: Uuid
    causationid: Uuid
    causationdepth: Depth
    actor: str
    traceparent: str | None = None
    data: SerializeAsAny[RuleEventData]

    @property
    def type(self) -> str:
        """``person.rule.<name>``."""
        return TYPE_PREFIX + self.name

    @property
    def version(self) -> int:
        """The version of the policy that it is about."""
        data = self.data
        return data.document.version if isinstance(data, RuleRegistered) else cast("int", data.__dict__["version"])


class SentCommand(Correlated, Protocol):
    """What the record of a refusal needs of the command."""

    @property
    def actor(self) -> str:
        """``policy:<policy_id>@<version>``."""

    @property
    def now(self) -> datetime:
        """Its time."""

    @property
    def traceparent(self) -> str | None:
        """Its trace context."""


def rule_event_subject(name: RuleEventName, policy_id: str) -> str:
    """Where an event is stored."""
    return f"{RULE_SUBJECTS}.{name}.{policy_id}"


def rule_filter(policy_id: str) -> str:
    """All events of one policy within PERSON_RULES; decisions are kept in a stream of their own."""
    return f"{RULE_SUBJECTS}.*.{policy_id}"


def write_rule_event(event: RuleEvent) -> bytes:
    """The bytes of an event, made once by the writer."""
    return write_stored(event, source=SOURCE, subject=event.policy_id, dataversion=1, data=event.data)


def read_rule_event(raw: bytes, *, subject: str | None = None) -> RuleEvent:
    """The event in stored bytes, and under the subject it was stored with. Raises Undecodable."""
    document = read_document(raw)
    event_type = document.get("type")
    name: Any = event_type.removeprefix(TYPE_PREFIX) if isinstance(event_type, str) else None
    model = RULE_EVENTS.get(name)
    if model is None or event_type != TYPE_PREFIX + name:
        raise Undecodable("unknown_type", "type")
    if document["dataversion"] != 1:
        raise Undecodable("unknown_version", "dataversion")
    document |= {"name": name, "data": restored(model, stored_payload(document))}
    event = complete(RuleEvent, document)
    if subject is not None and subject != rule_event_subject(event.name, event.policy_id):
        raise Undecodable("subject_mismatch", "not the subject of this event")
    return event


def decided(policy: CheckedPolicy, occasion: Occasion, judgement: Judgement) -> RuleEvent:
    """The record of a judgement that is not silent. The same judgement gives the same event."""
    cause, on_event = occasion.cause, policy.document.effect == "send"
    planned = judgement.command
    data = RuleDecided.admit(
        {
            "version": policy.version,
            "verdict": judgement.verdict,
            "event_id": cause.id if on_event else None,
            "command_id": cause.id if not on_event else planned.id if planned else None,
            "person_id": cause.person_id,
            "sequence": cause.sequence,
            "fault": judgement.fault,
            "inputs": inputs_digest(policy, occasion),
        }
    )
    return RuleEvent(
        id=derive(policy.namespace, f"{judgement.verdict}:{cause.id}"),
        name="decided",
        policy_id=policy.policy_id,
        time=cause.time,
        correlationid=cause.correlationid,
        causationid=cause.id,
        causationdepth=cause.depth + 1,
        actor=f"policy:{policy.name}",
        traceparent=cause.traceparent,
        data=data,
    )


def refused(command: SentCommand, code: str) -> RuleEvent:
    """The record that a command which a policy sent was refused. The same outcome gives the same event."""
    policy_id, _, version = command.actor.removeprefix("policy:").partition("@")
    namespace = derive(NS, f"policy:{policy_id}@{version}")
    data = RuleDecided.admit(
        {
            "version": int(version),
            "verdict": "refused",
            "event_id": command.causationid,
            "command_id": command.id,
            "code": code,
        }
    )
    return RuleEvent(
        id=derive(namespace, f"refused:{command.id}"),
        name="decided",
        policy_id=policy_id,
        time=command.now,
        correlationid=command.correlationid,
        causationid=command.id,
        causationdepth=command.causationdepth + 1,
        actor=command.actor,
        traceparent=command.traceparent,
        data=data,
    )


def inputs_digest(policy: CheckedPolicy, occasion: Occasion) -> str:
    """SHA-256 of what the condition reads, in hex: equal inputs of a repeated evaluation have equal digests."""
    return sha256(encode_stored({name: occasion[name] for name in sorted(policy.condition.reads)})).hexdigest()

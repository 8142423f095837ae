"""Commands on sagas and policies in an order in which each one is accepted, as long as no neighbour answers; and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from domain.command_data.saga import StartSaga
from domain.envelope import COMMAND_PREFIX, CONTENT_TYPE, SPEC_VERSION
from domain.ids import derive
from ops.contracts.examples.persons import INGE, command
from ops.contracts.examples.story import USER

POLICY: Final = "flag-short-names"
SYNC: Final = {
    "saga": "cross_domain_sync",
    "key": "desk-4.17",
    "data": {"identity": {"identity_id": "idp-81", "identity_type": "employee"}},
}
SECOND_SYNC: Final = {
    "saga": "cross_domain_sync",
    "key": "desk-4.18",
    "data": {
        "location": {"location_id": "loc-12", "location_type": "Work"},
        "employment": {"organization_id": "org-7", "role": "Analyst", "start_date": "2026-12-01"},
    },
}
ARCHIVAL: Final = {"saga": "archival", "data": {"cause": "Archived", "effective_date": "2026-11-23"}}
DOCUMENT: Final[Mapping[str, JsonValue]] = {
    "policy_id": POLICY,
    "version": 1,
    "title": "Flag names of one letter",
    "trigger": "person.name_updated",
    "condition": "facts.name_shortest_part < 2",
    "command": {"type": "person.commands.policy.flag_quality", "data": {"flag": "name_too_short"}},
    "examples": [
        {
            "event": {"data": {"new_name": {"given_names": ["A"]}}},
            "facts": {"name_shortest_part": 1},
            "expect": "fires",
        },
        {
            "event": {"data": {"new_name": {"given_names": ["Ada"]}}},
            "facts": {"name_shortest_part": 3},
            "expect": "silent",
        },
    ],
}


class ProcessStep(NamedTuple):
    """A command on a saga or a policy; `target` is its subject, `person_id` that of the saga's person where the subject is another."""

    number: int
    path: str
    target: str
    data: Mapping[str, Any]
    person_id: str | None = None

    @property
    def type(self) -> str:
        """Type and subject of the command."""
        return COMMAND_PREFIX + self.path

    def message(self) -> dict[str, Any]:
        """The complete command as a client sends it."""
        body = {
            "specversion": SPEC_VERSION,
            "id": command(self.number),
            "type": self.type,
            "source": "/clients/portal",
            "subject": self.target,
            "datacontenttype": CONTENT_TYPE,
            "actor": USER,
            "data": dict(self.data),
        }
        return body if self.person_id is None else {**body, "partitionkey": self.person_id}


FIRST: Final = 501
"""Behind the commands of the story."""


def process_story() -> tuple[ProcessStep, ...]:
    """All steps, in order."""
    return tuple(ProcessStep(number, *parts) for number, parts in enumerate((*_sagas(), *_rules()), FIRST))


def _sagas() -> Iterator[tuple[Any, ...]]:
    def saga(started: Mapping[str, Any]) -> str:
        return StartSaga.admit(started).saga_id(INGE)

    first, second, archival = saga(SYNC), saga(SECOND_SYNC), saga(ARCHIVAL)
    yield "saga.start", INGE, SYNC
    yield "saga.signal", first, {"signal": "location.rejected", "data": {"person_id": INGE, "code": "unknown"}}, INGE
    yield "saga.skip", first, {"step": "identity", "reason": "linked by hand, ticket 4711"}, INGE
    yield "saga.start", INGE, SECOND_SYNC
    yield "saga.cancel", second, {"reason": "another desk"}, INGE
    yield "saga.abort", second, {"reason": "settled by hand, ticket 4712"}, INGE
    yield "saga.start", INGE, ARCHIVAL
    for domain in ("organization", "location", "agent", "git", "identity"):
        answer = {"signal": f"{domain}.rejected", "data": {"person_id": INGE, "code": "busy"}}
        yield "saga.signal", archival, answer, INGE
    yield "saga.retry", archival, {"reason": "they are back"}, INGE
    yield "saga.abort", archival, {"reason": "it is an example"}, INGE


def _rules() -> Iterator[tuple[Any, ...]]:
    yield "rules.register", POLICY, {"document": DOCUMENT}
    for move in ("shadow", "suspend", "activate", "retire"):
        yield f"rules.{move}", POLICY, {"version": 1}


def saga_event(name: str) -> dict[str, Any]:
    """A complete saga event of a name; each stands for itself, together they are no history."""
    saga_id = StartSaga.admit(SYNC).saga_id(INGE)
    return {
        "specversion": SPEC_VERSION,
        "id": derive(saga_id, "7"),
        "type": f"person.saga.{name}",
        "dataversion": 1,
        "source": "/person/saga",
        "subject": saga_id,
        "saga": "cross_domain_sync",
        "partitionkey": INGE,
        "time": "2026-11-23T10:00:00Z",
        "datacontenttype": CONTENT_TYPE,
        "sequence": 7,
        "correlationid": command(FIRST),
        "causationid": command(FIRST),
        "causationdepth": 1,
        "actor": USER,
        "data": SAGA_EVENT_DATA[name],
    }


SENT: Final = {"i": 0, "send": "link", "answer": "outcome/0"}
RECEIVED: Final = {"answer": "identity.undone", "at": "2026-11-23T10:00:00Z", "data": {"person_id": INGE}}
SAGA_EVENT_DATA: Final[Mapping[str, Mapping[str, Any]]] = {
    "started": {
        "saga": "cross_domain_sync",
        "business_key": f"cross_domain_sync:{INGE}:desk-4.17",
        "person_id": INGE,
        "depth": 0,
        "steps": ["identity"],
        "data": SYNC["data"],
    },
    "step_started": {
        "step": "identity",
        "attempt": 1,
        "round": 1,
        "deadline": "2026-11-23T10:01:00Z",
        "direction": "forward",
        "sends": [SENT],
        "awaits": ["event", "identity.rejected"],
    },
    "step_advanced": {
        "step": "confirm",
        "round": 1,
        "direction": "forward",
        "received": [RECEIVED],
        "awaits": ["outcome/1"],
        "past_pivot": True,
    },
    "step_completed": {"step": "identity", "result": {"identity_id": "idp-81"}, "undoable": True},
    "step_failed": {
        "step": "identity",
        "attempt": 1,
        "round": 1,
        "cause": "timeout",
        "will_retry": True,
        "direction": "forward",
    },
    "compensation_started": {"failed_step": "employment", "to_undo": ["location", "identity"]},
    "step_compensated": {"step": "identity", "round": 1},
    "retried": {"round": 2, "by": USER, "reason": "the identity domain is back"},
    "skipped": {"step": "identity", "by": USER, "reason": "linked by hand, ticket 4711", "direction": "forward"},
    "paused": {"cause": "erasure_pending"},
    "resumed": {},
    "completed": {"abandoned": False},
    "compensated": {"abandoned": False},
    "failed": {"error": "identity: timeout", "step": "identity", "abandoned": False},
}
"""Data of each saga event, by its name."""


def rule_event(name: str) -> dict[str, Any]:
    """A complete rule event of a name."""
    body = {
        "specversion": SPEC_VERSION,
        "id": derive(command(FIRST), name),
        "type": f"person.rule.{name}",
        "dataversion": 1,
        "source": "/person/policy",
        "subject": POLICY,
        "time": "2026-11-23T10:00:00Z",
        "datacontenttype": CONTENT_TYPE,
        "correlationid": command(FIRST),
        "causationid": command(FIRST),
        "causationdepth": 0,
        "actor": USER,
        "data": RULE_EVENT_DATA[name],
    }
    return body if name == "decided" else {**body, "sequence": 2}


_MOVED: Final = {"version": 1, "by": USER}
RULE_EVENT_DATA: Final[Mapping[str, Mapping[str, Any]]] = {
    "registered": {"document": DOCUMENT},
    "shadowed": _MOVED,
    "activated": _MOVED,
    "suspended": _MOVED,
    "retired": _MOVED,
    "decided": {
        "version": 1,
        "verdict": "fired",
        "event_id": derive(command(1), "0"),
        "command_id": derive(command(1), "example"),
        "person_id": INGE,
        "sequence": 1,
        "inputs": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
}
"""Data of each rule event, by its name."""

TIMER: Final[Mapping[str, Any]] = {
    "saga_id": StartSaga.admit(SYNC).saga_id(INGE),
    "person_id": INGE,
    "step": "identity",
    "round": 1,
    "attempt": 1,
    "sequence": 2,
}

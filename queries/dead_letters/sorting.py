"""To which route a dead letter belongs, and which person and which saga it is about, as far as its coordinates and its bytes tell."""

from __future__ import annotations

from typing import Any, Final

import orjson

from agents.advance_sagas import AdvanceSagas
from agents.decide_person import DecidePerson
from agents.decide_rule import DecideRule
from agents.decide_saga import DecideSaga
from agents.fire_timers import FireTimers
from agents.fold_persons import FoldPersons
from agents.fold_sagas import FoldSagas
from agents.project_network import ProjectNetwork
from agents.project_search import ProjectSearch
from agents.project_skills import ProjectSkills
from agents.project_statistics import ProjectStatistics
from agents.project_summary import ProjectSummary
from agents.project_timeline import ProjectTimeline
from agents.project_views import ProjectViews
from agents.send_effects import SendEffects
from agents.translate_agent import TranslateAgent
from agents.translate_git import TranslateGit
from agents.translate_identity import TranslateIdentity
from agents.translate_location import TranslateLocation
from agents.translate_organization import TranslateOrganization
from bridge.stored_letters import StoredLetter
from config.streams import COMMANDS, EVENTS, SAGAS, TIMERS
from domain.command_address import command_address
from domain.ids import is_person_id, is_uuid

QUARANTINED: Final = (
    FoldPersons.name,
    ProjectSummary.name,
    ProjectSearch.name,
    ProjectSkills.name,
    ProjectNetwork.name,
    ProjectViews.name,
    ProjectTimeline.name,
    ProjectStatistics.name,
)
"""Agents that park a person instead of passing over its event; the one that others render from comes first."""

ON_EVENTS: Final = "events"
ON_COMMANDS: Final = "commands"
ON_FOREIGN: Final = "foreign"
ON_SAGAS: Final = "sagas"

ROUTES: Final = (ON_COMMANDS, ON_EVENTS, ON_FOREIGN, ON_SAGAS)
"""Routes that every installation has, besides those of its bridge."""

_DECIDERS = (DecidePerson.name, DecideRule.name, DecideSaga.name, "admit_command")
_OF_SAGAS = (AdvanceSagas.name, FireTimers.name, SendEffects.name, FoldSagas.name)
_TRANSLATORS = (
    TranslateAgent.name,
    TranslateGit.name,
    TranslateIdentity.name,
    TranslateLocation.name,
    TranslateOrganization.name,
)

CONSUMERS: Final = (*QUARANTINED, *_DECIDERS, *_OF_SAGAS, *_TRANSLATORS)
"""Agents that may leave a dead letter."""


def route_of(consumer: str, cause: str) -> str:
    """The route of a letter: one of the words above, or the name of the route of the bridge that could not carry the message."""
    if consumer in QUARANTINED:
        return ON_EVENTS
    if consumer in _OF_SAGAS or (consumer == DecideSaga.name and cause == "handler_failed"):
        return ON_SAGAS
    if consumer in _DECIDERS:
        return ON_COMMANDS
    return ON_FOREIGN if consumer.startswith("translate_") else consumer


def is_parked_event(letter: StoredLetter) -> bool:
    """Whether a letter tells of an event that waits, or waited, in quarantine; who waits is told by the table."""
    if letter.consumer not in QUARANTINED:
        return False
    return letter.source == EVENTS and is_person_id(letter.source_subject.rpartition(".")[2])


def needs_bytes(letter: StoredLetter) -> bool:
    """Whether only the bytes of a letter tell its person."""
    return letter.source not in (EVENTS, SAGAS, TIMERS)


def person_of(letter: StoredLetter) -> str | None:
    """The person of a letter, None where it names none."""
    tokens = letter.source_subject.split(".")
    found: Any = None
    if letter.source == EVENTS:
        found = tokens[-1]
    elif letter.source == SAGAS:
        found = tokens[-2] if len(tokens) > 1 else None
    elif letter.source == TIMERS:
        found = tokens[3] if len(tokens) > 3 else None
    elif letter.source == COMMANDS:
        address = command_address(letter.data)
        found = address.key if address.family != "rule" else None
    else:
        found = _named(letter.data)
    return found if is_person_id(found) else None


def saga_of(letter: StoredLetter) -> str | None:
    """The saga whose input, effect or event a letter holds, None where it names none."""
    tokens = letter.source_subject.split(".")
    found: Any = None
    if letter.source == SAGAS:
        found = tokens[-1]
    elif letter.source == TIMERS:
        found = tokens[4] if len(tokens) > 4 else None
    elif letter.source == COMMANDS:
        document = _document(letter.data)
        found = document.get("subject") if "partitionkey" in document else None
    return found if is_uuid(found) else None


def _named(data: bytes) -> Any:
    """The person that the event of a neighbour names."""
    body = _document(data).get("data")
    if not isinstance(body, dict):
        return None
    named = [body.get(name) for name in ("saga_person_id", "person_id")]
    return next((one.lower() for one in named if isinstance(one, str)), None)


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}

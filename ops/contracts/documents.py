"""Every schema that is a file: what is sent, what is answered, what is kept. Driven by the catalogues of the code.

Guarantee: a type, query or table without a schema is an error that names it."""

from __future__ import annotations

from typing import Any, get_args

from domain.commands import COMMANDS
from domain.components.catalogue import COMPONENT_TYPES
from domain.event_catalogue import EVENTS
from domain.outcomes import Outcome
from domain.policies.rule_event_data import RULE_EVENTS
from domain.process_commands import PROCESS_COMMANDS
from domain.refusals import FAILURE_CODES, QUERY_ERROR_CODES, REFUSAL_CODES
from domain.sagas.event_data import SAGA_EVENTS
from ops.contracts import paths
from ops.contracts.answer_frames import Error, Failure, Items, Success
from ops.contracts.answers import ANSWERS, STREAMED, Change
from ops.contracts.dead_letters import DeadLetterHeaders
from ops.contracts.envelopes import command_schema, event_schema
from ops.contracts.json_schema import Schema, document, entering, shown, written
from ops.contracts.neighbour_envelopes import neighbour_documents
from ops.contracts.process_envelopes import (
    process_command_schema,
    rule_event_schema,
    saga_event_schema,
    timer_schema,
)
from ops.contracts.rows import ROWS
from queries.endpoint import Endpoint
from queries.endpoints import ENDPOINTS


def documents() -> dict[str, Schema]:
    """Path below ``schemas`` to the document."""
    made = {paths.command(spec): command_schema(spec) for spec in COMMANDS.values()}
    made |= {paths.command(spec): process_command_schema(spec) for spec in PROCESS_COMMANDS.values()}
    made |= {paths.saga_event(spec.type): saga_event_schema(spec) for spec in SAGA_EVENTS.values()}
    made |= {paths.rule_event(name): rule_event_schema(name) for name in RULE_EVENTS}
    made[paths.TIMER] = timer_schema()
    made |= neighbour_documents()
    made |= {paths.event(spec): event_schema(spec) for spec in EVENTS.values()}
    for name, model in COMPONENT_TYPES.items():
        made[paths.component(name)] = document(name, _text(model), written(model), **{"x-personal": model.group})
    for endpoint in ENDPOINTS.values():
        title = "".join(word.capitalize() for word in endpoint.name.split("_"))
        text = _text(endpoint.request)
        made[paths.request(endpoint.name)] = document(f"{title}Request", text, entering(endpoint.request))
        made[paths.reply(endpoint.name)] = document(
            f"{title}Reply", f"The answer to {endpoint.name}.", _reply(endpoint)
        )
    for name, row in ROWS.items():
        made[paths.row(name)] = document(name, _text(row), shown(row))
    made[paths.OUTCOME] = document("Outcome", _text(Outcome), _outcome())
    made[paths.DEAD_LETTER] = document("DeadLetterHeaders", _text(DeadLetterHeaders), entering(DeadLetterHeaders))
    if "subscribe" in ENDPOINTS:
        made[paths.CHANGE] = document("Change", "A message of a live subscription.", shown(Change))
    return dict(sorted(made.items()))


def _reply(endpoint: Endpoint) -> Schema:
    if endpoint.name not in ANSWERS:
        raise LookupError(f"query {endpoint.name}: its answer is not declared in ANSWERS of ops/contracts/answers.py")
    data = ANSWERS[endpoint.name]
    forms: Any = Success[data] | Failure  # type: ignore[valid-type]
    if endpoint.rows is not None:
        item = STREAMED.get(endpoint.name) or get_args(data)[0]
        forms |= Items[item]  # type: ignore[valid-type]
    schema = shown(forms)
    for part in schema["$defs"].values():
        code = part.get("properties", {}).get("code")
        if code is not None and part.get("description") == _text(Error):
            code["enum"] = sorted(QUERY_ERROR_CODES)
    return schema


def _outcome() -> Schema:
    schema = written(Outcome)
    properties = schema["properties"]
    properties["code"] = {"type": "string", "enum": sorted({*REFUSAL_CODES, *FAILURE_CODES})}
    # A position is always written: null tells that nothing was stored.
    properties["position"] = {"anyOf": [properties["position"], {"type": "null"}]}
    schema["required"] = [name for name in schema["required"] if name != "command_id"] + ["events", "position"]
    return schema


def _text(model: type) -> str:
    return " ".join((model.__doc__ or "").split())

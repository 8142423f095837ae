"""The sections of the reference that list the catalogues: commands, events, component types, values, queries, read models.

Every example in them is one of the story that a test sends to running workers."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any, Final, get_args, get_origin

from domain.command_data.base import CommandSpec
from domain.commands import COMMANDS
from domain.components.catalogue import COMPONENT_TYPES
from domain.decide import DECISIONS
from domain.event_catalogue import EVENTS
from domain.policies.rule_event_data import RULE_EVENTS
from domain.process_commands import PROCESS_COMMANDS
from domain.sagas.event_data import SAGA_EVENTS
from ops.contracts import paths
from ops.contracts.answers import ANSWERS
from ops.contracts.documents import documents
from ops.contracts.examples.components import COMPONENTS
from ops.contracts.examples.queries import REQUESTS
from ops.contracts.examples.story import example_of, story
from ops.contracts.examples.told import told
from ops.contracts.json_schema import DEFS, Schema, entering, written
from ops.contracts.rows import ROWS
from queries.endpoints import ENDPOINTS
from queries.frame import Query
from tests.docs.schema_words import rule_of


def commands() -> str:
    """Every command with its fields, events, refusals and an example."""
    return "\n\n".join(_command(spec) for spec in COMMANDS.values())


def events() -> str:
    """Every event with its fields and an example."""
    return "\n\n".join(_event(name) for name in EVENTS)


def component_types() -> str:
    """Every component type with its key, its rules and an example."""
    return "\n\n".join(_component(name) for name in COMPONENT_TYPES)


def values() -> str:
    """Every value that a command, an event, a request or a component holds."""
    found: dict[str, Schema] = {}
    for spec in EVENTS.values():
        found |= written(spec.model).get("$defs", {})
    for process_model in (*(spec.model for spec in SAGA_EVENTS.values()), *RULE_EVENTS.values()):
        found |= written(process_model).get("$defs", {})
    for endpoint in ENDPOINTS.values():
        found |= entering(endpoint.request).get("$defs", {})
    specs = (*COMMANDS.values(), *PROCESS_COMMANDS.values())
    for model in (*(spec.model for spec in specs), *COMPONENT_TYPES.values()):
        found |= entering(model).get("$defs", {})
    own = {model.__name__ for model in COMPONENT_TYPES.values()}
    return "\n\n".join(
        f"### {name}\n\n{schema.get('description', '')}\n\n{fields_of(schema)}"
        for name, schema in sorted(found.items())
        if name not in own
    )


def queries() -> str:
    """Every query with its fields and example requests."""
    return "\n\n".join(_query(name) for name in ENDPOINTS)


def columns(table: str) -> str:
    """The columns of a read model."""
    schema = _schemas()[paths.row(table)]
    defs = schema.get("$defs", {})
    tables: list[str] = []
    for option in schema.get("anyOf", [schema]):
        shown = defs[option["$ref"].removeprefix(DEFS)] if "$ref" in option else option
        tables += [part for part in (shown.get("description", ""), fields_of(shown, defs=defs)) if part]
    return "\n\n".join(tables)


def _command(spec: CommandSpec) -> str:
    lines = [f"### {spec.name}", f"Type and subject: `{spec.type}`. {text_of(spec.model)}"]
    if spec.kinds:
        lines[-1] += f" Only actors of the kind {listed(sorted(spec.kinds))} may send it."
    schema = _schemas()[paths.command(spec)]["properties"]["data"]
    lines.append(fields_of(schema, needed=True) or "It has no data.")
    emitted = dict.fromkeys(event for step_type, event in _emitted() if step_type == spec.type)
    lines.append(f"Events in the examples: {', '.join(f'[`{name}`](events.md#{_anchor(name)})' for name in emitted)}.")
    refused = refusals(DECISIONS[spec.model])
    lines.append(f"Refuses: {listed(refused) if refused else 'nothing further'}.")
    lines.append(block(example_of(spec.path).message()))
    return "\n\n".join(lines)


_schemas = cache(documents)


@cache
def _emitted() -> tuple[tuple[str, str], ...]:
    """Command type and event type of every event of the story, in order."""
    types = {step.id: step.type for step in story()}
    return tuple((types[event.causationid], event.type) for event in told().log)


def refusals(decision: Callable[..., Any]) -> list[str]:
    """Codes with which a decision refuses, by itself or by what it calls in its package, in the order of its text."""
    return list(dict.fromkeys(_codes(decision, set())))


def _codes(function: Callable[..., Any], seen: set[str]) -> Iterator[str]:
    name = f"{function.__module__}.{function.__qualname__}"
    if name in seen:
        return
    seen.add(name)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        called = getattr(call.func, "id", None)
        if called == "Refused":
            if isinstance(call.args[0], ast.Constant):
                yield str(call.args[0].value)
        elif called is not None:
            target = function.__globals__.get(called)
            if inspect.isfunction(target) and target.__module__.startswith("domain.decisions"):
                yield from _codes(target, seen)


def _event(name: str) -> str:
    spec = EVENTS[name]
    head = f"Version {spec.version}, subject `person.events.{spec.context}.{spec.name}`. {text_of(spec.model)}"
    schema = _schemas()[paths.event(spec)]["properties"]["data"]
    table = fields_of(schema, personal=True) or "It has no data."
    return "\n\n".join((f"### {name}", head, table, block(told().events[name])))


def _component(name: str) -> str:
    model = COMPONENT_TYPES[name]
    key = "a person has at most one" if model.single else text_of(model.natural_key).rstrip(".").lower()
    rules = [f"Key: {key}.", f"Group: {model.group}.", f"Access: {model.access}."]
    if model.consent is not None:
        rules.append(f"Needs the consent `{model.consent}`.")
    if model.derived_fields:
        rules.append(f"Never sent: {listed(sorted(model.derived_fields))}.")
    table = fields_of(entering(model), needed=True)
    return "\n\n".join((f"### {name}", f"{text_of(model)} {' '.join(rules)}", table, block(COMPONENTS[name])))


def _query(name: str) -> str:
    endpoint = ENDPOINTS[name]
    schema = _schemas()[paths.request(name)]
    own = {field: part for field, part in schema["properties"].items() if field not in Query.model_fields}
    reply = f"[reply](../../contracts/schemas/{paths.reply(name)})"
    text = text_of(endpoint.request).removeprefix(f"{name}: ")
    lines = [f"### {name}", f"{text[0].upper()}{text[1:]}", fields_of({**schema, "properties": own}, needed=True)]
    if not own:
        lines[-1] = "It takes the fields of the frame only."
    streams = " It may be [streamed](#streams)." if endpoint.rows is not None else ""
    lines.append(f"{text_of(endpoint.answer)}{streams}")
    data = _data(ANSWERS[name])
    lines += [f"Data: {data}", f"Schema: {reply}."] if "\n" in data else [f"Data: {data} Schema: {reply}."]
    lines += [block(request) for request in REQUESTS[name]]
    return "\n\n".join(lines)


def _data(answer: Any) -> str:
    """What an answer holds, in the words of its forms."""
    is_list = get_origin(answer) is list
    form = get_args(answer)[0] if is_list else answer
    forms = get_args(form) or (form,)
    words = [text_of(one) for one in forms if isinstance(one, type) and one.__doc__]
    if len(words) > 1:
        kind = "a list of rows, each" if is_list else "one"
        return "\n".join((f"{kind} of these forms:\n", *(f"- {one}" for one in words)))
    return f"a list. {words[0]}" if is_list else words[0]


def fields_of(
    schema: Schema, *, needed: bool = False, personal: bool = False, defs: Mapping[str, Any] | None = None
) -> str:
    """The fields of a schema as a table; empty for none."""
    fields = {name: part for name, part in schema.get("properties", {}).items() if name != "context"}
    if not fields:
        return ""
    required = set(schema.get("required", ()))
    head = ["Field", *(["Needed"] if needed else []), "Rule", *(["Personal"] if personal else [])]
    rows = [
        [
            f"`{name}`",
            *([("yes" if name in required else "no")] if needed else []),
            rule_of(part, defs),
            *([str(part.get("x-personal", ""))] if personal else []),
        ]
        for name, part in fields.items()
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def block(body: Mapping[str, Any]) -> str:
    """A message as a block of JSON."""
    return f"```json\n{json.dumps(body, ensure_ascii=False, indent=2)}\n```"


def listed(words: Iterable[str]) -> str:
    """Words of code in one line."""
    return ", ".join(f"`{word}`" for word in words)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def text_of(documented: Any) -> str:
    """What something says of itself, in one line."""
    return " ".join((documented.__doc__ or "").split())


CATALOGUES: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "commands": ("commands.md", commands),
    "events": ("events.md", events),
    "component types": ("components.md", component_types),
    "values": ("values.md", values),
    "endpoints": ("queries.md", queries),
    **{f"columns of {name}": ("tables.md", partial(columns, name)) for name in ROWS},
}
"""Name of a section to its page and the function that makes it."""

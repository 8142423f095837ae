"""The table of limits, made from the code that keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from agents.state_limits import MAX_TAKEN_OVER
from bridge.append import MAX_BATCH
from bridge.egress_mapping import MAX_SUBJECT
from bridge.jetstream import PULL_MAX_BYTES
from bridge.routes import MAX_BATCH as MAX_ROUTE_BATCH
from bridge.subjects import MAX_TOKEN
from config import streams
from config.settings import Settings
from domain.components.instance import MAX_COMPONENTS, MAX_CUSTOM_FIELD_BYTES, MAX_DATA_BYTES
from domain.envelope import MAX_CONTEXT_BYTES, MAX_DEPTH
from domain.foreign import MAX_FOREIGN_BYTES
from domain.policies.evaluation import MAX_COMMAND_BYTES
from domain.policies.registration import MAX_BYTES as MAX_POLICY_BYTES
from queries.authorisation import page_guard
from queries.frame import ITEMS_PER_MESSAGE, MAX_TIMEOUT_MS
from queries.outflow import MAX_WINDOW, PATIENCE_S, UNACKNOWLEDGED
from queries.service import MAX_REQUEST_BYTES, MAX_RUNNING, MESSAGE_BYTES
from queries.status.feed import MAX_VIEWERS
from queries.subscriptions.subscriptions import MAX_SUBSCRIPTIONS


def limits_table() -> str:
    """What comes in, goes out or is held, the most of it, and what becomes of more."""
    rows = [*_messages(), *_batches(), *_replies()]
    header = "| What | At most | Set by | Beyond it |\n| --- | --- | --- | --- |"
    return "\n".join([header, *(f"| {' | '.join(row)} |" for row in rows)])


def _messages() -> list[tuple[str, str, str, str]]:
    stream = _declared(streams.COMMANDS)["max_msg_size"]
    return [
        ("message of NATS", "8 MB", "`max_payload` of the server", "the server ends the connection"),
        ("command that is stored", _bytes(stream), "stream `PERSON_COMMANDS`", "the server refuses the message"),
        ("command that is decided", _default("command_max_bytes"), "`PERSON_COMMAND_MAX_BYTES`", "refused: `invalid_command`"),
        ("`context` of a command", _bytes(MAX_CONTEXT_BYTES), "the domain", "refused: `invalid_command`"),
        ("chain of causes", str(MAX_DEPTH), "the domain", "refused: `depth_exceeded`"),
        ("components of a person", str(MAX_COMPONENTS), "the domain", "refused: `component_limit`"),
        ("data of a component", _bytes(MAX_DATA_BYTES), "the domain", "refused: `component_invalid`"),
        ("custom fields of a component", _bytes(MAX_CUSTOM_FIELD_BYTES), "the domain", "refused: `component_invalid`"),
        ("record of Kafka, and so the state of a person", _default("changelog_max_bytes"), "`PERSON_CHANGELOG_MAX_BYTES`", "a quarter for commands, half for folds; then refused or parked"),
        ("event of a neighbour", _bytes(MAX_FOREIGN_BYTES), "the domain", "dead letter"),
        ("document of a policy", _bytes(MAX_POLICY_BYTES), "the domain", "refused: `invalid_policy`"),
        ("command that a policy makes", _bytes(MAX_COMMAND_BYTES), "the domain", "the policy decides nothing"),
        ("subject of an egress route", f"{MAX_SUBJECT} characters, {MAX_TOKEN} a token", "the bridge", "dead letter"),
    ]  # fmt: skip


def _batches() -> list[tuple[str, str, str, str]]:
    return [
        ("events of an atomic append", str(MAX_BATCH), "the bridge", "several appends"),
        ("events by which a target takes over a merged person", str(MAX_TAKEN_OVER), "the agents", "the merge is refused: `component_limit`"),
        ("records of an atomic batch of an egress route", str(MAX_ROUTE_BATCH), "`bounds.batch` of the route", "several batches"),
        ("bytes of one pull from a stream", _bytes(PULL_MAX_BYTES), "the bridge", "the next pull brings the rest"),
        ("records of a cycle of an event lane", _default("lane_max_batch"), "`PERSON_LANE_MAX_BATCH`", "the next cycle"),
        ("records that a lane holds", _default("lane_max_backlog"), "`PERSON_LANE_MAX_BACKLOG`", "its partition is paused"),
        ("bytes that a lane holds", _bytes(_of("lane_max_backlog_bytes")), "`PERSON_LANE_MAX_BACKLOG_BYTES`", "its partition is paused"),
    ]  # fmt: skip


def _replies() -> list[tuple[str, str, str, str]]:
    return [
        ("request of a query", _bytes(MAX_REQUEST_BYTES), "the queries", "`invalid_query`, rule `too_long`"),
        ("time of a query", f"{MAX_TIMEOUT_MS} ms", "`timeout_ms` of the request", "`timeout`"),
        ("queries that a worker answers at a time", str(MAX_RUNNING), "the queries", "`overloaded`"),
        ("answer of a query", "8 MB", "`max_payload` of the server", "`overloaded`: ask for a part, or a stream"),
        ("message of a streamed answer", f"{ITEMS_PER_MESSAGE} items, {_bytes(MESSAGE_BYTES)}", "the queries", "the next message"),
        ("messages ahead of a reader that acknowledges", str(MAX_WINDOW), "header `Person-Window`", f"the worker waits, {PATIENCE_S:g} s at most"),
        ("messages ahead of any other reader", str(UNACKNOWLEDGED), "the queries", "the worker waits for the server"),
        ("live subscriptions of a worker", str(MAX_SUBSCRIPTIONS), "the queries", "`overloaded`"),
        ("viewers of a worker's status page", str(MAX_VIEWERS), "the pages", "the page says so"),
        ("token in a request of HTTP", f"{page_guard.MAX_TOKEN} characters", "the pages", "status 401"),
    ]  # fmt: skip


def _declared(name: str) -> Mapping[str, Any]:
    return next(one for one in streams.streams(8, 1) if one["name"] == name)


def _of(setting: str) -> int:
    return int(Settings.model_fields[setting].default)


def _default(setting: str) -> str:
    value = _of(setting)
    return _bytes(value) if setting.endswith("bytes") else str(value)


def _bytes(count: int) -> str:
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size and count % size == 0:
            return f"{count // size} {unit}"
    return f"{count} bytes"


LIMIT_SECTIONS: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {"limits": ("limits.md", limits_table)}

"""No part of the product connects on its own: whoever names brokers or servers by address alone would leave out encryption and login."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = (
    "agents",
    "bridge",
    "config",
    "connections",
    "lanes",
    "local",
    "ops",
    "queries",
    "tables",
    "tracing",
    "wiring",
)
CLIENTS = {"AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient", "AIOKafkaClient"}
OPENING = {
    "connect",
    "connected",
    "PersonClient",
    "ensure_topics",
    "plan_trim",
    "lags",
    "check_routes",
    "trim",
    "DurableProducer",
}
"""Functions and classes of ours that open connections."""


@functools.cache
def modules() -> list[tuple[Path, ast.Module]]:
    paths = (ROOT / "app.py", *(path for part in PRODUCT for path in sorted((ROOT / part).rglob("*.py"))))
    return [(path.relative_to(ROOT), ast.parse(path.read_text())) for path in paths]


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "id", getattr(node.func, "attr", "")), node


def test_every_client_of_kafka_is_made_with_the_options_of_the_cluster() -> None:
    made = 0
    for path, tree in modules():
        for name, call in calls(tree):
            if name in CLIENTS:
                made += 1
                assert not any(keyword.arg == "bootstrap_servers" for keyword in call.keywords), f"{path}:{call.lineno}"
                assert any(keyword.arg is None for keyword in call.keywords), f"{path}:{call.lineno}"
    assert made > 8


def test_no_connection_is_opened_with_an_address_of_the_settings() -> None:
    for path, tree in modules():
        for name, call in calls(tree):
            if name in OPENING:
                for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
                    named = getattr(argument, "attr", "")
                    given = getattr(argument, "value", None)
                    settings = getattr(given, "id", getattr(given, "attr", ""))
                    assert not (named in ("nats_url", "kafka_bootstrap") and settings == "settings"), (
                        f"{path}:{call.lineno}: use settings.nats or settings.kafka"
                    )


def test_nats_is_connected_in_one_place_and_by_the_simulated_neighbours() -> None:
    connecting = {
        str(path)
        for path, tree in modules()
        for name, call in calls(tree)
        if name == "connect" and any(keyword.arg == "connect_timeout" for keyword in call.keywords)
    }

    assert connecting == {"bridge/connection.py", "local/neighbours/running.py"}

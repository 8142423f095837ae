"""The main path on servers that are secured in both: every process has its own login and the published rights, and nothing more."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import TopicAuthorizationFailedError
from nats.aio.client import Client

from bridge.jetstream import api
from config.settings import Settings
from ops import probe
from ops.client import CommandMessage, PersonClient, QueryFailed
from ops.workers import Worker
from tests.security.conftest import Secured

ROOT = Path(__file__).parents[2]
ADA = {"name": {"given_names": ["Ada"], "family_names": ["Lovelace"]}, "source": "manual"}
FORGED = "person.events.lifecycle.created.0190c8a2-7b1e-7c3d-9a4f-000000000001"


@dataclass
class Running:
    """A worker on the secured servers; `tokens` are those of HTTP."""

    worker: Worker
    tokens: dict[str, str]
    trusting: ssl.SSLContext
    """Knows who signed the certificate of the pages."""


@pytest.fixture(scope="module")
def running(secured: Secured) -> Iterator[Running]:
    tokens = {name: secrets.token_hex(32) for name in ("dashboard", "other")}
    digests = {name: hashlib.sha256(token.encode()).hexdigest() for name, token in tokens.items()}
    grants = secured.folder / "grants.toml"
    grants.write_text(
        f"""
[principals.client]
queries = ["get_outcome"]
[principals.reader]
queries = ["get_by_id", "search", "list_sagas"]
[principals.importer]
queries = ["get_by_id", "get_outcome"]
[principals.analyst]
queries = ["get_statistics"]
[principals.operator]
queries = ["*"]
[principals.dashboard]
http_token_sha256 = ["{digests["dashboard"]}"]
pages = ["*"]
[principals.other]
http_token_sha256 = ["{digests["other"]}"]
"""
    )
    worker = Worker(
        "worker",
        nats_url=secured.endpoints.nats_url,
        kafka_bootstrap=secured.endpoints.kafka_bootstrap,
        data=secured.folder / "worker",
        logs=secured.folder / "logs",
        settings={
            **secured.worker(),
            "PERSON_ACCESS": "granted",
            "PERSON_GRANTS_FILE": str(grants),
            "PERSON_HTTP_TLS_CERT_FILE": str(secured.certificates.server),
        },
    )
    worker.start()
    try:
        worker.await_ready()
        yield Running(worker, tokens, ssl.create_default_context(cafile=secured.certificates.authority))
    finally:
        worker.ask_to_end()
        worker.await_end()


class AsRole:
    """A plain connection of a role; `refusals` holds what the server has refused it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.nc = Client()
        self.refusals: list[str] = []
        self.told = asyncio.Event()

    async def __aenter__(self) -> AsRole:
        async def on_error(error: Exception) -> None:
            self.refusals.append(str(error).lower())
            self.told.set()

        await self.nc.connect(**self._settings.nats.client_options(), error_cb=on_error)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.nc.close()

    async def is_refused(self, subject: str) -> bool:
        """Whether the server refuses to take a message for a subject."""
        before = len(self.refusals)
        await self.nc.publish(subject, b"{}", reply=self.nc.new_inbox())
        # The refusal comes before the answer to the flush; the callback that hears it runs a moment later.
        await self.nc.flush()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self.told.wait()
        self.told.clear()
        return any("permissions violation" in one and f'"{subject}"'.lower() in one for one in self.refusals[before:])


def page(running: Running, path: str, token: str | None = None) -> int:
    request = urllib.request.Request(running.worker.address + path)
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=5, context=running.trusting) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def status_of(running: Running, token: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{running.worker.address}/status", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=5, context=running.trusting) as answer:
        document: dict[str, Any] = json.load(answer)
    return document


def metrics_of(running: Running) -> str:
    address = f"{running.worker.address}/metrics"
    with urllib.request.urlopen(address, timeout=5, context=running.trusting) as answer:
        text: str = answer.read().decode()
    return text


def person(secured: Secured, role: str, *words: str, kafka_user: str | None = None) -> tuple[int, dict[str, Any], str]:
    """Run a verb as a role: exit code, JSON and everything that it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERSON_")}
    ran = subprocess.run(
        [sys.executable, "-m", "ops.cli", *words, "--json"],
        env={**environment, **secured.role(role, kafka_user), "PYTHONPATH": str(ROOT)},
        cwd=secured.folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ran.returncode, json.loads(ran.stdout), ran.stdout + ran.stderr


@pytest.mark.slow
async def test_commands_queries_and_verbs_work_with_the_published_rights_and_nothing_else_does(
    secured: Secured, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PersonClient(secured.settings_of("client").nats) as client:
        outcome = await client.send(CommandMessage("person.commands.create", ADA))
        assert outcome["status"] == "accepted", outcome
        person_id = outcome["person_id"]
        onboarding = await client.send(
            CommandMessage("person.commands.onboarding.start", {"onboarding_id": person_id}, person_id=person_id)
        )
        assert onboarding["status"] in ("accepted", "refused"), onboarding

    async with PersonClient(secured.settings_of("reader").nats) as reader:
        found = await reader.query("get_by_id", {"person_id": person_id, "min_position": outcome["position"]})
        assert found["data"]["person_id"] == person_id
        found_by = {"text": "lovelace", "min_position": outcome["position"]}
        assert [row async for row in reader.stream("search", found_by, window=1)]
        with pytest.raises(QueryFailed) as refused:
            await reader.query("get_events", {"person_id": person_id})
        assert refused.value.code == "forbidden"

    async with PersonClient(secured.settings_of("analyst").nats) as analyst:
        assert (await analyst.query("get_statistics", {}))["ok"]

    nobody = secured.settings_of("administrator").model_copy(update={"principal": None})
    async with PersonClient(nobody.nats) as administrator:
        with pytest.raises(QueryFailed) as refused:
            await administrator.query("get_by_id", {"person_id": person_id})
        assert refused.value.code == "forbidden"
        stored = (await api(administrator.nc, "STREAM.INFO.PERSON_EVENTS"))["state"]["messages"]

    for role, subjects in {
        "client": ("person.as.client.queries.get_by_id", "person.queries.get_by_id", "person.commands.saga.cancel"),
        "reader": (
            FORGED,
            "person.commands.create",
            "person.as.operator.queries.get_by_id",
            "person.internal.person.0",
        ),
        "analyst": ("person.as.analyst.queries.search", "$JS.API.STREAM.INFO.PERSON_EVENTS"),
        "operator": (
            FORGED,
            "$JS.API.STREAM.DELETE.PERSON_EVENTS",
            "$JS.API.CONSUMER.DELETE.PERSON_EVENTS.ingress-events-0",
        ),
    }.items():
        async with AsRole(secured.settings_of(role)) as connected:
            for subject in subjects:
                assert await connected.is_refused(subject), f"{role} may publish {subject}"
    async with AsRole(secured.settings_of("administrator")) as connected:
        # The server's answer to a command goes back to the account that sent it, whatever that wrote for a reply subject.
        async with AsRole(secured.settings_of("client")) as client:
            await client.nc.publish("person.commands.create", b"{}", reply=FORGED)
            await client.nc.publish("person.as.client.queries.get_outcome", b"{}", reply=FORGED)
            await client.nc.flush()
        await connected.nc.flush()
        assert (await api(connected.nc, "STREAM.INFO.PERSON_EVENTS"))["state"]["messages"] == stored

    async with PersonClient(secured.settings_of("operator").nats) as operator:
        letters = (await operator.query("list_dead_letters", {}))["data"]
        act = {"letter": letters[0]["letter"], "by": "user:somebody-else", "why": "sent by a test", "timeout_ms": 5000}
        assert (await operator.query("discard_dead_letter", act, timeout_ms=5000))["data"]["done"], letters
        [done] = (await operator.query("list_dead_letter_acts", {"limit": 1}))["data"]
        assert (done["by"], done["result"]["claimed_by"]) == ("user:operator", "user:somebody-else")

    assert page(running, "/readyz") == page(running, "/metrics") == 200
    assert page(running, "/status") == 401
    assert page(running, "/status", running.tokens["other"]) == 403
    document = status_of(running, running.tokens["dashboard"])
    assert document["settings"]["pages_encrypted"] is True
    assert {row["owner"].rstrip("/") for row in document["installation"]} == {running.worker.address}
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        page(replace(running, trusting=ssl.create_default_context()), "/livez")
    monkeypatch.setenv("PERSON_HTTP_PORT", str(running.worker.port))
    assert probe.main() == 1, "the pages are served in clear too"
    monkeypatch.setenv("PERSON_HTTP_TLS_CERT_FILE", str(secured.certificates.server))
    assert probe.main() == 0
    metrics = metrics_of(running)
    assert 'person_access_denied_total{action="query",resource="get_events"} 1.0' in metrics
    assert 'person_access_denied_total{action="page",resource="/status"} 2.0' in metrics

    code, shown, _ = person(secured, "reader", "get", person_id)
    assert (code, shown["status"]) == (0, "ok"), shown
    code, shown, printed = person(secured, "operator", "doctor", kafka_user="operator")
    assert code == 0, [one for one in shown["data"] if not one["ok"]]
    rights = {one["check"]: one["found"] for one in shown["data"] if one["check"].startswith("permission to")}
    assert set(rights.values()) == {"what the role needs (role operator)"}, rights
    log = running.worker.log.read_text()
    for text in (printed, log):
        assert not [secret for secret in secured.secrets() if secret in text]
        assert not any(token in text for token in running.tokens.values())
    assert "eof_received" not in log + printed
    assert "ermissions violation" not in log, [line for line in log.splitlines() if "ermissions" in line]
    assert person_id not in "".join(line for line in log.splitlines() if "denied:" in line)


@pytest.mark.slow
async def test_an_operator_may_read_the_topics_and_write_nothing(secured: Secured, running: Running) -> None:
    as_operator = {
        "kafka_bootstrap": secured.endpoints.kafka_bootstrap,
        "kafka_security": "SASL_SSL",
        "kafka_tls_ca_file": secured.certificates.authority,
        "kafka_user": "operator",
        "kafka_password": secured.kafka_passwords["operator"],
    }
    producer = AIOKafkaProducer(**Settings.model_validate(as_operator).kafka.client_options())
    await producer.start()
    try:
        assert len(await producer.partitions_for("person.events")) == 2
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait("person.events", b"forged", partition=0)
    finally:
        await producer.stop()


@pytest.mark.slow
def test_a_worker_without_its_tables_recovers_them_over_encrypted_connections(
    secured: Secured, running: Running
) -> None:
    worker = running.worker
    worker.process.kill()
    deadline = time.monotonic() + 10
    while worker.process.running:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    worker.data.rename(secured.folder / "lost")
    worker.start()
    worker.await_ready()

    code, shown, _ = person(secured, "reader", "query", "search", "--data", '{"text": "lovelace"}')
    assert code == 0, shown
    assert shown["data"], shown
    assert "ermissions violation" not in worker.log.read_text()

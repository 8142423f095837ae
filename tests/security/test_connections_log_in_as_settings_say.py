"""Every way to log in at NATS and Kafka, against servers that are configured so; and what is said when a server does not let us in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from nats.aio.client import Client

from bridge.connection import connect
from bridge.errors import BridgeError
from config.settings import Settings
from local.folder import DataFolder
from local.layout import Layout, nodes_of
from local.nats_server import nats_server
from local.ports import choose_ports
from local.probes import nats_is_healthy
from local.security import StackSecurity
from ops.permissions.files import NATS_CLAIMS, PUBLISHED
from tests.security.certificates import Certificates
from tests.security.conftest import Secured
from tests.security.nats_keys import Operator, user_key

TOKEN, PASSWORD = "t" * 24, "p" * 24


@contextmanager
def nats(data: Path, security: StackSecurity) -> Iterator[str]:
    """A nats-server that is secured; gives its address."""
    folder = DataFolder(data)
    folder.open()
    layout = Layout(1, proxied=False, secured=True)
    ports = choose_ports(folder.ports, wanted={}, names=layout.port_names())
    nodes = nodes_of(folder, layout, ports)
    server = nats_server(folder, nodes[0], nodes, security)
    try:
        server.start()
        while not nats_is_healthy(ports["nats_monitor"]):
            assert server.running, server.last_log_line
        yield f"tls://127.0.0.1:{ports['nats']}"
    finally:
        server.stop()
        folder.close()


async def logged_in(settings: Settings, answered_within_s: float = 5.0) -> str:
    """Connect, ask ourselves something, and give the subject on which the answer came."""
    nc = Client()
    await connect(nc, settings.nats, name="test")
    try:
        inbox = nc.new_inbox()
        answers = await nc.subscribe(inbox)
        await nc.publish(inbox, b"hello")
        return (await answers.next_msg(timeout=answered_within_s)).subject
    finally:
        await nc.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


async def test_nats_takes_user_nkey_and_client_certificate(tmp_path: Path, certificates: Certificates) -> None:
    key = user_key()
    users = f'authorization {{ users: [ {{user: ada, password: "{PASSWORD}"}}, {{nkey: {key.public}}} ] }}'
    security = StackSecurity(certificates.server, certificates.authority, users, nats_certificates=True)
    certified: dict[str, Any] = {
        "nats_tls_ca_file": certificates.authority,
        "nats_tls_cert_file": certificates.issue("ada"),
    }

    with nats(tmp_path / "nats", security) as url:
        by_password: dict[str, Any] = {"nats_user": "ada", "nats_password": PASSWORD, "nats_inbox_prefix": "_INBOX.ada"}
        assert (await logged_in(Settings(nats_url=url, **certified, **by_password))).startswith("_INBOX.ada.")
        assert await logged_in(Settings(nats_url=url, **certified, nats_nkey_file=key.write(tmp_path / "ada.nk")))

        with pytest.raises(BridgeError, match="Check the login") as refused:
            await logged_in(Settings(nats_url=url, **certified, nats_user="ada", nats_password="wrong" * 5))
        assert "wrong" not in str(refused.value)
        with pytest.raises(BridgeError, match="PERSON_NATS_TLS_CERT_FILE"):
            await logged_in(Settings(nats_url=url, nats_tls_ca_file=certificates.authority, **by_password))
        with pytest.raises(BridgeError, match=r"no encrypted connection .*PERSON_NATS_TLS_CA_FILE"):
            await logged_in(Settings(nats_url=url, **by_password))


async def test_nats_takes_a_token(tmp_path: Path, certificates: Certificates) -> None:
    security = StackSecurity(certificates.server, certificates.authority, f'authorization {{ token: "{TOKEN}" }}')
    (tmp_path / "token").write_text(TOKEN)

    with nats(tmp_path / "nats", security) as url:
        trusted: dict[str, Any] = {"nats_url": url, "nats_tls_ca_file": certificates.authority}
        assert await logged_in(Settings(**trusted, nats_token_file=tmp_path / "token"))


async def test_nats_takes_credentials_whose_token_holds_the_published_rights(
    tmp_path: Path, certificates: Certificates
) -> None:
    rights = json.loads((PUBLISHED / NATS_CLAIMS).read_text())
    operator = Operator(rights)
    security = StackSecurity(certificates.server, certificates.authority, operator.configuration())

    with nats(tmp_path / "nats", security) as url:
        trusted: dict[str, Any] = {"nats_url": url, "nats_tls_ca_file": certificates.authority}
        creds = operator.credentials(tmp_path / "worker.creds", "worker")
        inbox = await logged_in(Settings(**trusted, nats_creds_file=creds, nats_inbox_prefix="_INBOX.worker"))
        assert inbox.startswith("_INBOX.worker.")

        # A reader has a connection and may not write to its own inbox either.
        reader = operator.credentials(tmp_path / "reader.creds", "reader")
        with pytest.raises(TimeoutError):
            await logged_in(Settings(**trusted, nats_creds_file=reader, nats_inbox_prefix="_INBOX.reader"), 0.3)

        strangers = Operator(rights).credentials(tmp_path / "stranger.creds", "worker")
        with pytest.raises(BridgeError, match="Check the login"):
            await logged_in(Settings(**trusted, nats_creds_file=strangers))
        with pytest.raises(BridgeError, match="PERSON_NATS_NKEY_FILE needs the seed of a user"):
            await logged_in(Settings(**trusted, nats_nkey_file=certificates.authority))


async def test_a_password_is_not_sent_to_a_server_that_does_not_encrypt(own_nats: str) -> None:
    with pytest.raises(BridgeError, match="no encrypted connection"):
        await logged_in(Settings(nats_url=own_nats, nats_tls=True, nats_user="ada", nats_password=PASSWORD))
    with pytest.raises(BridgeError, match="no encrypted connection"):
        await logged_in(Settings(nats_url=own_nats.replace("nats:", "tls:")))


async def listed(settings: Settings) -> set[str]:
    """The topics that a client sees."""
    admin = AIOKafkaAdminClient(**settings.kafka.client_options(), request_timeout_ms=5000)
    try:
        await admin.start()
        return set(await admin.list_topics())
    finally:
        await admin.close()


def _login(mechanism: str) -> Callable[[Secured], dict[str, Any]]:
    return lambda at: {
        "kafka_bootstrap": at.endpoints.kafka_bootstrap,
        "kafka_security": "SASL_SSL",
        "kafka_sasl_mechanism": mechanism,
        "kafka_user": "admin",
        "kafka_password": at.kafka_passwords["admin"],
    }


def _certified(at: Secured) -> dict[str, Any]:
    return {
        "kafka_bootstrap": at.certificate_listener,
        "kafka_security": "SSL",
        "kafka_tls_cert_file": at.certificates.issue("admin"),
    }


@pytest.mark.parametrize(
    "given",
    [_login("SCRAM-SHA-512"), _login("SCRAM-SHA-256"), _login("PLAIN"), _certified],
    ids=["scram-512", "scram-256", "plain", "certificate"],
)
async def test_kafka_takes_passwords_over_tls_and_certificates(
    secured: Secured, given: Callable[[Secured], dict[str, Any]]
) -> None:
    await listed(Settings(kafka_tls_ca_file=secured.certificates.authority, **given(secured)))


async def test_kafka_does_not_let_in_who_has_no_right_password_or_trusts_another_authority(secured: Secured) -> None:
    right = _login("SCRAM-SHA-512")(secured)
    trusted = {"kafka_tls_ca_file": secured.certificates.authority}

    for wrong in (
        {**right, **trusted, "kafka_password": "wrong"},
        right,  # the authorities of the system did not sign the broker
        {"kafka_bootstrap": secured.endpoints.kafka_bootstrap},  # in clear
    ):
        with pytest.raises(KafkaError):
            await listed(Settings(**wrong))


async def test_a_user_of_kafka_without_rights_sees_no_topic(secured: Secured) -> None:
    stranger = {**_login("SCRAM-SHA-512")(secured), "kafka_user": "stranger"}
    stranger["kafka_password"] = secured.kafka_passwords["stranger"]

    assert not await listed(Settings(kafka_tls_ca_file=secured.certificates.authority, **stranger))

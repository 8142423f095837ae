"""A stack that is secured in both servers: encrypted, with a user for every role and the published rights."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.settings import Settings
from connections.kafka_cluster import KafkaCluster
from local.security import StackSecurity
from local.stack import Endpoints, Stack
from ops.permissions.files import KAFKA_SCRIPT, PUBLISHED, nats_file
from tests.security.access_rules import add_rules
from tests.security.certificates import Certificates
from tests.security.nats_keys import Key, user_key
from tests.short_lived import short_lived

PASSWORD_ROLES = ("reader", "analyst", "importer", "operator", "administrator")
CLIENT = "client"
"""Has an account of its own at NATS, into which only what it may do is imported."""
KAFKA_USERS = ("admin", "worker", "operator", "stranger")


@dataclass
class Secured:
    """Where everything is, and what each role needs to get in."""

    folder: Path
    certificates: Certificates
    endpoints: Endpoints
    certificate_listener: str
    worker_key: Path
    nats_passwords: dict[str, str] = field(repr=False)
    kafka_passwords: dict[str, str] = field(repr=False)

    def secret_file(self, name: str, secret: str) -> str:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(secret + "\n")
        return str(path)

    def common(self) -> dict[str, str]:
        """The settings that every process has."""
        return {
            "PERSON_NATS_URL": self.endpoints.nats_url,
            "PERSON_NATS_TLS_CA_FILE": str(self.certificates.authority),
            "PERSON_KAFKA_BOOTSTRAP": self.endpoints.kafka_bootstrap,
            "PERSON_KAFKA_SECURITY": "SASL_SSL",
            "PERSON_KAFKA_TLS_CA_FILE": str(self.certificates.authority),
            "PERSON_PARTITIONS": "2",
        }

    def worker(self) -> dict[str, str]:
        """NATS by nkey, Kafka by SCRAM-SHA-512."""
        return {
            **self.common(),
            "PERSON_NATS_NKEY_FILE": str(self.worker_key),
            "PERSON_NATS_INBOX_PREFIX": "_INBOX.worker",
            "PERSON_KAFKA_USER": "worker",
            "PERSON_KAFKA_PASSWORD_FILE": self.secret_file("worker-kafka", self.kafka_passwords["worker"]),
        }

    def role(self, name: str, kafka_user: str | None = None) -> dict[str, str]:
        """NATS by password, and Kafka for those who need it."""
        return {
            **self.common(),
            "PERSON_NATS_USER": name,
            "PERSON_NATS_PASSWORD": self.nats_passwords[name],
            "PERSON_NATS_INBOX_PREFIX": f"_INBOX.{name}",
            "PERSON_PRINCIPAL": name,
            **(
                {"PERSON_KAFKA_USER": kafka_user, "PERSON_KAFKA_PASSWORD": self.kafka_passwords[kafka_user]}
                if kafka_user
                else {"PERSON_KAFKA_SECURITY": "SSL"}
            ),
        }

    def settings_of(self, name: str) -> Settings:
        """The same as an object."""
        given = self.role(name)
        return Settings.model_validate({key.removeprefix("PERSON_").lower(): value for key, value in given.items()})

    def secrets(self) -> list[str]:
        """Everything that must not be shown anywhere."""
        return [*self.nats_passwords.values(), *self.kafka_passwords.values(), self.worker_key.read_text()]


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The running servers, with the published rights at both."""
    folder = tmp_path_factory.mktemp("secured")
    certificates = Certificates(folder / "certificates")
    worker = user_key()
    nats_passwords = {name: secrets.token_hex(16) for name in (*PASSWORD_ROLES, CLIENT)}
    kafka_passwords = {name: secrets.token_hex(16) for name in KAFKA_USERS}
    security = StackSecurity(
        certificates.server,
        certificates.authority,
        nats_users=_users(folder / "stack" / "nats", worker, nats_passwords),
        kafka_users=kafka_passwords,
    )
    with short_lived(Stack(folder / "stack", security=security)) as stack:
        admin = KafkaCluster(
            stack.kafka_for_certificates,
            "SSL",
            Settings(
                kafka_tls_ca_file=certificates.authority, kafka_tls_cert_file=certificates.issue("admin")
            ).kafka.tls,
        )
        script = (PUBLISHED / KAFKA_SCRIPT).read_text()
        asyncio.run(add_rules(admin, script, {"WORKER": "User:worker", "OPERATOR": "User:operator"}))
        yield Secured(
            folder,
            certificates,
            stack.endpoints,
            stack.kafka_for_certificates,
            worker.write(folder / "worker.nk"),
            nats_passwords,
            kafka_passwords,
        )


def _users(home: Path, worker: Key, passwords: dict[str, str]) -> str:
    def rights(role: str) -> str:
        # The server takes the name of an included file from its own folder on, whatever it begins with.
        return f'permissions: {{ include "{os.path.relpath(PUBLISHED / nats_file(role), home)}" }}'

    def user(name: str) -> str:
        return f'{{ user: {name}, password: "{passwords[name]}", {rights(name)} }}'

    known = "\n".join(f"      {user(name)}" for name in PASSWORD_ROLES)
    return f"""\
accounts {{
  PERSON {{
    jetstream: enabled
    users: [
      {{ nkey: {worker.public}, {rights("worker")} }}
{known}
    ]
    exports: [
      {{ service: "person.commands.>" }}
      {{ service: "person.as.*.queries.*" }}
      {{ stream: "_INBOX.client.>" }}
    ]
  }}
  CLIENTS {{
    users: [ {user(CLIENT)} ]
    imports: [
      {{ service: {{ account: PERSON, subject: "person.commands.>" }} }}
      {{ service: {{ account: PERSON, subject: "person.as.client.queries.*" }} }}
      {{ stream: {{ account: PERSON, subject: "_INBOX.client.>" }} }}
    ]
  }}
}}
"""

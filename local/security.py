"""Owns what a stack needs to encrypt its connections and to let in only those whom it knows; for one node.

Guarantee: with it no listener of either server takes a connection that is not encrypted, the NATS monitor on this machine excepted."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.layout import Node
from local.ports import HOST

MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
BROKER = "broker"
"""Common name of the certificate of the servers; Kafka takes it for its own brokers."""
_PEM = "server.pem"
_AUTHORITY = "authority.pem"


@dataclass(frozen=True)
class StackSecurity:
    """`server_pem` holds certificate and key (PKCS #8) of both servers, `authority_pem` whom they trust for clients.

    `nats_users` is text for the configuration of nats-server: an `authorization` or `accounts` and what belongs to them.
    `kafka_users` are names and passwords; `kafka_admin` is the one who may do everything. `nats_certificates` asks clients of NATS for one.
    """

    server_pem: Path
    authority_pem: Path
    nats_users: str = ""
    nats_certificates: bool = False
    kafka_users: Mapping[str, str] = field(default_factory=dict, repr=False)
    kafka_admin: str = "admin"

    def nats_configuration(self) -> str:
        """Lines for nats-server."""
        # JSON strings are strings of its configuration too.
        pem, authority = json.dumps(str(self.server_pem)), json.dumps(str(self.authority_pem))
        return f"""\
tls {{
  cert_file: {pem}
  key_file: {pem}
  ca_file: {authority}
  verify: {str(self.nats_certificates).lower()}
}}
{self.nats_users}
"""

    def kafka_configuration(self, node: Node) -> str:
        """Listeners, logins and the authorizer of a broker; certificates are in its working directory, so that no path needs quoting."""
        clients, certified = node.port("kafka"), node.port("kafka_peer")
        known = " ".join(f'user_{name}="{password}"' for name, password in self.kafka_users.items())
        return f"""\
listeners=SASL_SSL://{HOST}:{clients},SSL://{HOST}:{certified},CONTROLLER://{HOST}:{node.port("kafka_controller")}
advertised.listeners=SASL_SSL://{HOST}:{clients},SSL://{HOST}:{certified}
inter.broker.listener.name=SSL
listener.security.protocol.map=SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:SSL
ssl.keystore.type=PEM
ssl.keystore.location={_PEM}
ssl.truststore.type=PEM
ssl.truststore.location={_AUTHORITY}
listener.name.ssl.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^.*CN=([^,]+).*$/$1/,DEFAULT
sasl.enabled.mechanisms=PLAIN,{",".join(MECHANISMS)}
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {known};
{_scram_logins()}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{BROKER};User:{self.kafka_admin}"""

    def lay_out(self, home: Path) -> None:
        """Copy the certificates to the working directory of a broker."""
        for name, source in ((_PEM, self.server_pem), (_AUTHORITY, self.authority_pem)):
            copy = home / name
            copy.touch(mode=0o600)
            copy.write_bytes(source.read_bytes())

    def format_options(self) -> list[str]:
        """What the formatter of the storage is told of users."""
        return [
            option
            for name, password in self.kafka_users.items()
            for mechanism in MECHANISMS
            for option in ("--add-scram", f"{mechanism}=[name={name},password={password}]")
        ]

    def probing(self) -> ssl.SSLContext:
        """How this process asks the servers whether they are ready."""
        context = ssl.create_default_context(cafile=self.authority_pem)
        context.load_cert_chain(self.server_pem)
        return context


def _scram_logins() -> str:
    module = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return "\n".join(f"listener.name.sasl_ssl.{name.lower()}.sasl.jaas.config={module}" for name in MECHANISMS)

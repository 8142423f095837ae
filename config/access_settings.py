"""The settings of encryption, logins and access rights; part of `Settings`, and what they mean together.

Guarantee: secrets are kept as `SecretStr`, so that neither text nor `repr` nor JSON of the settings shows one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from connections.kafka_cluster import KafkaCluster, Mechanism, Protocol
from connections.nats_servers import NatsServers
from connections.page_tls import PageTls
from connections.secret_file import secret_of
from connections.tls import Tls


class AccessSettings(BaseSettings):
    """Who this process is for the servers, and what others may ask of it."""

    nats_url: str = Field("nats://127.0.0.1:4222", description="Addresses of the NATS servers, comma separated.")
    nats_tls: bool = Field(
        False,
        description="Whether connections to NATS are encrypted; `tls://` in PERSON_NATS_URL or a file of PERSON_NATS_TLS_… means the same.",
    )
    nats_tls_ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign the servers of NATS; those of the system without it."
    )
    nats_tls_cert_file: Path | None = Field(None, description="PEM file of the client certificate for NATS.")
    nats_tls_key_file: Path | None = Field(
        None, description="PEM file of its key, if the certificate's file does not hold it."
    )
    nats_user: str | None = Field(None, description="User of NATS, together with a password.")
    nats_password: SecretStr | None = Field(None, description="Password of the user of NATS.")
    nats_password_file: Path | None = Field(None, description="File that holds the password instead.")
    nats_token: SecretStr | None = Field(None, description="Token of NATS, if the servers take one.")
    nats_token_file: Path | None = Field(None, description="File that holds the token instead.")
    nats_nkey_file: Path | None = Field(
        None, description="File with the seed of the nkey with which NATS is logged in."
    )
    nats_creds_file: Path | None = Field(
        None, description="Credentials file (JWT and seed, as `nsc` writes it) with which NATS is logged in."
    )
    nats_inbox_prefix: str = Field(
        "_INBOX",
        description="How the subjects begin on which answers are awaited; permissions give each user an own one below `_INBOX.`.",
    )
    principal: str | None = Field(
        None, description="Name under which the verbs ask queries; NATS lets a user take only the one it was given."
    )
    kafka_bootstrap: str = Field(
        "127.0.0.1:9092", description="Bootstrap addresses of the Kafka cluster, comma separated."
    )
    kafka_security: Protocol = Field(
        "PLAINTEXT",
        description="`PLAINTEXT`, `SSL` (encrypted; the client certificate says who we are) or `SASL_SSL` (encrypted, with user and password).",
    )
    kafka_tls_ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign the brokers; those of the system without it."
    )
    kafka_tls_cert_file: Path | None = Field(None, description="PEM file of the client certificate for Kafka.")
    kafka_tls_key_file: Path | None = Field(
        None, description="PEM file of its key, if the certificate's file does not hold it."
    )
    kafka_sasl_mechanism: Mechanism = Field(
        "SCRAM-SHA-512", description="`SCRAM-SHA-512`, `SCRAM-SHA-256` or `PLAIN`; for `SASL_SSL`."
    )
    kafka_user: str | None = Field(None, description="User of Kafka, together with a password.")
    kafka_password: SecretStr | None = Field(None, description="Password of the user of Kafka.")
    kafka_password_file: Path | None = Field(None, description="File that holds the password instead.")
    http_tls_cert_file: Path | None = Field(
        None,
        description="PEM file of the certificate with which HTTP pages are served encrypted; without it they are served in clear.",
    )
    http_tls_key_file: Path | None = Field(
        None, description="PEM file of its key, if the certificate's file does not hold it."
    )
    access: Literal["granted", "open"] = Field(
        "granted",
        description="`granted`: queries and HTTP pages are for those whom PERSON_GRANTS_FILE names; `open`: for everybody who reaches the worker.",
    )
    grants_file: Path | None = Field(
        None,
        description="TOML file of who may ask which query and read which page; without it nobody may, if PERSON_ACCESS is `granted`.",
    )

    @property
    def nats(self) -> NatsServers:
        """How NATS is reached; raises AccessSettingError for a secret that is given twice or in a file that cannot be read."""
        files = (self.nats_tls_ca_file, self.nats_tls_cert_file, self.nats_tls_key_file)
        return NatsServers(
            self.nats_url,
            tls=Tls("PERSON_NATS_TLS", *files) if self.nats_tls or any(files) else None,
            user=self.nats_user,
            password=secret_of(self.nats_password, self.nats_password_file, setting="PERSON_NATS_PASSWORD"),
            token=secret_of(self.nats_token, self.nats_token_file, setting="PERSON_NATS_TOKEN"),
            nkey_file=self.nats_nkey_file,
            creds_file=self.nats_creds_file,
            inbox_prefix=self.nats_inbox_prefix,
            principal=self.principal,
        )

    @property
    def kafka(self) -> KafkaCluster:
        """How Kafka is reached; raises AccessSettingError as `nats` does."""
        return KafkaCluster(
            self.kafka_bootstrap,
            protocol=self.kafka_security,
            tls=Tls("PERSON_KAFKA_TLS", self.kafka_tls_ca_file, self.kafka_tls_cert_file, self.kafka_tls_key_file),
            mechanism=self.kafka_sasl_mechanism,
            user=self.kafka_user,
            password=secret_of(self.kafka_password, self.kafka_password_file, setting="PERSON_KAFKA_PASSWORD"),
        )

    @property
    def pages(self) -> PageTls:
        """How HTTP pages are encrypted."""
        return PageTls(self.http_tls_cert_file, self.http_tls_key_file)

    def check_access(self) -> None:
        """Raise AccessSettingError when the settings of a connection contradict each other or a file cannot be used."""
        self.pages.context()
        self.nats.client_options()
        self.kafka.client_options()

"""Owns what a client needs to reach Kafka: bootstrap addresses, encryption and who it is.

Guarantee: a password is sent over TLS only; what is secret never shows in text, `repr` or errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import SecretStr

from connections.errors import AccessSettingError
from connections.tls import Tls

Protocol = Literal["PLAINTEXT", "SSL", "SASL_SSL"]
Mechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]
"""How a password is proved; PLAIN sends it, which TLS hides from all but the broker."""

_SYSTEM = Tls("PERSON_KAFKA_TLS")


@dataclass(frozen=True)
class KafkaCluster:
    """Bootstrap addresses, comma separated, and the protocol of all of them.

    SSL says who the client is by its certificate, where `tls` has one; SASL_SSL by `user` and `password`.
    """

    bootstrap: str
    protocol: Protocol = "PLAINTEXT"
    tls: Tls = _SYSTEM
    mechanism: Mechanism = "SCRAM-SHA-512"
    user: str | None = None
    password: SecretStr | None = None

    def __str__(self) -> str:
        return self.bootstrap

    def client_options(self) -> dict[str, Any]:
        """Arguments for any client of aiokafka; raises AccessSettingError for settings that contradict each other."""
        self._check()
        options: dict[str, Any] = {"bootstrap_servers": self.bootstrap, "security_protocol": self.protocol}
        if self.protocol != "PLAINTEXT":
            options["ssl_context"] = self.tls.context()
        if self.user is not None and self.password is not None:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password.get_secret_value(),
            }
        return options

    def _check(self) -> None:
        assert self.protocol in get_args(Protocol), self.protocol
        if (self.user is None) != (self.password is None):
            raise AccessSettingError("PERSON_KAFKA_USER and PERSON_KAFKA_PASSWORD belong together: set both or none")
        if self.protocol == "SASL_SSL" and self.user is None:
            raise AccessSettingError(
                "PERSON_KAFKA_SECURITY is SASL_SSL: set PERSON_KAFKA_USER and PERSON_KAFKA_PASSWORD"
            )
        if self.protocol != "SASL_SSL" and self.user is not None:
            raise AccessSettingError(
                f"PERSON_KAFKA_USER needs PERSON_KAFKA_SECURITY=SASL_SSL, not {self.protocol}: a password goes over TLS only"
            )
        if self.protocol == "PLAINTEXT" and (self.tls.ca_file or self.tls.cert_file):
            raise AccessSettingError(
                "PERSON_KAFKA_TLS_... names files and PERSON_KAFKA_SECURITY is PLAINTEXT: set it to SSL or SASL_SSL"
            )


def kafka_options(where: KafkaCluster | str) -> dict[str, Any]:
    """Arguments for any client of aiokafka; brokers that need no login may be named by their addresses alone."""
    return (KafkaCluster(where) if isinstance(where, str) else where).client_options()

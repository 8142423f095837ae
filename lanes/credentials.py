"""Tells Faust how to reach Kafka: its consumer and the readers of changelogs take encryption and login from there."""

from __future__ import annotations

from faust import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from connections.kafka_cluster import KafkaCluster


def faust_credentials(kafka: KafkaCluster) -> CredentialsT | None:
    """Credentials of Faust with the files as they are now, None for a cluster that is neither encrypted nor needs a login."""
    options = kafka.client_options()
    context = options.get("ssl_context")
    if context is None:
        return None
    if "sasl_mechanism" not in options:
        return SSLCredentials(context=context)
    return SASLCredentials(
        username=options["sasl_plain_username"],
        password=options["sasl_plain_password"],
        mechanism=options["sasl_mechanism"],
        ssl_context=context,
    )

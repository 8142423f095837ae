"""The settings that a worker tells: those that all of an installation share, and those that production demands. No secret is among them."""

from __future__ import annotations

from typing import Any

from config.settings import Settings


def settings_told(settings: Settings) -> dict[str, Any]:
    """Values by name; raises AccessSettingError for settings of access that contradict each other."""
    nats = settings.nats
    return {
        "partitions": settings.partitions,
        "replicas": settings.replicas,
        "standby_replicas": settings.standby_replicas,
        "access": settings.access,
        "nats_encrypted": nats.tls is not None or all(one.startswith("tls://") for one in nats.addresses()),
        "nats_login": any((nats.user, nats.token, nats.nkey_file, nats.creds_file)),
        "pages_encrypted": settings.http_tls_cert_file is not None,
        "kafka_security": settings.kafka_security,
        "kafka_login": settings.kafka_user is not None or settings.kafka_tls_cert_file is not None,
    }

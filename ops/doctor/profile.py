"""What an installation is held to: the settings of production, or nothing beyond what it declares itself.

Guarantee: pure; what a server says is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from ops.doctor.finding import Finding, good

Profile = Literal["development", "production"]

REPLICAS = 3
MIN_IN_SYNC = 2
STANDBYS = 1
SHARED = ("partitions", "replicas")
"""Settings that must be the same everywhere."""
SECURE = "docs/how-to/secure-an-installation.md says how to encrypt and log in"


Told = Mapping[str, Any]
"""Settings as workers tell them."""


def settings_findings(told: Told, profile: Profile, of: str = "") -> Iterable[Finding]:
    """Settings that production must not have; `of` says whose they are, at the end of each check's name."""
    if profile == "development":
        return
    yield _at_least(
        f"setting PERSON_REPLICAS{of}",
        told["replicas"],
        REPLICAS,
        "one failed server stops the installation or loses what it has acknowledged",
        "set PERSON_REPLICAS=3 before the first start; existing streams and topics have to be given more replicas by hand",
    )
    yield _at_least(
        f"setting PERSON_STANDBY_REPLICAS{of}",
        told["standby_replicas"],
        STANDBYS,
        "a partition whose worker dies is served again only after its whole changelog was read",
        "set PERSON_STANDBY_REPLICAS=1",
    )
    yield _demanded(
        f"setting PERSON_ACCESS{of}",
        told["access"] == "granted",
        str(told["access"]),
        "everybody who reaches a worker may ask every query and read every page",
        "set PERSON_ACCESS=granted and PERSON_GRANTS_FILE",
    )
    yield _demanded(
        f"access to NATS{of}",
        told["nats_encrypted"] and told["nats_login"],
        f"{'encrypted' if told['nats_encrypted'] else 'plain'}, {'with' if told['nats_login'] else 'without'} a login",
        "personal data crosses the network in clear, or everybody may send",
        SECURE,
    )
    yield _demanded(
        f"access to Kafka{of}",
        told["kafka_security"] != "PLAINTEXT" and told["kafka_login"],
        f"{told['kafka_security']}, {'with' if told['kafka_login'] else 'without'} a login",
        "personal data crosses the network in clear, or everybody may write",
        SECURE,
    )


def differing_settings(own: Told, workers: Mapping[str, Told], profile: Profile) -> Iterable[Finding]:
    """Workers that have other settings than those by which the doctor judges; in production theirs are judged, too."""
    for name, told in sorted(workers.items()):
        differences = [f"{one} is {told[one]}, here {own[one]}" for one in SHARED if told[one] != own[one]]
        if differences:
            yield Finding(
                f"settings of worker {name}",
                "warning",
                "; ".join(differences),
                "workers of one installation need the same, and the doctor judges by its own",
                "run the doctor with the environment of a worker; give all workers the same settings",
            )
        if told != own:
            yield from (one for one in settings_findings(told, profile, f" of worker {name}") if not one.ok)


def sync_finding(check: str, sync_always: bool | None, interval: str, profile: Profile) -> Finding:
    """Whether a NATS server syncs before it acknowledges; None when the server was not asked."""
    if sync_always:
        return good(check, "JetStream syncs before it acknowledges")
    if sync_always is None:
        return Finding(
            check,
            "error" if profile == "production" else "info",
            "sync_interval is not known: clients are not told of it",
            "an acknowledged event may be lost when a machine loses power, unless sync_interval is always",
            "give the address of the server's monitor: person doctor --nats-monitor http://HOST:8222, once per server",
        )
    return Finding(
        check,
        "error" if profile == "production" else "warning",
        f"sync_interval is {interval}",
        "an acknowledged event may be lost when a machine loses power",
        "set jetstream { sync_interval: always } and restart the servers one after the other",
    )


def replicas_finding(check: str, replicas: int, profile: Profile) -> Finding | None:
    """Whether a stream or topic has enough copies for production."""
    if profile == "development" or replicas >= REPLICAS:
        return None
    return Finding(
        check,
        "error",
        f"{replicas} {'copy' if replicas == 1 else 'copies'}, production has {REPLICAS}",
        "one failed server stops it, or loses what it has acknowledged",
        "give it three replicas (`nats stream edit --replicas 3`, `kafka-reassign-partitions`) and set PERSON_REPLICAS=3",
    )


def in_sync_finding(check: str, min_in_sync: int, profile: Profile) -> Finding | None:
    """Whether a topic demands enough copies before it acknowledges."""
    if profile == "development" or min_in_sync >= MIN_IN_SYNC:
        return None
    return Finding(
        check,
        "error",
        f"min.insync.replicas is {min_in_sync}, production has {MIN_IN_SYNC}",
        "a record that one broker alone holds counts as stored",
        "set min.insync.replicas=2 on the topic; workers that start with PERSON_REPLICAS=3 declare it",
    )


def _at_least(check: str, value: int, wanted: int, means: str, advice: str) -> Finding:
    if value >= wanted:
        return good(check, str(value))
    return Finding(check, "error", f"{value}, production has at least {wanted}", means, advice)


def _demanded(check: str, holds: bool, found: str, means: str, advice: str) -> Finding:
    return good(check, found) if holds else Finding(check, "error", found, means, advice)

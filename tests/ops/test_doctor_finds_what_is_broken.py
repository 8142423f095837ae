"""`person doctor` on real servers: a healthy installation has no problem, and each thing that is broken on purpose is found."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from nats.aio.client import Client

from bridge.jetstream import api
from config.settings import Settings
from config.streams import streams
from local.stack import Endpoints
from ops.doctor.examination import examine
from ops.doctor.finding import Finding
from ops.workers import Worker

BROKEN = "doctor-broken"


def by_check(findings: Sequence[Finding]) -> dict[str, Finding]:
    """The worst finding of each check."""
    order = {"ok": 0, "info": 1, "warning": 2, "error": 3}
    return {one.check: one for one in sorted(findings, key=lambda one: order[one.severity])}


def settings_of(servers: Endpoints, **other: object) -> Settings:
    given: dict[str, object] = {"nats_url": servers.nats_url, "kafka_bootstrap": servers.kafka_bootstrap}
    return Settings(**{**given, **other})  # type: ignore[arg-type]  # values of any setting


async def test_a_healthy_installation_has_no_error_and_is_asked_in_every_way(
    team: list[Worker], servers: Endpoints
) -> None:
    findings = await examine(settings_of(servers), monitors=[servers.nats_monitor_url])

    # Other tests leave dead letters, parked persons and sagas behind; those are their findings.
    left_behind = (
        "quarantine of",
        "sagas that",
        "dead letters",
        "runs of worker",
        "route ",
        "ingress",
        "disk",
        "JetStream storage",
    )
    assert [one for one in findings if not one.ok and not one.check.startswith(left_behind)] == []
    found = by_check(findings)
    assert found[f"NATS sync at {servers.nats_monitor_url}"].found == "JetStream syncs before it acknowledges"
    assert found["group person"].found == "2 members"
    assert found["partitions"].found == "all 8 have an owner"
    assert found["permission to publish"].found.startswith("everything")
    for check in (
        "clock of NATS",
        *(f"clock of worker 127.0.0.1:{worker.port}" for worker in team),
        "clock of broker 1",
        "co-partitioning",
    ):
        assert found[check].ok, check
    assert all(one.means and one.advice for one in findings if not one.ok)


async def test_the_profile_of_production_names_what_an_embedded_stack_lacks(
    team: list[Worker], servers: Endpoints
) -> None:
    found = by_check(await examine(settings_of(servers, access="open", standby_replicas=2), profile="production"))

    for check in (
        "setting PERSON_REPLICAS",
        "setting PERSON_ACCESS",
        f"access to NATS of worker 127.0.0.1:{team[0].port}",
        "access to NATS",
        "access to Kafka",
        "NATS sync",
        "stream PERSON_EVENTS",
        "topic person.events",
        "Kafka",
    ):
        assert found[check].severity == "error", check
    assert "min.insync.replicas" in found["topic person.events"].found


async def test_other_settings_than_those_of_the_servers_are_found(team: list[Worker], servers: Endpoints) -> None:
    found = by_check(await examine(settings_of(servers, partitions=16), monitors=["http://127.0.0.1:1"]))

    assert "subject_transform.dest" in found["stream PERSON_EVENTS"].found
    assert "partitions is 8, declared 16" in found["topic person.events"].found
    assert found[f"settings of worker 127.0.0.1:{team[0].port}"].found == "partitions is 8, here 16"
    assert found["partitions"].found == "nobody serves 8, 9, 10, 11, 12, 13, 14, 15 of 16"
    assert "8, 9, 10, 11, 12, 13, 14, 15 are not read" in found["group person"].found
    assert found["consumer ingress-events-9"].found == "missing in PERSON_EVENTS"
    assert found["NATS sync at http://127.0.0.1:1"].severity == "error"


async def test_broken_streams_topics_and_groups_are_found(servers: Endpoints, own_nats: str) -> None:
    await _break_streams(own_nats)
    await _break_topics(servers)

    found = by_check(await examine(settings_of(servers, nats_url=own_nats, app_id=BROKEN)))

    assert found["stream PERSON_EVENTS"].found == "deny_purge is False, declared True"
    assert found["stream PERSON_SAGAS"].found == "missing"
    assert (found["dead letters"].severity, found["dead letters"].found) == ("warning", "1 open")
    assert found["consumer ingress-events-0"].severity == "error"
    assert found["workers"].found == "no worker answers"
    assert found[f"group {BROKEN}"].severity == "error"
    assert "without members" in found[f"group {BROKEN}"].found
    wrong = found[f"topic {BROKEN}-summary-changelog"].found
    assert "partitions is 3, declared 8" in wrong
    assert "cleanup.policy is 'delete', declared 'compact'" in wrong
    assert f"{BROKEN}-summary-changelog has 3" in found["co-partitioning"].found
    assert found[f"topic {BROKEN}-views-changelog"].found.startswith("missing")


async def test_servers_that_do_not_answer_are_one_finding_each_and_the_rest_is_examined() -> None:
    found = by_check(await examine(Settings(nats_url="nats://127.0.0.1:1", kafka_bootstrap="127.0.0.1:1")))

    assert (found["NATS"].severity, found["Kafka"].severity) == ("error", "error")
    assert {"python", "libraries", "disk", "routes"} <= found.keys()


async def _break_streams(url: str) -> None:
    nc = Client()
    await nc.connect(url)
    for declared in streams(8, 1):
        if declared["name"] == "PERSON_EVENTS":
            await api(nc, "STREAM.CREATE.PERSON_EVENTS", {**declared, "deny_purge": False})
        elif declared["name"] == "PERSON_DLQ":
            await api(nc, "STREAM.CREATE.PERSON_DLQ", declared)
    await nc.request("person.dlq.fold_persons.poison.PERSON_EVENTS.1-abc", b"{}")
    await nc.close()


async def _break_topics(servers: Endpoints) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(f"{BROKEN}-summary-changelog", 3, 1)])
    finally:
        await admin.close()

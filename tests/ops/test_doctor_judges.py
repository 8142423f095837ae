"""The judgements of `person doctor`: each is made to fail by what a server, a worker or a machine could say."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from config import topics
from config.settings import Settings
from config.streams import streams
from config.version import VERSION
from lanes.clock_reading import ClockReading
from ops.cli import main
from ops.doctor.clocks import clock_finding
from ops.doctor.finding import Finding
from ops.doctor.kafka_cluster import (
    BrokerFacts,
    Group,
    TopicCopies,
    broker_findings,
    copartitioned,
    copartitioning_finding,
    group_finding,
    silent_finding,
    topic_findings,
)
from ops.doctor.machine import disk_finding, library_findings, python_finding, room_finding
from ops.doctor.nats_server import (
    level_finding,
    monitored_room,
    monitored_sync,
    payload_finding,
    role_of,
    room_findings,
    version_finding,
)
from ops.doctor.permissions import may, permission_findings
from ops.doctor.profile import (
    differing_settings,
    in_sync_finding,
    replicas_finding,
    settings_findings,
    sync_finding,
)
from ops.doctor.stream_state import (
    dead_letters_finding,
    judged_stream,
    missing_consumer,
    waiting_finding,
)
from ops.doctor.workers import Answers, judged, worker_findings
from ops.installation import routes_of
from queries.status.settings_told import settings_told

LANE_TOPICS = topics.own_topics("")
ROOT = Path(__file__).parents[2]
GIB = 1 << 30
SETTINGS = Settings(partitions=4)
EVENTS = next(one for one in streams(4, 1) if one["name"] == "PERSON_EVENTS")
TOPIC = topics.declared_by(SETTINGS)[0]
HEALTHY = TopicCopies(4, 1, (), ())


def severities(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.check, finding.severity) for finding in findings]


def document(**other: Any) -> dict[str, Any]:
    """What a healthy worker says."""
    healthy: dict[str, Any] = {
        "worker": {"release": VERSION, "libraries": {"aiokafka": "0.14.0"}},
        "health": {"ready": True, "state": "serving", "reasons": [], "lag": {"records": 0, "seconds": None}},
        "life": {"killed_in_last_hour": 0},
        "partitions": [0, 1],
        "quarantine": [],
        "sagas": [],
        "policies": {"unusable": [], "rules_age_seconds": 0.2},
        "routes": [],
        "broker_clocks": [{"broker": 1, "ahead_seconds": 0.0}],
    }
    return {**healthy, **other}


def saga(status: str, stalest: float | None) -> dict[str, Any]:
    return {
        "saga": "merge",
        "status": status,
        "many": 2,
        "oldest_seconds": stalest,
        "stalest_seconds": stalest,
        "stalest_step": "absorb",
    }


def test_healthy_workers_give_no_problem() -> None:
    found = list(judged({"a": document(), "b": document(partitions=[2, 3])}, 4))

    assert [finding for finding in found if not finding.ok] == []
    assert {finding.check for finding in found} >= {"workers", "worker a", "worker b", "partitions", "lag", "sagas"}


@pytest.mark.parametrize(
    ("broken", "check", "severity", "says"),
    [
        ({"partitions": [0]}, "partitions", "error", "nobody serves 1"),
        (
            {
                "health": {
                    **document()["health"],
                    "ready": False,
                    "state": "waiting",
                    "reasons": [{"check": "nats", "reason": "down"}],
                }
            },
            "worker a",
            "error",
            "nats: down",
        ),
        (
            {"health": {**document()["health"], "ready": False, "state": "draining", "reasons": []}},
            "worker a",
            "warning",
            "draining",
        ),
        ({"life": {"killed_in_last_hour": 3}}, "runs of worker a", "warning", "3 of the last hour"),
        (
            {"health": {**document()["health"], "lag": {"records": 9, "seconds": 120.0}}},
            "lag",
            "warning",
            "the oldest 120 s old",
        ),
        (
            {"quarantine": [{"agent": "project_search", "persons": 2}]},
            "quarantine of project_search",
            "error",
            "2 persons",
        ),
        ({"sagas": [saga("Parked", 5.0)]}, "sagas that wait for an operator", "error", "2"),
        (
            {"sagas": [saga("Compensating", 900.0)]},
            "sagas that are Compensating",
            "error",
            "15 minutes, at step absorb",
        ),
        ({"sagas": [saga("Running", 90_000.0)]}, "sagas that are Running", "warning", "1500 minutes"),
        (
            {"policies": {"unusable": [{"policy": "p", "version": 2}], "rules_age_seconds": 0}},
            "policies",
            "error",
            "p@2",
        ),
        ({"policies": {"unusable": [], "rules_age_seconds": 9.0}}, "rules", "warning", "has not looked"),
        ({"routes": [{"route": "events", "last_error": "TimeoutError"}]}, "route events", "warning", "TimeoutError"),
        ({"worker": {"release": "9.9.9", "libraries": {}}}, "workers", "warning", "9.9.9"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_a_worker_says_of_trouble_is_a_finding(
    broken: dict[str, Any], check: str, severity: str, says: str
) -> None:
    found = {finding.check: finding for finding in judged({"a": document(**broken)}, 2)}

    assert found[check].severity == severity
    assert says in found[check].found
    assert found[check].means
    assert found[check].advice


def test_no_worker_several_owners_and_mixed_libraries_are_found() -> None:
    assert severities(judged({}, 4)) == [("workers", "error")]
    other = document(worker={"release": VERSION, "libraries": {"aiokafka": "0.13.0"}})
    found = {finding.check: finding.severity for finding in judged({"a": document(), "b": other}, 2)}
    assert (found["workers"], found["partitions"]) == ("warning", "warning")


@pytest.mark.parametrize(
    ("reading", "severity", "says"),
    [
        (ClockReading(100.2, 100.0, 100.4), "ok", "agrees"),
        (ClockReading(100.9, 100.0, 100.4), "ok", "agrees"),
        (ClockReading(103.4, 100.0, 100.4), "warning", "3.0 s ahead"),
        (ClockReading(95.0, 100.0, 100.4), "warning", "5.0 s behind"),
        (ClockReading(3700.0, 100.0, 100.4), "error", "3599.6 s ahead"),
    ],
    ids=("same", "within a second", "ahead", "behind", "an hour ahead"),
)
def test_clocks_differ_only_as_far_as_the_question_cannot_explain(
    reading: ClockReading, severity: str, says: str
) -> None:
    finding = clock_finding("of NATS", reading.ahead)

    assert (finding.severity, says in finding.found) == (severity, True)


def test_the_clock_of_a_broker_is_told_against_the_worker_from_which_it_differs_most() -> None:
    documents = {
        "a": document(at="2026-01-01T00:00:00+00:00", broker_clocks=[{"broker": 1, "ahead_seconds": 0.2}]),
        "b": document(at="2026-01-01T00:00:00+00:00", broker_clocks=[{"broker": 1, "ahead_seconds": -40.0}]),
    }
    now = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    found = {one.check: one for one in worker_findings(Answers(documents, now - 1, now + 1), 2)}

    assert (found["clock of worker a"].severity, found["clock of broker 1"].severity) == ("ok", "error")
    assert found["clock of broker 1"].found == "40.0 s behind that of worker b"


def test_rooms_that_are_full_or_nearly_so_are_told(tmp_path: Path) -> None:
    assert room_finding("disk", GIB - 1, 100 * GIB).severity == "error"
    assert room_finding("disk", 5 * GIB, 100 * GIB).severity == "warning"
    assert room_finding("disk", 50 * GIB, 100 * GIB).ok
    assert disk_finding(tmp_path / "not" / "there" / "yet").check == "disk"
    assert severities(room_findings({"limits": {"max_storage": 10 * GIB}, "storage": 10 * GIB})) == [
        ("JetStream storage", "error")
    ]
    assert list(room_findings({"limits": {"max_storage": -1}})) == []
    full = {"jetstream": {"config": {"max_storage": 10 * GIB}, "stats": {"storage": 10 * GIB - 1}}}
    assert severities(monitored_room("JetStream storage", full)) == [("JetStream storage", "error")]
    assert list(monitored_room("JetStream storage", {})) == []


def test_interpreter_and_libraries_are_compared_with_the_release() -> None:
    assert python_finding((3, 10, 2)).severity == "error"
    assert python_finding((3, 11, 0)).ok
    assert severities(library_findings()) == [("libraries", "ok")]
    [wrong] = library_findings(["aiokafka==0.1.0", "no-such-library>=1", 'other==1; extra == "dev"'])
    assert wrong.severity == "error"
    assert "aiokafka is 0.14.0, needed is ==0.1.0; no-such-library is missing" in wrong.found


def test_old_servers_and_small_payloads_are_told() -> None:
    assert version_finding("nats://x", "2.10.22").severity == "error"
    assert version_finding("nats://x", "2.15.1").ok
    assert level_finding(3).severity == "error"
    assert level_finding(4).ok
    assert payload_finding(1 << 20, 1 << 20).severity == "error"
    assert payload_finding((1 << 20) + 10_000, 1 << 20).severity == "warning"
    assert payload_finding(8 << 20, 1 << 20).ok


def test_syncing_is_an_error_of_production_unless_it_is_known_to_be_always() -> None:
    always = {"jetstream": {"config": {"sync_always": True}}}
    seldom = {"jetstream": {"config": {"sync_interval": 120_000_000_000}}}
    assert sync_finding("s", *monitored_sync(always), "production").ok
    assert sync_finding("s", *monitored_sync(seldom), "production").severity == "error"
    assert "120 s" in sync_finding("s", *monitored_sync(seldom), "development").found
    assert sync_finding("s", *monitored_sync(seldom), "development").severity == "warning"
    assert sync_finding("s", *monitored_sync({}), "production").severity == "error"
    assert sync_finding("s", *monitored_sync({}), "development").severity == "info"


def test_production_demands_copies_standbys_rights_and_encryption() -> None:
    bare = settings_told(Settings(replicas=1, standby_replicas=0, access="open"))
    assert {finding.severity for finding in settings_findings(bare, "production")} == {"error"}
    assert list(settings_findings(bare, "development")) == []
    secured = settings_told(
        Settings(
            replicas=3,
            nats_url="tls://nats:4222",
            nats_user="worker",
            nats_password="secret",
            kafka_security="SASL_SSL",
            kafka_user="worker",
            kafka_password="secret",
            access="granted",
        )
    )
    assert {finding.severity for finding in settings_findings(secured, "production")} == {"ok"}
    assert "secret" not in str(secured)
    for few in (replicas_finding("s", 2, "production"), in_sync_finding("t", 1, "production")):
        assert few is not None
        assert few.severity == "error"
    assert replicas_finding("s", 1, "development") is None
    assert replicas_finding("s", 3, "production") is None
    assert in_sync_finding("t", 2, "production") is None


def test_workers_with_other_settings_are_told_and_judged_by_their_own_in_production() -> None:
    own = settings_told(Settings(replicas=3))
    other = settings_told(Settings(replicas=1, access="open"))
    [differs] = differing_settings(own, {"a": own, "b": other}, "development")
    assert (differs.check, differs.found) == ("settings of worker b", "replicas is 1, here 3")
    found = {one.check: one.severity for one in differing_settings(own, {"b": other}, "production")}
    assert found["setting PERSON_ACCESS of worker b"] == "error"


def test_permissions_are_judged_by_what_the_server_says_of_the_user() -> None:
    settings = Settings()
    worker = role_of(settings.model_copy(update={"nats_inbox_prefix": "_INBOX.worker"}), routes_of(settings))
    assert worker.name == "worker"
    assert role_of(settings, routes_of(settings)).name == "operator"
    permissions = {"publish": {"allow": list(worker.publish)}, "subscribe": {"allow": list(worker.subscribe)}}
    found = list(permission_findings({"user": "w", "permissions": permissions}, worker.publish, worker.subscribe))
    assert [finding.severity for finding in found] == ["ok", "ok"]

    permissions["publish"] = {"allow": [one for one in worker.publish if not one.startswith("person.events")]}
    [publish, _] = permission_findings({"user": "w", "permissions": permissions}, worker.publish, worker.subscribe)
    assert publish.severity == "error"
    assert "person.events.*.*.*" in publish.found
    assert [one.severity for one in permission_findings({"user": "x"}, worker.publish, worker.subscribe)] == [
        "ok",
        "ok",
    ]


def test_a_right_is_denied_as_a_whole_when_a_part_of_it_is() -> None:
    assert may({}, "a.b")
    assert may({"allow": ["a.>"]}, "a.*.c")
    assert not may({"allow": ["a.b"]}, "a.*")
    assert not may({"allow": ["a.>"], "deny": ["a.b"]}, "a.*")
    assert not may({"deny": ["a.>"]}, "a.b")
    assert may({"allow": ["a.> queue"]}, "a.b")


def test_streams_are_compared_with_their_declarations() -> None:
    info: dict[str, Any] = {"config": dict(EVENTS), "state": {"messages": 7}}
    assert severities(judged_stream("PERSON_EVENTS", EVENTS, info, "development")) == [("stream PERSON_EVENTS", "ok")]
    assert [one.severity for one in judged_stream("PERSON_EVENTS", EVENTS, info, "production")] == ["error"]
    assert [one.severity for one in judged_stream("PERSON_EVENTS", EVENTS, None, "development")] == ["error"]

    purgeable = copy.deepcopy(info)
    purgeable["config"]["deny_purge"] = False
    [wrong] = judged_stream("PERSON_EVENTS", EVENTS, purgeable, "development")
    assert (wrong.severity, "deny_purge is False, declared True" in wrong.found) == ("error", True)

    of_three = {**EVENTS, "num_replicas": 3}
    [few] = judged_stream("PERSON_EVENTS", of_three, info, "development")
    assert (few.severity, few.found) == ("error", "1 replicas, declared 3")

    cluster = {"leader": "n1", "replicas": [{"name": "n2", "current": True}, {"name": "n3", "offline": True}]}
    copied = {"config": of_three, "state": {"messages": 7}, "cluster": cluster}
    told = list(judged_stream("PERSON_EVENTS", of_three, copied, "production"))
    assert [(one.severity, one.found) for one in told] == [("warning", "n3 is offline"), ("ok", "7 messages")]
    copied["cluster"] = {"replicas": []}
    assert next(iter(judged_stream("PERSON_EVENTS", of_three, copied, "production"))).found == "no leader"


def test_what_waits_and_what_is_dead_is_told() -> None:
    assert dead_letters_finding(0).ok
    assert dead_letters_finding(3).severity == "warning"
    assert waiting_finding("ingress", 5, 2.0).ok
    assert waiting_finding("ingress", 50_000, 2.0).severity == "warning"
    assert waiting_finding("ingress", 5, 90.0).severity == "error"
    assert missing_consumer("PERSON_EVENTS", "person-events-0").severity == "error"


def test_topics_are_compared_with_their_declarations_and_copies() -> None:
    check = f"topic {TOPIC.name}"
    assert severities(topic_findings(TOPIC, HEALTHY, [], "development")) == [(check, "ok")]
    assert severities(topic_findings(TOPIC, None, [], "development")) == [(check, "error")]
    assert severities(topic_findings(TOPIC, HEALTHY, ["partitions is 3, declared 4"], "development")) == [
        (check, "error")
    ]
    assert severities(topic_findings(TOPIC, HEALTHY._replace(leaderless=(2,)), [], "development")) == [(check, "error")]
    out = HEALTHY._replace(replicas=3, out_of_sync=(1, 2))
    assert severities(topic_findings(TOPIC, out, [], "development")) == [(check, "warning")]
    assert severities(topic_findings(TOPIC, HEALTHY, [], "production")) == [(check, "error"), (check, "error")]


def test_topics_that_are_read_together_have_equally_many_partitions() -> None:
    alike = dict.fromkeys(copartitioned(SETTINGS), 4)
    assert copartitioning_finding(alike).ok
    assert len(alike) == len(LANE_TOPICS) + len(topics.TABLES)
    wrong = copartitioning_finding({**alike, "person.sagas": 8})
    assert (wrong.severity, "person.sagas has 8" in wrong.found) == ("error", True)


def member(*partitions: int, without: str | None = None) -> dict[str, frozenset[int]]:
    return {topic: frozenset(partitions) for topic in LANE_TOPICS if topic != without}


@pytest.mark.parametrize(
    ("group", "severity", "says"),
    [
        (Group("Stable", {"a": member(0, 1), "b": member(2, 3)}), "ok", "2 members"),
        (Group("Empty", {}), "error", "without members"),
        (Group("PreparingRebalance", {"a": member(0)}), "warning", "PreparingRebalance"),
        (Group("Stable", {"a": member(0, 1)}), "error", "2, 3 are not read completely"),
        (Group("Stable", {"a": member(0, 1, 2, 3, without="person.timers")}), "error", "0, 1, 2, 3 are not read"),
        (Group("Stable", {"a": member(0, 1, 2), "b": member(2, 3)}), "error", "2 have several owners"),
    ],
    ids=("healthy", "empty", "rebalancing", "unread", "one topic unread", "shared"),
)
def test_each_partition_has_one_member_that_reads_all_of_it(group: Group, severity: str, says: str) -> None:
    finding = group_finding("person", group, 4, LANE_TOPICS)

    assert (finding.severity, says in finding.found) == (severity, True)


def test_members_that_do_not_answer_are_told() -> None:
    assert silent_finding(3, 2).severity == "warning"


@pytest.mark.parametrize(
    ("held", "severity"),
    [
        ({}, "ok"),
        ({"group.min.session.timeout.ms": "6000"}, "error"),
        ({"message.max.bytes": "1048588"}, "warning"),
        ({"unclean.leader.election.enable": "true"}, "error"),
        ({"group.min.session.timeout.ms": "1000", "group.max.session.timeout.ms": "60000"}, "ok"),
    ],
    ids=("nothing told", "sessions", "small records", "unclean elections", "fits"),
)
def test_limits_of_brokers_are_compared_with_the_settings(held: dict[str, str], severity: str) -> None:
    found = list(broker_findings(BrokerFacts(1, {"1": held}), SETTINGS, "development"))

    assert found[-1].severity == severity


def test_brokers_that_are_missing_are_told() -> None:
    assert next(iter(broker_findings(BrokerFacts(1), SETTINGS, "production"))).severity == "error"
    assert next(iter(broker_findings(BrokerFacts(2), Settings(replicas=3), "development"))).severity == "error"
    assert next(iter(broker_findings(BrokerFacts(3), SETTINGS, "production"))).ok


def test_every_command_and_page_that_the_doctor_names_exists() -> None:
    sources = "".join(file.read_text() for file in (ROOT / "ops" / "doctor").glob("*.py"))
    named = re.findall(r"`person ([a-z]+)(?: ([a-z-]+))?", sources.replace('"""`person doctor`', ""))

    assert len(named) > 8
    for name, part in named:
        verb = main.commands[name]
        assert not isinstance(verb, click.Group) or part in verb.commands, (name, part)
    for page in re.findall(r"docs/[\w/-]+\.md", sources):
        assert (ROOT / page).exists(), page


def test_a_finding_tells_everything_to_programs() -> None:
    told = Finding("disk", "warning", "f", "m", "a").told()

    assert told == {"check": "disk", "severity": "warning", "ok": False, "found": "f", "means": "m", "advice": "a"}
    assert Finding("disk", "info", "f").ok

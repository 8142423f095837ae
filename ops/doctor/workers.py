"""What the workers say of themselves: whether each is ready, their releases and clocks, who owns what, who waits, and stuck sagas.

Guarantee: the judgements are pure; what workers have answered is given."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from nats.aio.client import Client

from bridge.reports import STATUS, gather
from config.version import VERSION
from lanes.clock_reading import ClockReading
from ops.doctor.clocks import clock_finding
from ops.doctor.finding import Finding, good

ANSWER_S = 0.5
STALE_UNDO_S = 600.0
STALE_SAGA_S = 86_400.0
"""Steps wait for people and other domains; one that has not moved for a day is worth a look."""
LAGS_S = 60.0
OLD_RULES_S = 5.0

Status = Mapping[str, Any]


class Answers(NamedTuple):
    """The status documents of the workers that answered, by address, and when they were asked and had answered."""

    documents: Mapping[str, Status]
    asked: float
    answered: float


async def ask_workers(nc: Client, installation: str) -> Answers:
    """Ask all workers over NATS; raises the client's error without a connection."""
    asked = time.time()
    answers = await gather(nc, installation, STATUS, wait_s=ANSWER_S)
    # The last wait was for nobody.
    answered = max(asked, time.time() - ANSWER_S)
    return Answers({str(answer["worker"]): answer[STATUS] for answer in answers}, asked, answered)


def worker_findings(answers: Answers, partitions: int) -> Iterable[Finding]:
    """What the workers say together, and their clocks."""
    yield from judged(answers.documents, partitions)
    for name, document in sorted(answers.documents.items()):
        clock = _seconds(document["at"])
        yield clock_finding(f"of worker {name}", ClockReading(clock, answers.asked, answers.answered).ahead)
    yield from _broker_clocks(answers.documents)


def judged(documents: Mapping[str, Status], partitions: int) -> Iterable[Finding]:
    """What the status documents of all workers, by address, say together."""
    if not documents:
        yield Finding(
            "workers",
            "error",
            "no worker answers",
            "commands are stored and wait; queries are not answered",
            "start one with `person worker` or `person up`",
        )
        return
    yield _releases(documents)
    for name, document in sorted(documents.items()):
        yield _ready(name, document)
        yield from _life(name, document)
    yield _owners(documents, partitions)
    yield _lag(documents)
    yield from _quarantine(documents)
    yield from _sagas(documents)
    yield from _rules(documents)
    yield from _routes(documents)


def _releases(documents: Mapping[str, Status]) -> Finding:
    releases = Counter(str(document["worker"]["release"]) for document in documents.values())
    found = f"{len(documents)} answer queries, version {', '.join(sorted(releases))}"
    if len(releases) > 1 or VERSION not in releases:
        return Finding(
            "workers",
            "warning",
            f"{found}; this command is of {VERSION}",
            "right in the middle of a rolling update, and nowhere else",
            "bring all workers and this command to one release",
        )
    libraries = {tuple(sorted(document["worker"]["libraries"].items())) for document in documents.values()}
    if len(libraries) > 1:
        return Finding(
            "workers",
            "warning",
            f"{found}, with different versions of libraries",
            "the release is tested with one set",
            "install the locked requirements on every machine (make setup), or use one image",
        )
    return good("workers", found)


def _ready(name: str, document: Status) -> Finding:
    health = document["health"]
    check = f"worker {name}"
    if health["ready"]:
        return good(check, f"{health['state']}, owns {len(document['partitions'])} partitions")
    reasons = "; ".join(f"{one['check']}: {one['reason']}" for one in health["reasons"])
    if health["state"] in ("starting", "draining"):
        return Finding(
            check, "warning", f"{health['state']}: {reasons}", "it serves nobody at the moment", "look again"
        )
    return Finding(
        check, "error", f"not ready: {reasons}", "it holds partitions and cannot serve them", "its log says more"
    )


def _life(name: str, document: Status) -> Iterable[Finding]:
    killed = document["life"]["killed_in_last_hour"]
    if killed:
        yield Finding(
            f"runs of worker {name}",
            "warning",
            f"{killed} of the last hour ended without a stop",
            "it was killed or has crashed; others took its partitions over and nothing is lost",
            "see the end of its log, and whether the machine ran out of memory or the supervisor waits long enough",
        )


def _owners(documents: Mapping[str, Status], partitions: int) -> Finding:
    owners = Counter(partition for document in documents.values() for partition in document["partitions"])
    without = [partition for partition in range(partitions) if not owners[partition]]
    twice = [partition for partition, count in owners.items() if count > 1]
    if without:
        return Finding(
            "partitions",
            "error",
            f"nobody serves {', '.join(map(str, without))} of {partitions}",
            "their persons stand still; nothing is lost",
            "wait for a recovery or a rebalance to end; if nobody comes, start a worker",
        )
    if twice:
        return Finding(
            "partitions",
            "warning",
            f"several workers say that they serve {', '.join(map(str, sorted(twice)))}",
            "one of them does not know yet that it lost them; the broker refuses what it writes",
            "look again in some seconds",
        )
    return good("partitions", f"all {partitions} have an owner")


def _broker_clocks(documents: Mapping[str, Status]) -> Iterable[Finding]:
    """The clock of each broker against that of the worker from which it differs most."""
    worst: dict[int, tuple[float, str]] = {}
    for name, document in documents.items():
        for one in document["broker_clocks"]:
            if abs(one["ahead_seconds"]) >= abs(worst.get(one["broker"], (0.0, ""))[0]):
                worst[one["broker"]] = (one["ahead_seconds"], name)
    for broker, (ahead, name) in sorted(worst.items()):
        yield clock_finding(f"of broker {broker}", ahead, f"that of worker {name}")


def _lag(documents: Mapping[str, Status]) -> Finding:
    records = sum(document["health"]["lag"]["records"] for document in documents.values())
    seconds = max((document["health"]["lag"]["seconds"] or 0.0 for document in documents.values()), default=0.0)
    found = f"{records} records wait in lanes" + (f", the oldest {seconds:.0f} s old" if records else "")
    if seconds > LAGS_S:
        return Finding(
            "lag",
            "warning",
            found,
            "what is sent now becomes visible that late",
            "more workers share the partitions; the status page of the slowest shows which lane is busy",
        )
    return good("lag", found)


def _quarantine(documents: Mapping[str, Status]) -> Iterable[Finding]:
    persons: Counter[str] = Counter()
    for document in documents.values():
        for one in document["quarantine"]:
            persons[one["agent"]] += one["persons"]
    for agent, many in sorted(persons.items()):
        yield Finding(
            f"quarantine of {agent}",
            "error",
            f"{many} {'person waits' if many == 1 else 'persons wait'}",
            "their later events wait too; all others go on",
            "`person dlq list` says why; mend the cause, then `person dlq redrive`",
        )
    if not persons:
        yield good("quarantine", "nobody waits")


def _sagas(documents: Mapping[str, Status]) -> Iterable[Finding]:
    rows = [row for document in documents.values() for row in document["sagas"]]
    parked = sum(row["many"] for row in rows if row["status"] == "Parked")
    bad = False
    if parked:
        bad = True
        yield Finding(
            "sagas that wait for an operator",
            "error",
            f"{parked}",
            "they have failed and do nothing more by themselves",
            "`person sagas list --parked`, then retry, skip, compensate or abort: docs/how-to/operate-sagas.md",
        )
    for status, limit, severity in (("Compensating", STALE_UNDO_S, "error"), ("Running", STALE_SAGA_S, "warning")):
        stale = [row for row in rows if row["status"] == status and (row["stalest_seconds"] or 0.0) > limit]
        if stale:
            bad = True
            worst = max(stale, key=_stalest)
            yield Finding(
                f"sagas that are {status}",
                "error" if severity == "error" else "warning",
                f"{worst['saga']} has not moved for {_stalest(worst) / 60:.0f} minutes, at step {worst['stalest_step']}",
                "what it waits for does not come",
                f"`person sagas list --status {status}` shows the stalest first",
            )
    if not bad:
        yield good("sagas", "none is stuck")


def _stalest(row: Mapping[str, Any]) -> float:
    return float(row["stalest_seconds"] or 0.0)


def _rules(documents: Mapping[str, Status]) -> Iterable[Finding]:
    unusable = {
        f"{one['policy']}@{one['version']}" for doc in documents.values() for one in doc["policies"]["unusable"]
    }
    if unusable:
        yield Finding(
            "policies",
            "error",
            f"{', '.join(sorted(unusable))} cannot be asked by the release of a worker",
            "they are in force and have no effect",
            "update the workers, or suspend the policy: `person policies suspend`",
        )
    deaf = [name for name, doc in documents.items() if doc["policies"]["rules_age_seconds"] > OLD_RULES_S]
    if deaf:
        yield Finding(
            "rules",
            "warning",
            f"{', '.join(sorted(deaf))} has not looked at the rules for more than {OLD_RULES_S:.0f} s",
            "new policies are not in force there",
            "see its connection to NATS and its log",
        )


def _routes(documents: Mapping[str, Status]) -> Iterable[Finding]:
    failing = {
        (row["route"], row["last_error"])
        for document in documents.values()
        for row in document["routes"]
        if row["last_error"] is not None
    }
    for route, error in sorted(failing):
        yield Finding(
            f"route {route}",
            "warning",
            f"its last try failed: {error}",
            "it is tried again in order and for ever; what it carries waits",
            "`person routes` shows its lag; docs/reference/routes.md says what a route needs",
        )


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()

"""`person migrate` writes old events in their newest versions, once, whatever interrupts it."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from nats.aio.client import Client

from domain.event_catalogue import EVENTS
from domain.ids import derive
from local.stack import Endpoints
from ops.cli import main
from ops.migrating import progress
from ops.migrating.migration import migrate
from ops.migrating.report import Report
from ops.migrating.source import MigrationSourceError
from tests.ops import migrating
from tests.ops.v1_events import Writer

AT = "2020-01-02T03:04:05Z"


def old(person_id: str, sequence: int | None, event_type: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    document = {
        "id": derive(person_id, f"{event_type} {sequence} {orjson.dumps(data).decode()}"),
        "type": event_type,
        "subject": person_id,
        "time": AT,
        "data": data,
        **more,
    }
    return document if sequence is None else {**document, "sequence": sequence}


def created(person_id: str, name: str = "Ada Lovelace") -> dict[str, Any]:
    return {**old(person_id, 1, "person.created", {"name": name, "source": "hr"}), "id": derive(person_id, "created")}


def written(path: Path, documents: Sequence[dict[str, Any] | bytes]) -> str:
    lines = [one if isinstance(one, bytes) else orjson.dumps(one) for one in documents]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return str(path)


@pytest.fixture
async def run(nc: Client, servers: Endpoints) -> Any:
    await migrating.ensure_events(nc)

    async def migrated(source: str, **options: Any) -> Report:
        return await migrate(servers.nats_url, source, **options)

    return migrated


async def test_a_migration_that_is_killed_twice_loses_nothing_and_doubles_nothing(
    run: Any, nc: Client, servers: Endpoints
) -> None:
    stream = f"OLD_{uuid.uuid4().hex}"
    await migrating.store_old(nc, stream, Writer(250, seed=uuid.uuid4().int).events(3000))
    before = await migrating.last_sequence(nc)
    planned: Report = await run(stream, dry_run=True)
    assert await migrating.last_sequence(nc) == before
    assert planned.good
    assert (planned.events, planned.appended) == (3000, 0)
    fates = planned.types["person.component_data_updated v1"], planned.types["person.name_updated v1"]
    assert fates[0]["split"] > 0
    assert fates[1]["dropped"] > 0

    for _ in range(2):
        running = migrating.start(servers.nats_url, stream, "--json", "--batch", "50")
        await migrating.kill_after(nc, running, 1)
    report = await migrating.finished(migrating.start(servers.nats_url, stream, "--json"))

    total = planned.written.total()
    assert report["present"] > 0, "it was killed before it had appended anything"
    assert report["appended"] > 0, "it had ended before it was killed"
    assert report["appended"] + report["present"] == total
    assert (report["compared"], report["differences"]) == (planned.persons, [])
    ids = {one["id"]: one for one in await migrating.stored_after(nc, before) if one["source"] == "/legacy"}
    assert len(ids) == total == await migrating.last_sequence(nc) - before
    assert {(one["type"], one["dataversion"]) for one in ids.values()} <= {
        (spec.type, spec.version) for spec in EVENTS.values()
    }
    again: Report = await run(stream)
    assert (again.appended, again.present, again.good) == (0, total, True)


async def test_two_migrations_of_one_source_append_its_events_once(run: Any, nc: Client, tmp_path: Path) -> None:
    documents = [one.document for one in Writer(50, seed=uuid.uuid4().int).events(1500)]
    source = written(tmp_path / "old.ndjson", documents)
    before = await migrating.last_sequence(nc)

    reports: list[Report] = await asyncio.gather(run(source), run(source))

    total = reports[0].written.total()
    assert all(report.good for report in reports), [report.differences for report in reports]
    assert sum(report.appended for report in reports) == total == await migrating.last_sequence(nc) - before


async def test_what_cannot_be_migrated_is_named_and_nothing_is_written(run: Any, nc: Client, tmp_path: Path) -> None:
    good, unknown, newer, gap, taken = (str(uuid.uuid4()) for _ in range(5))
    await run(written(tmp_path / "other.ndjson", [created(taken)]))
    documents: list[dict[str, Any] | bytes] = [
        created(good),
        created(unknown),
        old(unknown, 2, "person.teleported", {}),
        created(newer),
        old(newer, 2, "person.updated", {"name": "Grace"}, dataversion=2),
        created(gap),
        old(gap, 3, "person.updated", {"name": "Grace"}),
        b"{",
        {**created(taken), "id": str(uuid.uuid4())},
        created(good),
        old(good, 2, "person.name_updated", {"old_name": "Ada", "new_name": "Ada"}),
        old(good, 3, "person.deactivated", {"reason": "away"}),
    ]
    source = written(tmp_path / "old.ndjson", documents)
    before = await migrating.last_sequence(nc)

    report: Report = await run(source)

    assert await migrating.last_sequence(nc) == before
    assert {(one.cause, one.reason, one.position, one.person_id) for one in report.refused} == {
        ("unknown_type", "type is not in the catalogue", 3, unknown),
        ("unknown_version", "person.updated 2 is newer than 1", 5, newer),
        ("undecodable", "sequence: 3 follows 1", 7, gap),
        ("undecodable", "not JSON", 8, None),
        ("target", "the target holds other events of the person", None, taken),
    }
    assert (report.good, report.persons, report.persons_refused, report.duplicates) == (False, 5, 4, 1)
    assert "unknown_version: person.updated 2 is newer than 1: at 5" in report.as_text()

    report = await run(source, skip_refused=True)

    stored = await migrating.stored_after(nc, before)
    assert [(one["subject"], one["sequence"], one["type"], one["dataversion"]) for one in stored] == [
        (good, 1, "person.created", 3),
        (good, 2, "person.suspended", 2),
    ]
    assert (report.good, report.appended, report.compared, report.differences) == (False, 2, 1, [])


async def test_a_person_that_went_on_after_its_migration_is_left_alone(run: Any, nc: Client, tmp_path: Path) -> None:
    person_id = str(uuid.uuid4())
    await run(
        written(tmp_path / "all.ndjson", [created(person_id), old(person_id, 2, "person.updated", {"name": "X"})])
    )
    report: Report = await run(written(tmp_path / "old.ndjson", [created(person_id)]))
    assert (report.good, report.appended, report.present, report.compared) == (True, 0, 1, 1)


async def test_a_difference_between_source_and_target_is_found_and_named(run: Any, tmp_path: Path) -> None:
    person_id = str(uuid.uuid4())
    await run(written(tmp_path / "old.ndjson", [created(person_id)]))
    report: Report = await run(written(tmp_path / "other.ndjson", [created(person_id, "Grace Hopper")]))
    assert (report.good, report.differences) == (False, [f"{person_id}: name"])
    assert "Grace" not in report.as_text()


def test_the_verb_says_with_its_exit_code_how_it_ended(run: Any, servers: Endpoints, tmp_path: Path) -> None:
    good, bad = written(tmp_path / "good", [created(str(uuid.uuid4()))]), written(tmp_path / "bad", [b"{"])
    nowhere = "nats://127.0.0.1:1"
    for url, source, code, words in (
        (servers.nats_url, good, 0, "1 persons compared with the source: 0 differ"),
        (servers.nats_url, bad, 1, "undecodable: not JSON: at 1"),
        (servers.nats_url, "no such", 2, "there is neither a file nor a stream"),
        (nowhere, good, 4, "no NATS server answers"),
    ):
        ended = CliRunner().invoke(main, ["migrate", source], env={"PERSON_NATS_URL": url})
        assert (ended.exit_code, words in ended.output) == (code, True), ended.output


def test_progress_tells_how_many_how_fast_and_how_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    with progress.phase("copy", 10, shown=True) as advance:
        advance(4)
    assert re.fullmatch(r"copy: 4 of 10, [\d,]+/s, \d+ s left\n", capsys.readouterr().err)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.phase("copy", 10, shown=True) as advance:
        advance(4)
    bar = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert "copy" in bar
    assert " 4/10" in bar
    assert re.search(r"[\d,]+/s", bar)
    with progress.phase("copy", 10, shown=False) as advance:
        advance(4)
    assert capsys.readouterr().err == ""


async def test_a_source_that_must_not_be_read_is_refused(run: Any, nc: Client) -> None:
    queue = f"QUEUE_{uuid.uuid4().hex}"
    await nc.jetstream().add_stream(name=queue, subjects=[f"{queue}.>"], retention="workqueue")
    for source, rule in ((queue, "retention workqueue"), ("PERSON_EVENTS", "is the target"), ("no such", "neither")):
        with pytest.raises(MigrationSourceError, match=rule):
            await run(source)

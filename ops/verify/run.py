"""One verification of an installation, partition by partition: what is done is kept, what is wrong is healed when that is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from bridge.jetstream import api
from config.settings import Settings
from config.streams import EVENTS
from ops.client import ClientError, PersonClient, QueryFailed
from ops.verify.checkpoint import Checkpoint
from ops.verify.findings import Finding, Tally
from ops.verify.owners import Owners
from ops.verify.pace import Pace
from ops.verify.partition import CHECKS, PartitionCheck

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is to be verified, how fast, and whether wrong rows are made right: `heal` says why, `by` who wants it."""

    checks: frozenset[str] = frozenset(CHECKS)
    partitions: Sequence[int] | None = None
    rate: float | None = None
    heal: str | None = None
    by: str = "user:cli"


@dataclass
class Report:
    """What a verification found in all partitions together, and what became of it."""

    tally: Tally = field(default_factory=Tally)
    healed: list[Finding] = field(default_factory=list)
    not_healed: list[str] = field(default_factory=list)
    """Why an owner refused to heal."""
    seconds: float = 0.0
    resumed: int = 0
    """Partitions that an earlier run had done."""

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong any more."""
        return self.tally.clean

    def as_data(self, *, values: bool) -> dict[str, Any]:
        """For machines."""
        counts = {name: getattr(self.tally, name) for name in ("persons", "events", "rows", "sagas", "records")}
        return {
            "clean": self.clean,
            **counts,
            "left_out": dict(self.tally.left_out),
            "findings": [one.shown(values=values) for one in self.tally.findings],
            "more_findings": self.tally.more,
            "healed": [one.shown(values=False) for one in self.healed],
            "not_healed": self.not_healed,
            "seconds": round(self.seconds, 1),
            "partitions_of_an_earlier_run": self.resumed,
        }

    def as_text(self, *, values: bool) -> str:
        """For people."""
        tally = self.tally
        lines = [one.line(values=values) for one in tally.findings]
        if tally.more:
            lines.append(f"and {tally.more} more findings")
        lines += [f"healed  {one.line(values=False)}" for one in self.healed]
        lines += [f"not healed: {one}" for one in self.not_healed]
        lines += [f"not compared: {many} {what}" for what, many in sorted(tally.left_out.items())]
        lines.append(
            f"{tally.persons} persons, {tally.events} events, {tally.sagas} sagas, {tally.rows} rows, "
            f"{tally.records} records of Kafka in {self.seconds:.1f} s"
        )
        lines.append(
            "every table is what the streams tell" if self.clean else f"{len(tally.findings) + tally.more} findings"
        )
        return "\n".join(lines)


async def verify(
    settings: Settings, wanted: Wanted, *, checkpoint: Path | None = None, say: Say | None = None
) -> Report:
    """Verify; raises ClientError, CheckpointError, QueryFailed, BridgeError and errors of the servers when it cannot be done.

    What is done until then is in the checkpoint.
    """
    began = time.monotonic()
    report = Report()
    pace = Pace(wanted.rate)
    async with PersonClient(settings.nats) as client:
        owners = Owners(client.nc, settings.app_id)
        kept = Checkpoint(checkpoint, await _about(client.nc, settings, wanted))
        kept.load()
        report.resumed = len(kept.done)
        partitions = range(settings.partitions) if wanted.partitions is None else wanted.partitions
        for number, partition in enumerate(partitions, 1):
            if partition not in kept.done:
                tally = await PartitionCheck(owners, settings, partition, wanted.checks, pace).run()
                if wanted.heal is not None and not tally.clean:
                    tally = await _healed(owners, settings, partition, wanted, tally, pace, report)
                kept.finish(partition, tally)
            report.tally.merge(kept.done[partition])
            if say is not None:
                ours = max(1, number - report.resumed)
                left_s = (time.monotonic() - began) / ours * (len(partitions) - number)
                say(_progress(partition, number, len(partitions), report, left_s))
        kept.remove()
    report.seconds = time.monotonic() - began
    return report


async def _healed(
    owners: Owners, settings: Settings, partition: int, wanted: Wanted, tally: Tally, pace: Pace, report: Report
) -> Tally:
    """Heal what was found in a partition and look again; what is found then is what is left."""
    acts = _acts(tally.findings)
    if not acts:
        return tally
    for act in acts:
        try:
            await owners.heal(partition, {**act, "by": wanted.by, "why": wanted.heal})
        except (QueryFailed, ClientError) as error:
            reason = error.reason if isinstance(error, QueryFailed) else str(error)
            whom = act.get("person_id") or act.get("saga_id") or act.get("day")
            report.not_healed.append(f"partition {partition}, {whom}: {reason}")
    left = await PartitionCheck(owners, settings, partition, wanted.checks, pace).run()
    still = {one.identity for one in left.findings}
    report.healed += [one for one in tally.findings if one.identity not in still]
    return left


def _acts(findings: Sequence[Finding]) -> Sequence[dict[str, Any]]:
    """What mends the findings, one act for each person, saga and day."""
    acts: dict[tuple[str, ...], dict[str, Any]] = {}
    for one in findings:
        if one.heal is None:
            continue
        whom = str(one.heal.get("person_id") or one.heal.get("saga_id") or one.heal.get("day"))
        act = acts.setdefault((one.heal["act"], whom), {**one.heal})
        if keys := one.heal.get("timeline_keys"):
            act["timeline_keys"] = sorted({*act.get("timeline_keys", ()), *keys})
    return list(acts.values())


async def _about(nc: Client, settings: Settings, wanted: Wanted) -> Mapping[str, Any]:
    """What a checkpoint must be about to be gone on with."""
    created = (await api(nc, f"STREAM.INFO.{EVENTS}"))["created"]
    return {
        "app_id": settings.app_id,
        "partitions": settings.partitions,
        "stream_created": created,
        "checks": sorted(wanted.checks),
    }


def _progress(partition: int, number: int, of: int, report: Report, left_s: float) -> str:
    found = len(report.tally.findings) + report.tally.more
    return (
        f"partition {partition} done, {number} of {of}: {report.tally.persons} persons, {report.tally.events} events, "
        f"{found} findings, about {left_s:.0f} s left"
    )

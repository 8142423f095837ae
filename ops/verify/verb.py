"""`person verify`: every table compared with an independent fold of JetStream, and wrong rows healed when that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import click
from aiokafka.errors import KafkaError
from nats.errors import Error as NatsError

from bridge.errors import BridgeError
from config.settings import Settings
from ops import output
from ops.client import ClientError, QueryFailed
from ops.option_rules import require_actor, require_reason
from ops.options import as_json_option
from ops.verify.checkpoint import CheckpointError
from ops.verify.partition import CHECKS
from ops.verify.run import Report, Wanted
from ops.verify.run import verify as run


def verify_verb(settings: Callable[[bool], Settings]) -> click.Command:
    """The verb; it finds the installation by the settings."""

    @click.command()
    @click.option(
        "--check",
        "checks",
        multiple=True,
        type=click.Choice(CHECKS),
        help="Only this check; may be given several times. All of them when left out.",
    )
    @click.option(
        "--partition", "partitions", multiple=True, type=click.IntRange(0), help="Only this partition; several times."
    )
    @click.option("--rate", type=click.FloatRange(1), help="Messages, records and rows a second at most.")
    @click.option(
        "--checkpoint",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File that keeps which partitions are done: a run that was cut off goes on behind them.",
    )
    @click.option("--heal", is_flag=True, help="Let the owners write wrong rows again, and look once more.")
    @click.option("--why", help="With --heal: why; it is recorded.")
    @click.option("--by", default="user:cli", show_default=True, help="With --heal: who wants it, as kind:id.")
    @click.option(
        "--show-values",
        is_flag=True,
        help="Show expected and found values. They hold personal data of whom they are about.",
    )
    @as_json_option
    def verify(
        checks: tuple[str, ...],
        partitions: tuple[int, ...],
        rate: float | None,
        checkpoint: Path | None,
        heal: bool,
        why: str | None,
        by: str,
        show_values: bool,
        as_json: bool,
    ) -> None:
        """Compare every table with an independent fold of JetStream, while everything runs. Exit code 1 when something differs.

        \b
        Checks:
          tables       rows of each person, versions without gaps, no event twice
          index        what searches, networks and links are answered from
          statistics   the counts of each day
          sagas        rows of sagas against PERSON_SAGAS
          outcomes     what was accepted is stored
          quarantine   who is parked is parked at an event of its own
          changelog    changelog topics against the rows of the owners, and rows of nobody
          ingress      Kafka holds every message of its partition, byte for byte, in order

        \b
        Examples:
          person verify
          person verify --rate 2000 --checkpoint build/verify.json
          person verify --check tables --partition 3 --show-values
          person verify --heal --why "disk of worker 2 was replaced"
        """
        found = settings(as_json)
        for partition in partitions:
            if partition >= found.partitions:
                output.fail(
                    output.EXIT_USAGE,
                    f"--partition {partition}: there are {found.partitions}, from 0 (PERSON_PARTITIONS)",
                    as_json=as_json,
                )
        if heal and not why:
            output.fail(output.EXIT_USAGE, "--why is missing: say why rows are written again", as_json=as_json)
        require_actor("--by", by, as_json=as_json)
        if why is not None:
            require_reason("--why", why, as_json=as_json)
        wanted = Wanted(frozenset(checks or CHECKS), sorted(set(partitions)) or None, rate, why if heal else None, by)
        say = None if as_json else lambda line: output.errors.print(line, markup=False)
        try:
            report: Report = asyncio.run(run(found, wanted, checkpoint=checkpoint, say=say))
        except CheckpointError as error:
            output.fail(output.EXIT_USAGE, str(error), as_json=as_json)
        except QueryFailed as error:
            output.fail(output.EXIT_FAILURE, f"{error.code}: {error.reason}", as_json=as_json)
        except KafkaError as error:
            output.fail(
                output.EXIT_KAFKA, f"Kafka could not be read ({type(error).__name__}); verify again", as_json=as_json
            )
        except (ClientError, BridgeError, NatsError, TimeoutError) as error:
            output.fail(output.EXIT_NATS, str(error) or "no answer in time; verify again", as_json=as_json)
        if as_json:
            output.envelope("ok" if report.clean else "failed", report.as_data(values=show_values))
        else:
            output.text.print(report.as_text(values=show_values), markup=False)
        raise SystemExit(output.EXIT_OK if report.clean else output.EXIT_FAILURE)

    return verify

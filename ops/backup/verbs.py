"""`person backup` and `person restore`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click
from aiokafka.errors import KafkaError
from nats.errors import Error as NatsError

from bridge.errors import BridgeError
from config.settings import Settings
from ops import output
from ops.backup.manifest import BackupError, Manifest
from ops.backup.restoring import restore as run_restore
from ops.backup.saving import backup as run_backup
from ops.options import as_json_option

FindSettings = Callable[[bool], Settings]


def backup_verb(settings: FindSettings) -> click.Command:
    """The verb that saves; it finds the installation by the settings."""

    @click.command()
    @click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
    @click.option(
        "--stream", "also", multiple=True, help="Another stream to save with those of the product; several times."
    )
    @as_json_option
    def backup(folder: Path, also: tuple[str, ...], as_json: bool) -> None:
        """Save all streams, and what no stream tells, into FOLDER while everything runs.

        FOLDER is new, or holds a backup that was cut off, which goes on. Tables are not in it: they are made of the streams again.
        Whoever can read FOLDER can read all personal data.

        \b
        Examples:
          person backup /srv/backups/person-2026-11-24
          person backup backups/person --stream HR_PEOPLE --json
        """
        say = None if as_json else _say
        manifest = _run(run_backup(settings(as_json), folder, also=also, say=say), as_json)
        _told(manifest, as_json, f"{folder} is complete: {len(manifest.parts)} parts, {_size(manifest)} MiB")

    return backup


def restore_verb(settings: FindSettings) -> click.Command:
    """The verb that restores; it finds the empty servers by the settings."""

    @click.command()
    @click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
    @as_json_option
    def restore(folder: Path, as_json: bool) -> None:
        """Make an installation from the backup in FOLDER: servers without streams and topics of the product, and no worker running.

        Checks the whole backup before it writes anything. One that was cut off goes on. Then start workers, and `person verify`.

        \b
        Examples:
          person restore /srv/backups/person-2026-11-24
          PERSON_NATS_URL=nats://new:4222 PERSON_KAFKA_BOOTSTRAP=new:9092 person restore backups/person
        """
        say = None if as_json else _say
        manifest = _run(run_restore(settings(as_json), folder, say=say), as_json)
        _told(manifest, as_json, "restored. Start the workers, wait until they are ready, then run `person verify`")

    return restore


def _run(work: Coroutine[Any, Any, Manifest], as_json: bool) -> Manifest:
    try:
        return asyncio.run(work)
    except BackupError as error:
        output.fail(output.EXIT_FAILURE, str(error), as_json=as_json)
    except KafkaError as error:
        output.fail(
            output.EXIT_KAFKA, f"Kafka did not do its part ({type(error).__name__}); try again", as_json=as_json
        )
    except (BridgeError, NatsError) as error:
        output.fail(output.EXIT_NATS, str(error) or "NATS did not answer; try again, it goes on", as_json=as_json)
    except OSError as error:
        output.fail(
            output.EXIT_FAILURE, f"the folder cannot be used: {error.strerror or type(error).__name__}", as_json=as_json
        )


def _told(manifest: Manifest, as_json: bool, line: str) -> None:
    if as_json:
        data = {
            "began": manifest.began,
            "ended": manifest.ended,
            "product": manifest.product,
            "commands_decided": manifest.decided,
            "parts": [
                {
                    "name": part.name,
                    "bytes": part.size,
                    "messages": part.records if part.state is None else part.state["messages"],
                    "last_sequence": None if part.state is None else part.state["last_seq"],
                }
                for part in manifest.parts
            ],
        }
        output.envelope("ok", data)
    else:
        output.text.print(line, markup=False)


def _size(manifest: Manifest) -> str:
    return f"{sum(part.size for part in manifest.parts) / (1 << 20):.1f}"


def _say(line: str) -> None:
    output.errors.print(line, markup=False)

